/** Records as the reference's tools print them in JSON: its names, its nesting. What we do not know is
 * left out. */
import type {
  ContainerRecord,
  DatanodeDetails,
  NodeRecord,
  PipelineRecord,
  ReplicaRecord,
} from "../../../protocol/schema/records.js";
import { replicationJson } from "../replication-text.js";

type Json = Record<string, unknown>;

export function containerJson(container: ContainerRecord): Json {
  const { state } = container;
  return {
    state,
    stateEnterTime: isoTime(container.stateEnterTimeMs),
    replicationConfig: replicationJson(container.replication),
    ...(container.pipelineId === undefined ? {} : { pipelineID: { id: container.pipelineId } }),
    usedBytes: container.usedBytes,
    numberOfKeys: container.keyCount,
    owner: container.owner,
    containerID: container.containerId,
    deleteTransactionId: container.deleteTransactionId,
    sequenceId: container.sequenceId,
    open: state === "OPEN" || state === "CLOSING",
    deleted: state === "DELETED",
    ...(container.suppressed ? { suppressed: true } : {}),
  };
}

export function datanodeJson(details: DatanodeDetails): Json {
  const location = details.networkLocation ?? "/default-rack";
  const networkName = details.networkName ?? details.uuid;
  const opState = details.persistedOpState ?? "IN_SERVICE";
  return {
    level: details.level,
    cost: 0,
    numOfLeaves: 1,
    networkFullPath: `${location}/${networkName}`,
    networkLocation: location,
    networkName,
    id: { uuid: details.uuid },
    uuidString: details.uuid,
    ipAddress: details.ipAddress,
    hostName: details.hostName,
    ports: details.ports.map(({ name, value }) => ({ name, value })),
    certSerialId: details.certSerialId,
    version: details.version,
    setupTime: details.setupTime ?? 0,
    revision: details.revision,
    persistedOpState: opState,
    persistedOpStateExpiryEpochSec: details.persistedOpStateExpiry ?? 0,
    currentVersion: details.currentVersion ?? 1,
    decommissioned: opState === "DECOMMISSIONED" || opState === "DECOMMISSIONING",
    maintenance: opState === "IN_MAINTENANCE" || opState === "ENTERING_MAINTENANCE",
  };
}

export function pipelineJson(pipeline: PipelineRecord): Json {
  const nodes = pipeline.members.map(({ details }) => datanodeJson(details));
  const leader = pipeline.members.find(({ details }) => details.uuid === pipeline.leaderId);
  const indexes = pipeline.members.filter(({ replicaIndex }) => replicaIndex > 0);
  return {
    id: { id: pipeline.pipelineId },
    replicationConfig: replicationJson(pipeline.replication),
    type: pipeline.replication.type,
    pipelineState: pipeline.state,
    creationTimestamp: isoTime(pipeline.creationTimeMs),
    stateEnterTime: isoTime(pipeline.stateEnterTimeMs),
    nodes,
    replicaIndexes: Object.fromEntries(
      indexes.map(({ details, replicaIndex }) => [details.uuid, replicaIndex]),
    ),
    ...(pipeline.leaderId === undefined ? {} : { leaderId: { uuid: pipeline.leaderId } }),
    ...(leader === undefined ? {} : { leaderNode: datanodeJson(leader.details) }),
    ...(pipeline.suggestedLeaderId === undefined
      ? {}
      : { suggestedLeaderId: { uuid: pipeline.suggestedLeaderId } }),
    empty: nodes.length === 0,
  };
}

/** @param location the datanode's details, undefined when it is not known any more */
export function replicaJson(replica: ReplicaRecord, location: DatanodeDetails | undefined): Json {
  return {
    containerID: replica.containerId,
    state: replica.state,
    datanodeDetails:
      location === undefined
        ? { id: { uuid: replica.datanode }, uuidString: replica.datanode }
        : datanodeJson(location),
    placeOfBirth: { uuid: replica.originNodeId },
    sequenceId: replica.sequenceId,
    keyCount: replica.keyCount,
    bytesUsed: replica.usedBytes,
    replicaIndex: replica.replicaIndex,
    dataChecksum: replica.dataChecksum.toString(16),
    ...(replica.isStale === true ? { stale: true } : {}),
  };
}

/** An element of `datanode list --json`. */
export function nodeJson(node: NodeRecord): Json {
  const { details, operationalState, health } = node;
  const { decommissioned: _, maintenance: __, ...shape } = datanodeJson(details);
  return {
    id: details.uuid,
    hostName: details.hostName,
    ipAddress: details.ipAddress,
    ports: shape["ports"],
    setupTime: shape["setupTime"],
    currentVersion: shape["currentVersion"],
    opState: operationalState,
    persistedOpState: shape["persistedOpState"],
    persistedOpStateExpiryEpochSec: shape["persistedOpStateExpiryEpochSec"],
    healthState: health,
    decommissioned: operationalState === "DECOMMISSIONED" || operationalState === "DECOMMISSIONING",
    maintenance: operationalState === "IN_MAINTENANCE" || operationalState === "ENTERING_MAINTENANCE",
    level: shape["level"],
    cost: 0,
    numOfLeaves: 1,
    networkFullPath: shape["networkFullPath"],
    networkLocation: shape["networkLocation"],
    networkName: shape["networkName"],
  };
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
