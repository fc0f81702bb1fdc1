import type { JsonObject, Run } from "../../../scripts/replay/trace.js";

/** Lines of a trace, call by call, for a cluster that is not on one machine. */
export type Line = Readonly<Record<string, unknown>>;

export interface TraceNode {
  readonly caller: string;
  readonly uuid: string;
  readonly ipAddress: string;
  readonly hostName: string;
}

/** A datanode of its own: uuid, address and name follow from `number` (1 … 9). */
export function traceNode(number: number): TraceNode {
  return {
    caller: `datanode-${number}`,
    uuid: `fcb42188-75fc-426e-ad39-49120aaf52${number}d`,
    ipAddress: `10.0.0.${number}`,
    hostName: `node${number}.example.com`,
  };
}

const PORTS = [{ name: "RATIS", value: 9858 }];
const LAYOUT = { metadataLayoutVersion: 10, softwareLayoutVersion: 10 };
const VOLUME = {
  storageUuid: "DS-1",
  storageLocation: "/data",
  capacity: 1000,
  scmUsed: 100,
  remaining: -1,
  storageType: "DISK",
  failed: false,
};

export function detailsOf({ uuid, ipAddress, hostName }: TraceNode): Line {
  return { uuid, ipAddress, hostName, ports: PORTS, currentVersion: 3 };
}

export function event(atMs: number, name: string): Line {
  return { t_ms: atMs, event: name };
}

export function register(
  atMs: number,
  node: TraceNode,
  reports: readonly Line[] = [],
  options: { softwareLayout?: number; errorCode?: string } = {},
): Line {
  const { softwareLayout = 10, errorCode = "success" } = options;
  const { uuid, ipAddress, hostName } = node;
  const registerRequest = {
    // What the datanode believes of its address is not what the SCM sees.
    extendedDatanodeDetails: {
      datanodeDetails: { ...detailsOf(node), ipAddress: "127.0.1.1", hostName: "localhost" },
      version: "2.2.0",
    },
    nodeReport: { storageReport: [VOLUME] },
    containerReport: reports.length === 0 ? {} : { reports },
    pipelineReports: {},
    dataNodeLayoutVersion: { ...LAYOUT, softwareLayoutVersion: softwareLayout },
  };
  const registerResponse = { errorCode, datanodeUUID: uuid, ipAddress, hostname: hostName };
  return call(
    atMs,
    node.caller,
    "SCMDatanodeProtocol",
    "Register",
    { registerRequest },
    { registerResponse },
  );
}

export function heartbeat(
  atMs: number,
  node: TraceNode,
  parts: object = {},
  commands: readonly object[] = [],
): Line {
  const sendHeartbeatRequest = {
    datanodeDetails: detailsOf(node),
    dataNodeLayoutVersion: LAYOUT,
    ...parts,
  };
  const sendHeartbeatResponse = { datanodeUUID: node.uuid, ...(commands.length > 0 ? { commands } : {}) };
  return call(
    atMs,
    node.caller,
    "SCMDatanodeProtocol",
    "SendHeartbeat",
    { sendHeartbeatRequest },
    { sendHeartbeatResponse },
  );
}

export function admin(atMs: number, type: string, request: Line, response: Line): Line {
  return call(atMs, "admin", "ScmContainerLocation", type, request, response);
}

export function allocation(atMs: number, containerIds: readonly number[], pipeline: Line): Line {
  const blocks = containerIds.map((containerID) => ({
    containerBlockID: { containerID, localID: "117883640217600001" },
    pipeline,
  }));
  const request = { allocateScmBlockRequest: { size: 1, numBlocks: blocks.length, owner: "om" } };
  const response = { allocateScmBlockResponse: { blocks } };
  return call(atMs, "om", "BlockLocationProtocol", "AllocateScmBlock", request, response);
}

export function ratisOne(node: TraceNode, number: number): Line {
  const id = { id: `1a6ee2b0-0092-447f-ae43-18e92f0bc6b${number}` };
  return { members: [detailsOf(node)], type: "RATIS", factor: "ONE", id, leaderID: node.uuid };
}

export function replica(containerID: number, more: object = {}): Line {
  return { containerID, state: "CLOSED", used: 10, keyCount: 1, blockCommitSequenceId: 5, ...more };
}

/** One node of an answer to QueryNode or SingleNodeQuery. */
export function nodeAnswer(node: TraceNode, health: string, operationalState = "IN_SERVICE"): Line {
  return {
    nodeID: detailsOf(node),
    nodeStates: [health],
    nodeOperationalStates: [operationalState],
    totalVolumeCount: 1,
    healthyVolumeCount: 1,
  };
}

export function traceText(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

function call(
  atMs: number,
  caller: string,
  service: string,
  type: string,
  request: Line,
  response: Line,
): Line {
  return { t_ms: atMs, took_ms: 0, caller, service, type, request, response };
}

/** The lines as a run of one scene, without a file. */
export function runOf(lines: readonly Line[]): Run {
  const read = lines.map((line, index) => ({
    atMs: Number(line["t_ms"]),
    where: `line ${index + 1}`,
    event: line["event"] as string | undefined,
    caller: String(line["caller"]),
    service: String(line["service"]),
    type: String(line["type"]),
    request: (line["request"] ?? {}) as JsonObject,
    response: line["response"] as JsonObject | undefined,
  }));
  return { name: "run", scenes: [{ name: "scene", lines: read }] };
}

/** A container as answers show it. */
export function containerInfo(containerID: number, more: object = {}): Line {
  return {
    containerID,
    state: "OPEN",
    usedBytes: 0,
    numberOfKeys: 0,
    sequenceId: 0,
    owner: "om",
    deleteTransactionId: 0,
    replicationType: "RATIS",
    replicationFactor: "ONE",
    ...more,
  };
}

export function getContainer(atMs: number, info: Line): Line {
  return admin(
    atMs,
    "GetContainer",
    { getContainerRequest: { containerID: info["containerID"] } },
    { getContainerResponse: { containerInfo: info } },
  );
}

export function listContainers(atMs: number, infos: readonly Line[], filter: object = {}): Line {
  return admin(
    atMs,
    "ListContainer",
    { scmListContainerRequest: { count: 20, startContainerID: 0, ...filter } },
    { scmListContainerResponse: { containers: infos, containerCount: infos.length } },
  );
}

export function closeContainer(atMs: number, containerID: number, status?: string): Line {
  return admin(
    atMs,
    "CloseContainer",
    { scmCloseContainerRequest: { containerID } },
    { scmCloseContainerResponse: status === undefined ? {} : { status } },
  );
}

/** The call failed: an error instead of an answer. */
export function failed(line: Line): Line {
  return { ...line, response: undefined, error: "InvalidStateTransitionException: no" };
}

export function replicasAnswer(
  atMs: number,
  containerID: number,
  replicas: readonly (readonly [TraceNode, Line])[],
): Line {
  const containerReplica = replicas.map(
    ([node, { state, used, keyCount, blockCommitSequenceId, ...more }]) => ({
      containerID,
      state,
      datanodeDetails: detailsOf(node),
      placeOfBirth: more["originNodeId"] ?? node.uuid,
      sequenceID: blockCommitSequenceId,
      keyCount,
      bytesUsed: used,
      replicaIndex: more["replicaIndex"],
      dataChecksum: more["dataChecksum"],
    }),
  );
  return admin(
    atMs,
    "GetContainerReplicas",
    { getContainerReplicasRequest: { containerID } },
    { getContainerReplicasResponse: { containerReplica } },
  );
}

/** A heartbeat with an incremental report. */
export function changed(atMs: number, node: TraceNode, report: readonly Line[]): Line {
  return heartbeat(atMs, node, { incrementalContainerReport: [{ report }] });
}

/** An EC pipeline over all the nodes, in the order of their indexes. */
export function ecPipeline(nodes: readonly TraceNode[], data: number, parity: number): Line {
  const id = { id: "4cf83177-2233-46d7-979e-e9a22acf86e5" };
  const ecReplicationConfig = { data, parity, codec: "rs", ecChunkSize: 1_048_576 };
  const memberReplicaIndexes = nodes.map((_, index) => index + 1);
  return { members: nodes.map(detailsOf), type: "EC", id, ecReplicationConfig, memberReplicaIndexes };
}
