/** Lines of a trace as the reference's recorder writes them, small enough to read. */
export interface TraceOptions {
  /** Bytes that the answer to GetContainerReplicas claims; the datanode reported 1,000. */
  readonly answeredUsedBytes: number;
}

const NODE = "fcb42188-75fc-426e-ad39-49120aaf524d";
const PIPELINE = "1a6ee2b0-0092-447f-ae43-18e92f0bc6ba";
const DETAILS = {
  uuid: NODE,
  ipAddress: "127.0.0.1",
  hostName: "localhost",
  ports: [{ name: "RATIS", value: 20104 }],
  persistedOpStateExpiry: 0,
  currentVersion: 3,
};
const LAYOUT = { metadataLayoutVersion: 10, softwareLayoutVersion: 10 };
const VOLUME = {
  storageUuid: "DS-1",
  storageLocation: "/dn1/data",
  capacity: 1000,
  scmUsed: 100,
  remaining: 900,
  storageType: "DISK",
  failed: false,
  committed: 0,
  freeSpaceToSpare: 0,
  reserved: 0,
};
const DATANODE = { caller: "dn1", service: "SCMDatanodeProtocol", took_ms: 0 };

/** One datanode registers, a container is allocated, its replica reported; the SCM stops and starts; the
 * datanode's kept heartbeats come before it registers again. */
export function smallTrace({ answeredUsedBytes }: TraceOptions): string {
  const lines = [
    { t_ms: 0, event: "scm-started" },
    { t_ms: 1000, ...version() },
    { t_ms: 1100, ...register({}) },
    { t_ms: 2000, ...allocate() },
    { t_ms: 3000, ...heartbeat({ incrementalContainerReport: [{ report: [replica("OPEN", 0)] }] }) },
    { t_ms: 5000, ...heartbeat({ containerReport: { reports: [replica("CLOSED", 1000)] } }) },
    { t_ms: 5500, ...replicas(answeredUsedBytes) },
    { t_ms: 6000, event: "scm-stopped" },
    { t_ms: 20_000, event: "scm-started" },
    { t_ms: 20_100, ...heartbeat({}, [{ commandType: "reregisterCommand", term: 0 }]) },
    { t_ms: 20_200, ...heartbeat({}, [{ commandType: "reregisterCommand", term: 0 }]) },
    { t_ms: 20_500, ...version() },
    { t_ms: 20_600, ...register({ reports: [replica("CLOSED", 1000)] }) },
    { t_ms: 22_000, ...heartbeat({}) },
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

function version() {
  return {
    ...DATANODE,
    type: "GetVersion",
    request: {},
    response: { getVersionResponse: { softwareVersion: 1, keys: [{ key: "scmUuid", value: "x" }] } },
  };
}

function register(containerReport: object) {
  return {
    ...DATANODE,
    type: "Register",
    request: {
      registerRequest: {
        extendedDatanodeDetails: { datanodeDetails: DETAILS, version: "2.2.0", setupTime: 1_795_212_807_644 },
        nodeReport: { storageReport: [VOLUME], metadataStorageReport: [] },
        containerReport,
        pipelineReports: {},
        dataNodeLayoutVersion: LAYOUT,
      },
    },
    response: {
      registerResponse: {
        errorCode: "success",
        datanodeUUID: NODE,
        hostname: "localhost",
        ipAddress: "127.0.0.1",
      },
    },
  };
}

function heartbeat(parts: object, commands: readonly object[] = []) {
  return {
    ...DATANODE,
    type: "SendHeartbeat",
    request: {
      sendHeartbeatRequest: { datanodeDetails: DETAILS, dataNodeLayoutVersion: LAYOUT, ...parts },
    },
    response: { sendHeartbeatResponse: { datanodeUUID: NODE, commands } },
  };
}

function replica(state: string, used: number) {
  return {
    containerID: 1,
    state,
    used,
    keyCount: 1,
    blockCommitSequenceId: 5,
    originNodeId: NODE,
    replicaIndex: 0,
    isEmpty: false,
    dataChecksum: 0,
  };
}

function allocate() {
  const pipeline = { members: [DETAILS], type: "RATIS", factor: "ONE", id: { id: PIPELINE }, leaderID: NODE };
  const block = { containerBlockID: { containerID: 1, localID: "117883640217600001" }, pipeline };
  return {
    caller: "om",
    service: "BlockLocationProtocol",
    took_ms: 0,
    type: "AllocateScmBlock",
    request: { allocateScmBlockRequest: { size: 1, numBlocks: 1, owner: "om" } },
    response: { allocateScmBlockResponse: { blocks: [block] } },
  };
}

function replicas(bytesUsed: number) {
  const answer = {
    containerID: 1,
    state: "CLOSED",
    datanodeDetails: DETAILS,
    placeOfBirth: NODE,
    sequenceID: 5,
    keyCount: 1,
    bytesUsed,
    replicaIndex: 0,
    dataChecksum: 0,
  };
  return {
    caller: "admin",
    service: "ScmContainerLocation",
    took_ms: 0,
    type: "GetContainerReplicas",
    request: { getContainerReplicasRequest: { containerID: 1 } },
    response: { getContainerReplicasResponse: { containerReplica: [answer] } },
  };
}
