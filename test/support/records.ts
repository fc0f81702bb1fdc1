import { parseUuid, type Uuid } from "../../engine/core/uuid.js";
import type {
  ContainerRecord,
  NodeRecord,
  PipelineRecord,
  ReplicaRecord,
  ReplicationRecord,
  StorageReport,
} from "../../protocol/schema/records.js";

/** Records as the SCM answers them, small and valid; each builder takes what the test is about. */

export const RATIS_THREE: ReplicationRecord = {
  type: "RATIS",
  factor: 3,
  ecData: 0,
  ecParity: 0,
  ecChunkBytes: 0,
  ecCodec: "",
};

/** A UUID that shows its number: 00000000-0000-4000-8000-000000000007. */
export function uuidOf(number: number): Uuid {
  const uuid = parseUuid(`00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`);
  if (uuid === undefined) throw new Error(`no UUID of ${number}`);
  return uuid;
}

export function volumeOf(changes: Partial<StorageReport> = {}): StorageReport {
  return {
    storageUuid: "DS-1",
    storageLocation: "/data/hdds",
    capacity: 1000,
    scmUsed: 100,
    remaining: 800,
    storageType: "DISK",
    failed: false,
    committed: 50,
    freeSpaceToSpare: 20,
    reserved: 10,
    ...changes,
  };
}

/** A healthy datanode in service with one volume. */
export function nodeOf(number: number, changes: Partial<NodeRecord> = {}): NodeRecord {
  return {
    details: {
      uuid: uuidOf(number),
      ipAddress: `10.0.0.${number}`,
      hostName: `dn${number}.example.com`,
      ports: [{ name: "RATIS", value: 9858 }],
      networkLocation: "/default-rack",
    },
    health: "HEALTHY",
    operationalState: "IN_SERVICE",
    operationalStateExpiry: 0,
    layout: { metadata: 9, software: 9 },
    lastHeartbeatAgoMs: 1500,
    report: { storageReports: [volumeOf()], metadataStorageReports: [] },
    containerCount: 4,
    pipelineCount: 1,
    fullReportComplete: true,
    ...changes,
  };
}

/** An open RATIS/THREE pipeline; the first member leads. */
export function pipelineOf(number: number, members: readonly number[]): PipelineRecord {
  const [leader] = members;
  return {
    pipelineId: uuidOf(number),
    replication: RATIS_THREE,
    state: "OPEN",
    members: members.map((member) => ({ details: nodeOf(member).details, replicaIndex: 0 })),
    ...(leader === undefined ? {} : { leaderId: uuidOf(leader) }),
    creationTimeMs: 1_700_000_000_000,
    stateEnterTimeMs: 1_700_000_000_000,
  };
}

export function containerOf(containerId: number, changes: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    containerId,
    state: "CLOSED",
    replication: RATIS_THREE,
    owner: "om1",
    usedBytes: 5,
    keyCount: 2,
    sequenceId: 9,
    deleteTransactionId: 0,
    stateEnterTimeMs: 1_700_000_000_000,
    suppressed: false,
    ...changes,
  };
}

export function replicaOf(
  containerId: number,
  datanode: number,
  changes: Partial<ReplicaRecord> = {},
): ReplicaRecord {
  return {
    containerId,
    datanode: uuidOf(datanode),
    state: "CLOSED",
    originNodeId: uuidOf(datanode),
    replicaIndex: 0,
    sequenceId: 9,
    keyCount: 2,
    usedBytes: 5,
    isEmpty: false,
    dataChecksum: 255n,
    ...changes,
  };
}
