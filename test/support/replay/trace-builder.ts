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
