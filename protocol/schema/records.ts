import {
  COMMAND_TYPE,
  CONTAINER_STATE,
  NODE_HEALTH,
  OPERATIONAL_STATE,
  PIPELINE_STATE,
  REPLICA_STATE,
  REPLICATION_TYPE,
  STORAGE_TYPE,
} from "../../engine/core/enums.js";
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
  u8,
  u16,
  u32,
  u64,
  uuid,
} from "./fields.js";
import type { ValueOfRecord } from "./types.js";

/** Records that several messages carry. Every field of the reference's wire records is here (spec 12 §8.2
 * H4). */

export const PORT = record("Port", "A named port of a datanode; names unknown here are kept.", {
  name: field(text(64), "STANDALONE, RATIS, REPLICATION, HTTP …"),
  value: field(u32, "port number"),
});
export type Port = ValueOfRecord<typeof PORT>;

export const DATANODE_DETAILS = record("DatanodeDetails", "Who a datanode is (spec 01 §1.1).", {
  uuid: field(uuid, "the only identity"),
  ipAddress: field(text(64), "as the datanode says; the SCM records the peer address"),
  hostName: field(text(255), "as the datanode says"),
  ports: field(list(recordOf(PORT), 32), "all ports"),
  certSerialId: field(optional(text(64)), "serial of its certificate, verbatim"),
  networkName: field(optional(text(255)), "set by the SCM to the uuid text"),
  networkLocation: field(optional(text(1024)), "rack path, set by the SCM"),
  level: field(optional(u16), "depth in the topology tree"),
  persistedOpState: field(optional(enumOf(OPERATIONAL_STATE)), "on the datanode's disk; nil = IN_SERVICE"),
  persistedOpStateExpiry: field(optional(integer), "end of maintenance, 0 = never", "epoch seconds"),
  currentVersion: field(optional(integer), "datanode wire version; nil = 1"),
  version: field(optional(text(255)), "software version, at registration only"),
  setupTime: field(optional(count), "at registration only", "epoch ms"),
  revision: field(optional(text(255)), "source revision, at registration only"),
  buildDate: field(optional(text(255)), "at registration only"),
});
export type DatanodeDetails = ValueOfRecord<typeof DATANODE_DETAILS>;

export const STORAGE_REPORT = record("StorageReport", "One data volume (spec 01 §5).", {
  storageUuid: field(text(255), "id of the volume"),
  storageLocation: field(text(4096), "path on the datanode"),
  capacity: field(count, "size", "bytes"),
  scmUsed: field(count, "used by containers", "bytes"),
  remaining: field(count, "free, already net of reserved", "bytes"),
  storageType: field(enumOf(STORAGE_TYPE), "medium"),
  failed: field(bool, "the volume has failed"),
  committed: field(count, "promised to open containers", "bytes"),
  freeSpaceToSpare: field(count, "soft minimum to keep free", "bytes"),
  reserved: field(count, "kept from us", "bytes"),
  fsCapacity: field(optional(count), "raw file system size", "bytes"),
  fsAvailable: field(optional(count), "raw file system free space", "bytes"),
});
export type StorageReport = ValueOfRecord<typeof STORAGE_REPORT>;

export const METADATA_STORAGE_REPORT = record("MetadataStorageReport", "One metadata (Ratis) volume.", {
  storageLocation: field(text(4096), "path on the datanode"),
  storageType: field(enumOf(STORAGE_TYPE), "medium"),
  capacity: field(count, "size", "bytes"),
  scmUsed: field(count, "used", "bytes"),
  remaining: field(count, "free", "bytes"),
  failed: field(bool, "the volume has failed"),
});
export type MetadataStorageReport = ValueOfRecord<typeof METADATA_STORAGE_REPORT>;

export const NODE_REPORT = record(
  "NodeReport",
  "Volumes of a datanode; replaces the previous one as a whole.",
  {
    storageReports: field(list(recordOf(STORAGE_REPORT), 1024), "data volumes"),
    metadataStorageReports: field(list(recordOf(METADATA_STORAGE_REPORT), 64), "metadata volumes"),
  },
);
export type NodeReport = ValueOfRecord<typeof NODE_REPORT>;

export const LAYOUT_VERSION = record("LayoutVersion", "Layout versions of a datanode (spec 01 §1.5).", {
  metadata: field(u32, "MLV"),
  software: field(u32, "SLV"),
});
export type LayoutVersion = ValueOfRecord<typeof LAYOUT_VERSION>;

export const PIPELINE_REPORT = record("PipelineReport", "A pipeline as one member sees it.", {
  pipelineId: field(uuid, "which"),
  isLeader: field(bool, "this member leads its Raft group"),
  bytesWritten: field(count, "deprecated in the reference", "bytes"),
});
export type PipelineReport = ValueOfRecord<typeof PIPELINE_REPORT>;

export const PIPELINE_ACTION = record("PipelineAction", "A datanode asks to close a pipeline.", {
  pipelineId: field(uuid, "which"),
  reason: field(
    enumOf({ PIPELINE_FAILED: 1, PIPELINE_LOG_FAILED: 2, STATEMACHINE_TRANSACTION_FAILED: 3 }),
    "why",
  ),
  detailedReason: field(text(16_384), "for people"),
});

export const CONTAINER_ACTION = record("ContainerAction", "A datanode asks to close a container.", {
  containerId: field(count, "which"),
  reason: field(enumOf({ CONTAINER_FULL: 1, CONTAINER_UNHEALTHY: 2 }), "why"),
});

export const COMMAND_COUNT = record("CommandCount", "Commands of one type that wait on the datanode.", {
  type: field(enumOf(COMMAND_TYPE), "command type"),
  count: field(count, "waiting"),
});

export const BLOCK_DELETION_RESULT = record("BlockDeletionResult", "Outcome of one deletion transaction.", {
  transactionId: field(count, "which"),
  containerId: field(count, "in which container"),
  success: field(bool, "done"),
});

export const COMMAND_STATUS = record("CommandStatus", "What became of a command (spec 01 §5).", {
  commandId: field(count, "as sent"),
  type: field(enumOf(COMMAND_TYPE), "command type"),
  status: field(enumOf({ PENDING: 1, EXECUTED: 2, FAILED: 3 }), "outcome"),
  message: field(text(4096), "for people"),
  blockDeletions: field(list(recordOf(BLOCK_DELETION_RESULT), 65_536), "for deleteBlocksCommand"),
});

export const REPLICATION = record("Replication", "Replication configuration (spec 02 §3).", {
  type: field(enumOf(REPLICATION_TYPE), "kind"),
  factor: field(u8, "1 or 3; for EC data + parity"),
  ecData: field(u8, "data blocks, 0 unless EC"),
  ecParity: field(u8, "parity blocks, 0 unless EC"),
  ecChunkBytes: field(u32, "0 unless EC", "bytes"),
  ecCodec: field(text(16), "rs or xor, empty unless EC"),
});
export type ReplicationRecord = ValueOfRecord<typeof REPLICATION>;

export const DELETED_BLOCKS = record("DeletedBlocks", "Blocks to delete in one container (spec 05 §7).", {
  transactionId: field(count, "acknowledged by it"),
  containerId: field(count, "in which container"),
  localIds: field(list(u64, 65_536), "local ids of the blocks"),
  totalBlockSize: field(count, "of their data", "bytes"),
  totalBlockReplicatedSize: field(count, "with all replicas", "bytes"),
  totalSizePerReplica: field(count, "on one datanode", "bytes"),
});

export const COMMAND_SOURCE = record("CommandSource", "Where a replica is copied or rebuilt from.", {
  details: field(recordOf(DATANODE_DETAILS), "who"),
  replicaIndex: field(u8, "1 … n for EC, else 0"),
});

/** Commands travel as one record whose unused fields are nil: few and small, none on a hot path. */
export const COMMAND = record("Command", "An order to a datanode (spec 01 §10).", {
  type: field(enumOf(COMMAND_TYPE), "what to do"),
  commandId: field(count, "monotonic per SCM process, or the container id (spec 01 §10)"),
  term: field(count, "term of the leader; a lower one than known is dropped; 0 = exempt"),
  deadlineMs: field(count, "not after; 0 = none", "epoch ms"),
  encodedToken: field(optional(text(4096)), "container or block token"),
  containerId: field(optional(count), "for container commands"),
  pipelineId: field(optional(uuid), "for pipeline and close commands"),
  force: field(optional(bool), "close or delete without questions"),
  replicaIndex: field(optional(u8), "for EC"),
  operationalState: field(optional(enumOf(OPERATIONAL_STATE)), "for setNodeOperationalStateCommand"),
  operationalStateExpiry: field(optional(integer), "end of maintenance, 0 = never", "epoch seconds"),
  layout: field(optional(recordOf(LAYOUT_VERSION)), "for finalizeNewLayoutVersionCommand: finalize to it"),
  peers: field(
    optional(list(recordOf(DATANODE_DETAILS), 16)),
    "for reconcileContainerCommand: all other holders of a replica",
  ),
  replication: field(optional(recordOf(REPLICATION)), "for createPipelineCommand"),
  members: field(
    optional(list(recordOf(DATANODE_DETAILS), 16)),
    "for createPipelineCommand: all members, in order",
  ),
  priorities: field(
    optional(list(u8, 16)),
    "for createPipelineCommand: beside members; the highest is to lead (spec 03 §5.3)",
  ),
  deletedBlocks: field(optional(list(recordOf(DELETED_BLOCKS), 1024)), "for deleteBlocksCommand"),
  sources: field(
    optional(list(recordOf(COMMAND_SOURCE), 64)),
    "for replicateContainerCommand and reconstructECContainersCommand",
  ),
  targets: field(
    optional(list(recordOf(DATANODE_DETAILS), 64)),
    "where to: one for replicateContainerCommand, for reconstructECContainersCommand one a missing index",
  ),
  missingIndexes: field(optional(list(u8, 64)), "for reconstructECContainersCommand"),
  isLowPriority: field(
    optional(bool),
    "for replicateContainerCommand: not counted in the queue (spec 01 §4.4)",
  ),
});
export type Command = ValueOfRecord<typeof COMMAND>;

export const CONTAINER = record("Container", "A container as the SCM knows it (spec 02 §1).", {
  containerId: field(count, "1 … 2^53 − 1"),
  state: field(enumOf(CONTAINER_STATE), "life-cycle state"),
  replication: field(recordOf(REPLICATION), "configuration"),
  pipelineId: field(optional(uuid), "pipeline it was created on"),
  owner: field(text(255), "OM service id"),
  usedBytes: field(count, "as the replicas tell; before a report of one: as of the last transition", "bytes"),
  keyCount: field(count, "likewise"),
  sequenceId: field(count, "highest block commit sequence id, likewise"),
  deleteTransactionId: field(count, "deprecated in the reference"),
  stateEnterTimeMs: field(count, "when the state was entered", "epoch ms"),
  suppressed: field(bool, "left out of replication checks and reports"),
});
export type ContainerRecord = ValueOfRecord<typeof CONTAINER>;

export const PIPELINE_MEMBER = record("PipelineMember", "A member as at creation (spec 03 §2 rule 5).", {
  details: field(recordOf(DATANODE_DETAILS), "who, with addresses and ports"),
  replicaIndex: field(u8, "1 … n for EC, else 0"),
});

export const PIPELINE = record("Pipeline", "A pipeline, complete (spec 03 §2).", {
  pipelineId: field(uuid, "which"),
  replication: field(recordOf(REPLICATION), "configuration"),
  state: field(enumOf(PIPELINE_STATE), "state"),
  members: field(list(recordOf(PIPELINE_MEMBER), 64), "in order"),
  leaderId: field(optional(uuid), "last member that reported itself leader"),
  suggestedLeaderId: field(optional(uuid), "chosen at creation"),
  creationTimeMs: field(count, "", "epoch ms"),
  stateEnterTimeMs: field(count, "", "epoch ms"),
});
export type PipelineRecord = ValueOfRecord<typeof PIPELINE>;

export const PIPELINE_COUNTS = record("PipelineCounts", "Pipelines by state (spec 03 §18).", {
  allocated: field(count, "not all members have reported yet"),
  open: field(count, "written to"),
  dormant: field(count, "deactivated by an operator"),
  closed: field(count, "going to be removed"),
});

export const REPLICA = record("Replica", "A replica as last reported (spec 02 §2).", {
  containerId: field(count, "of which container"),
  datanode: field(uuid, "where"),
  state: field(enumOf(REPLICA_STATE), "replica state"),
  originNodeId: field(uuid, "where its data was first written; all zeros = not known"),
  replicaIndex: field(u8, "1 … n for EC, else 0"),
  sequenceId: field(count, "block commit sequence id"),
  keyCount: field(count, "keys"),
  usedBytes: field(count, "used", "bytes"),
  isEmpty: field(bool, "as the datanode says"),
  dataChecksum: field(u64, "0 = unknown"),
  isStale: field(
    optional(bool),
    "older than what the container has committed: recorded as it is, and proves nothing (spec 02 §9.1)",
  ),
});
export type ReplicaRecord = ValueOfRecord<typeof REPLICA>;

export const NODE = record("Node", "A datanode as the SCM sees it now.", {
  details: field(recordOf(DATANODE_DETAILS), "as recorded"),
  health: field(enumOf(NODE_HEALTH), "by heartbeats"),
  operationalState: field(enumOf(OPERATIONAL_STATE), "by the operator"),
  operationalStateExpiry: field(integer, "end of maintenance, 0 = never", "epoch seconds"),
  layout: field(recordOf(LAYOUT_VERSION), "as last reported"),
  lastHeartbeatAgoMs: field(count, "", "ms"),
  report: field(optional(recordOf(NODE_REPORT)), "last volumes; nil = none yet"),
  containerCount: field(count, "replicas it is believed to hold"),
  pipelineCount: field(count, "pipelines that are not closed"),
  fullReportComplete: field(bool, "a full report has been merged since it registered"),
});
export type NodeRecord = ValueOfRecord<typeof NODE>;

export const SCM_PEER = record("ScmPeer", "A member of the Raft group.", {
  nodeId: field(count, "Raft node id"),
  scmId: field(uuid, "identity of the SCM"),
  host: field(text(255), "host name"),
  ratisPort: field(u32, "Raft port"),
  role: field(enumOf({ LEADER: 1, FOLLOWER: 2, CANDIDATE: 3, LEARNER: 4 }), "role"),
  address: field(text(64), "IP address; empty when unknown"),
  name: field(optional(text(255)), "its name in ozone.scm.nodes.<service>; empty without a service"),
  match: field(optional(count), "last entry that it has acknowledged; told by the leader"),
  lagCount: field(optional(count), "entries that it lacks; told by the leader"),
  isLive: field(optional(bool), "answered within an election timeout; told by the leader"),
});

export const SCM_ADDRESS = record("ScmAddress", "Where a member of the group is found (spec 12 §8.2 H14).", {
  nodeId: field(count, "Raft node id"),
  scmId: field(uuid, "identity of the SCM"),
  name: field(text(255), "its name in ozone.scm.nodes.<service>; empty without a service"),
  host: field(text(255), "as configured: ozone.scm.address"),
  strataPort: field(u32, "this protocol; 0 = not served, as in all ports"),
  raftPort: field(u32, "peers"),
  httpPort: field(u32, "web pages"),
  clientPort: field(u32, "Hadoop RPC, administrators"),
  datanodePort: field(u32, "Hadoop RPC, datanodes"),
  blockPort: field(u32, "Hadoop RPC, Ozone Manager"),
  securityPort: field(u32, "Hadoop RPC, certificates"),
});
export type ScmAddress = ValueOfRecord<typeof SCM_ADDRESS>;

export const SERVICE = record("Service", "Work that an SCM does by itself (spec 07 §7).", {
  name: field(text(64), "which"),
  status: field(enumOf({ RUNNING: 1, PAUSED: 2, FAILED: 3 }), "whether it works now"),
});

export const HISTORY_ENTRY = record("HistoryEntry", "A mutation and what became of it.", {
  number: field(count, "1, 2, 3 … in the order of the log, the same on every SCM"),
  logIndex: field(count, "log entry that held it"),
  timeMs: field(count, "time of the state when it was applied", "epoch ms"),
  operation: field(text(64), "suppressContainers, setNodeIntent, importBatch, seedCluster …"),
  outcome: field(text(64), "DONE, or the code of the refusal"),
  sessionId: field(count, "session of the client, 0 = none"),
  sequence: field(count, "within the session"),
  details: field(text(512), "what it was about, empty when it was too long to be kept"),
});
export type HistoryEntryRecord = ValueOfRecord<typeof HISTORY_ENTRY>;

/** Of every mutation. */
export const SESSION_FIELDS = {
  sessionId: field(count, "from openSession; 0 = none, then the request is at-least-once"),
  sequence: field(count, "1, 2, 3 … within the session"),
  ackedSequence: field(count, "every answer up to here has been received"),
} as const;
