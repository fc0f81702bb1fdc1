import { NODE_HEALTH, OPERATIONAL_STATE } from "../../engine/core/enums.js";
import * as blocks from "./block-messages.js";
import * as containers from "./container-messages.js";
import * as datanodes from "./datanode-messages.js";
import {
  bool,
  count,
  enumOf,
  field,
  integer,
  list,
  optional,
  record,
  recordOf,
  text,
  u16,
  u32,
  uuid,
} from "./fields.js";
import * as pipelines from "./pipeline-messages.js";
import * as reads from "./read-messages.js";
import {
  HISTORY_ENTRY,
  NODE,
  PIPELINE_COUNTS,
  SCM_ADDRESS,
  SCM_PEER,
  SERVICE,
  SESSION_FIELDS,
} from "./records.js";
import * as topology from "./topology-messages.js";
import type { ValueOfRecord } from "./types.js";

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "strata.v1";
export const DATANODE_PATH = "/datanode";
export const ADMIN_PATH = "/admin";
/** Frames above this are refused: partly received frames sit in native memory (stack-limits §1). */
export const FRAME_BYTES_MAX = 256 * 1024;
/** Unanswered requests per connection. */
export const REQUESTS_IN_FLIGHT_MAX = 1024;
/** A session's mutations may run ahead of its ackedSequence by this many: as many as a connection may have
 * unanswered. It decides what `apply` refuses, so it is the same on all SCMs for ever. */
export const SESSION_WINDOW = 1024;
/** The longest host name with scheme and port. */
export const LEADER_HINT_LENGTH_MAX = 280;
const MEMBERS = list(recordOf(SCM_ADDRESS), 64);

export const ERROR_BODY = record("Error", "Body of every error answer.", {
  code: field(u16, "wire number of docs/ERRORS.md"),
  name: field(text(64), "the code's name"),
  message: field(text(4096), "for people"),
  retryAfterMs: field(count, "0 = no advice", "ms"),
  leaderHint: field(optional(text(LEADER_HINT_LENGTH_MAX)), "URL of the leader's endpoint, with NOT_LEADER"),
  term: field(count, "term known to the SCM: a hint of a lower term than one followed before is out of date"),
  members: field(optional(MEMBERS), "address book of the group, with NOT_LEADER"),
});

export const HELLO_REQUEST = record("HelloRequest", "First message of every connection.", {
  protocolVersionMax: field(u16, "highest version the client speaks"),
  clientName: field(text(255), "for logs: program and version"),
  clusterId: field(optional(text(64)), "refused when it is another cluster; nil = any"),
});
export const HELLO_RESPONSE = record("HelloResponse", "Who answers, and its limits.", {
  protocolVersion: field(u16, "version used from now on"),
  clusterId: field(text(64), "cluster id"),
  scmId: field(uuid, "this SCM"),
  term: field(count, "current term"),
  isLeader: field(bool, "whether this SCM leads"),
  frameBytesMax: field(u32, "limit of a frame", "bytes"),
  requestsInFlightMax: field(u32, "limit of unanswered requests"),
  heartbeatIntervalMs: field(u32, "how often datanodes should send heartbeats", "ms"),
  leaderHint: field(optional(text(LEADER_HINT_LENGTH_MAX)), "URL of the leader's endpoint, nil when unknown"),
  members: field(optional(MEMBERS), "address book of the group"),
});

export const FIND_LEADER_REQUEST = record(
  "FindLeaderRequest",
  "Asks any member who leads; answered at once, whatever the member is doing.",
  {},
);
export const FIND_LEADER_RESPONSE = record("FindLeaderResponse", "What this SCM knows of the leader.", {
  term: field(count, "term known to the SCM"),
  isLeader: field(bool, "this SCM leads and serves"),
  leaderHint: field(optional(text(LEADER_HINT_LENGTH_MAX)), "URL of the leader's endpoint, nil when unknown"),
  members: field(optional(MEMBERS), "address book of the group"),
});

export const OPEN_SESSION_REQUEST = record("OpenSessionRequest", "Opens a session for mutations.", {
  clientName: field(text(255), "for the audit log"),
});
export const OPEN_SESSION_RESPONSE = record("OpenSessionResponse", "The session.", {
  sessionId: field(count, "goes into every mutation"),
});

export const SCM_INFO_REQUEST = record("ScmInfoRequest", "Who this SCM is, and its figures.", {});
export const SCM_INFO_RESPONSE = record("ScmInfoResponse", "Identity and live figures.", {
  clusterId: field(text(64), "cluster id"),
  scmId: field(uuid, "this SCM"),
  term: field(count, "current term"),
  appliedIndex: field(count, "last applied log index"),
  durableAppliedIndex: field(count, "state on disk reaches here"),
  stateHash: field(text(32), "hash over the replicated state"),
  nodeCount: field(count, "datanodes known"),
  healthyNodeCount: field(count, "datanodes healthy"),
  containerCount: field(count, "containers"),
  replicaCount: field(count, "replicas"),
  pipelineCount: field(count, "pipelines"),
  heartbeatCount: field(count, "since start"),
  reportRowCount: field(count, "rows merged since start"),
  operationCount: field(count, "operations applied since start"),
  logBatchCount: field(count, "synced log batches since start"),
  importAllowed: field(bool, "the floors of --init were given, and the import has not ended"),
  primaryScmId: field(optional(uuid), "SCM that founded the cluster"),
  services: field(optional(list(recordOf(SERVICE), 64)), "work that this SCM does by itself"),
  pipelineCounts: field(optional(recordOf(PIPELINE_COUNTS)), "of these pipelines, by state"),
});
export const SCM_ROLES_REQUEST = record("ScmRolesRequest", "Members of the Raft group.", {});
export const SCM_ROLES_RESPONSE = record("ScmRolesResponse", "One entry a member.", {
  peers: field(list(recordOf(SCM_PEER), 64), "members"),
  term: field(optional(count), "term known to this SCM"),
  configVersion: field(optional(count), "log index of the last change of membership, 0 = none yet"),
  isJoint: field(optional(bool), "a change of several voters is half done"),
});
export const ADD_SCM_REQUEST = record(
  "AddScmRequest",
  "Adds an SCM to the group as a learner; one that is in it already changes nothing.",
  {
    clusterId: field(text(64), "refused when it is another cluster"),
    scm: field(recordOf(SCM_ADDRESS), "who, and where it is found; its nodeId is 0"),
    expectedVersion: field(optional(count), "refused when configVersion is another one; nil = any"),
  },
);
export const ADD_SCM_RESPONSE = record("AddScmResponse", "It is in the group.", {
  nodeId: field(count, "its Raft node id, for ever"),
  clusterId: field(text(64), "cluster id"),
  primaryScmId: field(uuid, "SCM that founded the cluster"),
  configVersion: field(count, "now"),
});
export const DECOMMISSION_SCM_REQUEST = record(
  "DecommissionScmRequest",
  "Removes an SCM from the group for good; one that was removed changes nothing.",
  {
    scmId: field(uuid, "which"),
    force: field(bool, "also when a lone voter is left"),
    expectedVersion: field(optional(count), "refused when configVersion is another one; nil = any"),
  },
);
export const DECOMMISSION_SCM_RESPONSE = record("DecommissionScmResponse", "It is in the group no more.", {
  configVersion: field(count, "now"),
});
export const TRANSFER_LEADERSHIP_REQUEST = record("TransferLeadershipRequest", "Lets another SCM lead.", {
  scmId: field(optional(uuid), "which; nil = the one that has most of the log"),
});
export const TRANSFER_LEADERSHIP_RESPONSE = record("TransferLeadershipResponse", "It leads.", {
  scmId: field(uuid, "the leader now"),
});

export const LIST_NODES_REQUEST = record("ListNodesRequest", "Datanodes, ordered by uuid.", {
  after: field(optional(uuid), "cursor: last uuid of the page before"),
  countMax: field(u16, "1 … 256"),
  health: field(optional(enumOf(NODE_HEALTH)), "only these"),
  operationalState: field(optional(enumOf(OPERATIONAL_STATE)), "only these"),
});
export const LIST_NODES_RESPONSE = record("ListNodesResponse", "A page.", {
  nodes: field(list(recordOf(NODE), 256), "datanodes"),
  more: field(bool, "there are more"),
});
export const GET_NODE_REQUEST = record("GetNodeRequest", "One datanode.", { uuid: field(uuid, "which") });
export const GET_NODE_RESPONSE = record("GetNodeResponse", "The datanode.", {
  node: field(recordOf(NODE), "the datanode"),
});

export const SET_NODE_OPERATIONAL_STATE_REQUEST = record(
  "SetNodeOperationalStateRequest",
  "Records the operator's intent for a datanode (spec 01 §16.3).",
  {
    ...SESSION_FIELDS,
    uuid: field(uuid, "which datanode"),
    operationalState: field(enumOf(OPERATIONAL_STATE), "wanted state"),
    operationalStateExpiry: field(integer, "end of maintenance, 0 = never", "epoch seconds"),
  },
);
export const SET_NODE_OPERATIONAL_STATE_RESPONSE = record(
  "SetNodeOperationalStateResponse",
  "Committed.",
  {},
);

export const LIST_HISTORY_REQUEST = record(
  "ListHistoryRequest",
  "Mutations in the order of the log; the oldest are deleted in time.",
  {
    start: field(optional(count), "number of the first; nil = so that the newest ones come"),
    countMax: field(u16, "1 … 256"),
  },
);
export const LIST_HISTORY_RESPONSE = record(
  "ListHistoryResponse",
  "A page: the state of the answering SCM at one index.",
  {
    entries: field(list(recordOf(HISTORY_ENTRY), 256), "mutations, ascending by number"),
    appliedIndex: field(count, "log index that the page shows"),
    next: field(optional(count), "start of the next page, nil when there are no more"),
  },
);

const BOTH = [DATANODE_PATH, ADMIN_PATH] as const;
const DATANODE = [DATANODE_PATH] as const;
const ADMIN = [ADMIN_PATH] as const;

const DATANODE_OPERATIONS = {
  hello: { op: 1, paths: BOTH, request: HELLO_REQUEST, response: HELLO_RESPONSE },
  register: {
    op: 2,
    paths: DATANODE,
    request: datanodes.REGISTER_REQUEST,
    response: datanodes.REGISTER_RESPONSE,
  },
  heartbeat: {
    op: 3,
    paths: DATANODE,
    request: datanodes.HEARTBEAT_REQUEST,
    response: datanodes.HEARTBEAT_RESPONSE,
  },
  fullReportBegin: {
    op: 4,
    paths: DATANODE,
    request: datanodes.FULL_REPORT_BEGIN_REQUEST,
    response: datanodes.FULL_REPORT_BEGIN_RESPONSE,
  },
  fullReportChunk: {
    op: 5,
    paths: DATANODE,
    request: datanodes.FULL_REPORT_CHUNK_REQUEST,
    response: datanodes.FULL_REPORT_CHUNK_RESPONSE,
  },
  incrementalReport: {
    op: 6,
    paths: DATANODE,
    request: datanodes.INCREMENTAL_REPORT_REQUEST,
    response: datanodes.INCREMENTAL_REPORT_RESPONSE,
  },
  takeBackCommands: {
    op: 8,
    paths: DATANODE,
    request: datanodes.TAKE_BACK_COMMANDS_REQUEST,
    response: datanodes.TAKE_BACK_COMMANDS_RESPONSE,
  },
} as const;

const BASE_OPERATIONS = {
  openSession: { op: 32, paths: ADMIN, request: OPEN_SESSION_REQUEST, response: OPEN_SESSION_RESPONSE },
  scmInfo: { op: 33, paths: ADMIN, request: SCM_INFO_REQUEST, response: SCM_INFO_RESPONSE },
  scmRoles: { op: 34, paths: ADMIN, request: SCM_ROLES_REQUEST, response: SCM_ROLES_RESPONSE },
  listHistory: { op: 35, paths: ADMIN, request: LIST_HISTORY_REQUEST, response: LIST_HISTORY_RESPONSE },
  findLeader: { op: 39, paths: ADMIN, request: FIND_LEADER_REQUEST, response: FIND_LEADER_RESPONSE },
  addScm: { op: 36, paths: ADMIN, request: ADD_SCM_REQUEST, response: ADD_SCM_RESPONSE },
  decommissionScm: {
    op: 37,
    paths: ADMIN,
    request: DECOMMISSION_SCM_REQUEST,
    response: DECOMMISSION_SCM_RESPONSE,
  },
  transferLeadership: {
    op: 38,
    paths: ADMIN,
    request: TRANSFER_LEADERSHIP_REQUEST,
    response: TRANSFER_LEADERSHIP_RESPONSE,
  },
  listNodes: { op: 40, paths: ADMIN, request: LIST_NODES_REQUEST, response: LIST_NODES_RESPONSE },
  getNode: { op: 41, paths: ADMIN, request: GET_NODE_REQUEST, response: GET_NODE_RESPONSE },
  setNodeOperationalState: {
    op: 42,
    paths: ADMIN,
    request: SET_NODE_OPERATIONAL_STATE_REQUEST,
    response: SET_NODE_OPERATIONAL_STATE_RESPONSE,
  },
  listNodeContainers: {
    op: 43,
    paths: ADMIN,
    request: containers.LIST_NODE_CONTAINERS_REQUEST,
    response: containers.LIST_NODE_CONTAINERS_RESPONSE,
  },
  listContainers: {
    op: 50,
    paths: ADMIN,
    request: containers.LIST_CONTAINERS_REQUEST,
    response: containers.LIST_CONTAINERS_RESPONSE,
  },
  getContainer: {
    op: 51,
    paths: ADMIN,
    request: containers.GET_CONTAINER_REQUEST,
    response: containers.GET_CONTAINER_RESPONSE,
  },
  getContainerReplicas: {
    op: 52,
    paths: ADMIN,
    request: containers.GET_CONTAINER_REPLICAS_REQUEST,
    response: containers.GET_CONTAINER_REPLICAS_RESPONSE,
  },
  suppressContainers: {
    op: 53,
    paths: ADMIN,
    request: containers.SUPPRESS_CONTAINERS_REQUEST,
    response: containers.SUPPRESS_CONTAINERS_RESPONSE,
  },
  import: {
    op: 54,
    paths: ADMIN,
    request: containers.IMPORT_REQUEST,
    response: containers.IMPORT_RESPONSE,
  },
  endImport: {
    op: 49,
    paths: ADMIN,
    request: containers.END_IMPORT_REQUEST,
    response: containers.END_IMPORT_RESPONSE,
  },
  closeContainer: {
    op: 55,
    paths: ADMIN,
    request: containers.CLOSE_CONTAINER_REQUEST,
    response: containers.CLOSE_CONTAINER_RESPONSE,
  },
  deleteContainer: {
    op: 56,
    paths: ADMIN,
    request: containers.DELETE_CONTAINER_REQUEST,
    response: containers.DELETE_CONTAINER_RESPONSE,
  },
  reconcileContainer: {
    op: 57,
    paths: ADMIN,
    request: containers.RECONCILE_CONTAINER_REQUEST,
    response: containers.RECONCILE_CONTAINER_RESPONSE,
  },
  getContainers: {
    op: 58,
    paths: ADMIN,
    request: containers.GET_CONTAINERS_REQUEST,
    response: containers.GET_CONTAINERS_RESPONSE,
  },
  listContainerIds: {
    op: 59,
    paths: ADMIN,
    request: containers.LIST_CONTAINER_IDS_REQUEST,
    response: containers.LIST_CONTAINER_IDS_RESPONSE,
  },
  containerReport: {
    op: 61,
    paths: ADMIN,
    request: containers.CONTAINER_REPORT_REQUEST,
    response: containers.CONTAINER_REPORT_RESPONSE,
  },
  getContainerCount: {
    op: 62,
    paths: ADMIN,
    request: containers.GET_CONTAINER_COUNT_REQUEST,
    response: containers.GET_CONTAINER_COUNT_RESPONSE,
  },
  getClusterTree: {
    op: 70,
    paths: ADMIN,
    request: topology.GET_CLUSTER_TREE_REQUEST,
    response: topology.GET_CLUSTER_TREE_RESPONSE,
  },
  sortDatanodes: {
    op: 71,
    paths: ADMIN,
    request: topology.SORT_DATANODES_REQUEST,
    response: topology.SORT_DATANODES_RESPONSE,
  },
  allocateBlocks: {
    op: 72,
    paths: ADMIN,
    request: blocks.ALLOCATE_BLOCKS_REQUEST,
    response: blocks.ALLOCATE_BLOCKS_RESPONSE,
  },
  allocateContainer: {
    op: 73,
    paths: ADMIN,
    request: blocks.ALLOCATE_CONTAINER_REQUEST,
    response: blocks.ALLOCATE_CONTAINER_RESPONSE,
  },
  getContainersWithPipelines: {
    op: 74,
    paths: ADMIN,
    request: reads.GET_CONTAINERS_WITH_PIPELINES_REQUEST,
    response: reads.GET_CONTAINERS_WITH_PIPELINES_RESPONSE,
  },
} as const;

const PIPELINE_OPERATIONS = {
  listPipelines: {
    op: 60,
    paths: ADMIN,
    request: pipelines.LIST_PIPELINES_REQUEST,
    response: pipelines.LIST_PIPELINES_RESPONSE,
  },
  createPipeline: {
    op: 63,
    paths: ADMIN,
    request: pipelines.CREATE_PIPELINE_REQUEST,
    response: pipelines.CREATE_PIPELINE_RESPONSE,
  },
  closePipeline: {
    op: 64,
    paths: ADMIN,
    request: pipelines.CLOSE_PIPELINE_REQUEST,
    response: pipelines.CLOSE_PIPELINE_RESPONSE,
  },
  activatePipeline: {
    op: 65,
    paths: ADMIN,
    request: pipelines.ACTIVATE_PIPELINE_REQUEST,
    response: pipelines.ACTIVATE_PIPELINE_RESPONSE,
  },
  deactivatePipeline: {
    op: 66,
    paths: ADMIN,
    request: pipelines.DEACTIVATE_PIPELINE_REQUEST,
    response: pipelines.DEACTIVATE_PIPELINE_RESPONSE,
  },
  getPipeline: {
    op: 67,
    paths: ADMIN,
    request: pipelines.GET_PIPELINE_REQUEST,
    response: pipelines.GET_PIPELINE_RESPONSE,
  },
} as const;

/** In parts: a type of all in one is longer than the compiler writes down. */
interface Operations extends DatanodeOperations, BaseOperations, PipelineOperations {}
type DatanodeOperations = typeof DATANODE_OPERATIONS;
type BaseOperations = typeof BASE_OPERATIONS;
type PipelineOperations = typeof PIPELINE_OPERATIONS;

/** Every operation. Numbers are for ever. Each request gets one answer with the same op and request id
 * (flag ANSWER), or an error answer (flags ANSWER and ERROR), or the connection is closed with a coded
 * reason. */
export const OPERATIONS: Operations = { ...DATANODE_OPERATIONS, ...BASE_OPERATIONS, ...PIPELINE_OPERATIONS };

export type OperationName = keyof typeof OPERATIONS;
export type RequestOf<N extends OperationName> = ValueOfRecord<(typeof OPERATIONS)[N]["request"]>;
export type ResponseOf<N extends OperationName> = ValueOfRecord<(typeof OPERATIONS)[N]["response"]>;
