/** Every error that can leave this process: one table, stable codes and wire numbers. `docs/ERRORS.md` is
 * generated from it. A number is never used again for something else; new errors go at the end of their
 * group.
 *
 * `{name}` in a template is filled from the error's details. `retry` tells the client: `never` (change
 * the request), `elsewhere` (another SCM), `later` (same request after `retryAfterMs`), `unknown` (it may
 * have been done: ask). `hadoop` is the exception class that a Hadoop RPC client understands (spec 12
 * §3). */
export const ERROR_CLASSES = [
  "CorruptionError",
  "StorageError",
  "ProtocolError",
  "NotLeaderError",
  "UnavailableError",
  "RejectedError",
  "ConfigError",
] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];
export type RetryAdvice = "never" | "elsewhere" | "later" | "unknown";

export interface ErrorDefinition {
  readonly wire: number;
  readonly class: ErrorClass;
  readonly template: string;
  readonly retry: RetryAdvice;
  /** What a person does about it. */
  readonly action: string;
}

const FIX_REQUEST = "Correct the request.";
const FIX_CLIENT = "The peer breaks the protocol: compare its version with docs/PROTOCOL.md.";
const INITIALIZE = "Run `strata scm --init` to found a cluster, or `strata scm --bootstrap` to join one.";
const RUN_VERIFY = "Stop the SCM and run `strata verify DIR`, which names the damaged bytes and the way out.";

export const ERRORS = {
  // 100 … protocol: the peer broke the wire contract; its connection is closed with the code.
  FRAME_TRUNCATED: protocol(100, "frame of {bytes} bytes is shorter than its header says"),
  FRAME_TOO_LARGE: protocol(101, "frame of {bytes} bytes exceeds the limit of {limit}"),
  FRAME_VERSION: protocol(102, "frame version {version} is not supported"),
  FRAME_MALFORMED: protocol(103, "frame header is malformed: {reason}"),
  BODY_MALFORMED: protocol(104, "message body is not valid msgpack: {reason}"),
  FIELD_INVALID: protocol(105, "{message}.{field}: {reason}"),
  HELLO_EXPECTED: protocol(106, "the first message must be hello"),
  HELLO_REPEATED: protocol(107, "hello was sent twice"),
  REPORT_OUT_OF_ORDER: protocol(108, "report rows are not ascending by container id at row {row}"),
  REPORT_ROW_INVALID: protocol(109, "report row {row} is invalid: {reason}"),
  REPORT_NOT_GRANTED: protocol(110, "report chunk without credit"),
  REPORT_RANGE: protocol(111, "report chunk is out of range: {reason}"),
  TOO_MANY_REQUESTS: protocol(112, "more than {limit} requests without an answer on one connection"),
  REQUEST_ID: protocol(113, "request id {requestId} is not a new positive integer"),
  SLOW_CONSUMER: protocol(114, "the peer does not read: {bytes} bytes wait to be sent"),
  NOT_REGISTERED: protocol(115, "the datanode has not registered on this connection"),
  UNSUPPORTED_OPERATION: {
    wire: 116,
    class: "RejectedError",
    template: "operation {op} is not known here",
    retry: "never",
    action: "Use a server of at least the version that docs/PROTOCOL.md names for this operation.",
  },
  HANDSHAKE_TIMEOUT: protocol(117, "no hello within {limitMs} ms"),
  REPLACED_BY_NEW_CONNECTION: protocol(118, "the sender opened a newer connection"),
  REQUEST_TIMEOUT: {
    wire: 119,
    class: "UnavailableError",
    template: "no answer within {timeoutMs} ms",
    retry: "unknown",
    action: "The request may have been carried out: read the state, or retry within the same session.",
  },
  TOO_MANY_CONNECTIONS: protocol(120, "more than {limit} connections from {address}"),
  REPORT_STALLED: protocol(121, "a report has credit, but no chunk came for {limitMs} ms"),
  PEER_MESSAGE_INVALID: protocol(122, "a member's message cannot be: {reason}"),
  PEER_SILENT: protocol(123, "nothing was heard for {limitMs} ms"),
  // The text that Java's parser gives, which its clients know (spec 12 §1).
  PROTOBUF_INCOMPLETE: protocol(124, "Message missing required fields: {fields}"),
  PROTOBUF_MALFORMED: protocol(125, "{message} is not valid protobuf: {reason}"),
  SNAPSHOT_INVALID: protocol(130, "the snapshot is damaged: {reason}"),

  // 200 … refusals: a valid request that the state does not allow.
  CLUSTER_ID_MISMATCH: rejected(
    200,
    "cluster id {given} is not this cluster's {expected}",
    "Check the address.",
  ),
  DATANODE_LAYOUT_NOT_PERMITTED: rejected(
    201,
    "datanode software layout {given} differs from the SCM's {expected}",
    "Run datanode and SCM releases with the same layout version.",
  ),
  NO_SUCH_DATANODE: rejected(203, "datanode {uuid} is not known", FIX_REQUEST),
  CONTAINER_NOT_FOUND: rejected(204, "container {containerId} does not exist", FIX_REQUEST),
  CONTAINER_ALREADY_EXISTS: rejected(205, "container {containerId} exists with other values", FIX_REQUEST),
  PIPELINE_NOT_FOUND: rejected(206, "pipeline {pipelineId} does not exist", FIX_REQUEST),
  PIPELINE_ALREADY_EXISTS: rejected(207, "pipeline {pipelineId} exists with other values", FIX_REQUEST),
  IMPORT_FLOOR_MISSING: rejected(
    208,
    "import needs the id and term floors of the old cluster",
    "Initialise a fresh directory with `--init --local-id-floor N --term-floor N` (docs/OPERATIONS.md).",
  ),
  IMPORT_ENDED: rejected(
    224,
    "the import into this cluster has ended",
    "Containers that were left out stay unknown; their replicas are on the datanodes (docs/IMPORT.md).",
  ),
  SESSION_EXPIRED: rejected(
    209,
    "session {sessionId} is not known any more",
    "Open a new session and read the state.",
  ),
  SESSION_SEQUENCE: rejected(210, "sequence {sequence} is outside of the session's window", FIX_REQUEST),
  SESSION_LIMIT: rejected(211, "the limit of {limit} sessions is reached", "Close idle clients."),
  INVALID_ARGUMENT: rejected(212, "{field}: {reason}", FIX_REQUEST),
  SEQUENCE_EXHAUSTED: rejected(213, "sequence {name} has no more numbers", "Report this as a bug."),
  DICTIONARY_FULL: rejected(214, "dictionary {name} has no room for another entry", "Report this as a bug."),
  CONTAINER_ID_TOO_FAR: rejected(
    215,
    "container id {containerId} lies too far above the highest known one",
    "Import in ascending order of ids.",
  ),
  NODE_LIMIT: rejected(216, "the limit of {limit} datanodes is reached", "Remove datanodes that are gone."),
  CONTAINER_STATE: rejected(
    217,
    "container {containerId} in state {state} does not allow {event}",
    "`strata admin container info` shows the container: wait until it is in another state, or leave it.",
  ),
  PIPELINE_LIMIT: rejected(
    218,
    "the limit of {limit} pipelines is reached",
    "Close pipelines that are not needed; leave closed ones out of an import.",
  ),

  MEMBER_UNKNOWN: rejected(
    219,
    "SCM {scmId} is no member of the group",
    "`strata admin scm roles` lists the members.",
  ),
  MEMBER_REMOVED: rejected(
    220,
    "SCM {scmId} was removed from the group",
    "Its directories are of no more use: initialise empty ones with `strata scm --bootstrap`.",
  ),
  CONFIG_VERSION: rejected(
    221,
    "the members are those of version {found}, the request is for version {expected}",
    "Look with `strata admin scm roles` who they are now, then decide again.",
  ),
  CHANGE_REFUSED: rejected(222, "{change} is refused: {reason}", "Follow the reason."),

  CONTAINER_INELIGIBLE: rejected(
    223,
    "container {containerId} cannot be {change}: {reason}",
    "`strata admin container info` shows its replicas.",
  ),

  NOT_SUPPORTED: rejected(
    225,
    "{what}: not supported yet by Strata",
    "docs/INTEROP.md lists what Hadoop clients may ask for.",
  ),

  PEER_NODE_ID: rejected(
    230,
    "node {target} was looked for, and this is node {nodeId}",
    "Correct the address that the configuration gives for that member.",
  ),
  NODE_ID_TAKEN: rejected(
    231,
    "node id {nodeId} is that of the SCM that was dialled",
    "Two SCMs run on copies of one directory, or one was given its own address as that of another.",
  ),

  DUPLICATED_PIPELINE_ID: rejected(240, "pipeline {pipelineId} exists already", "Report this as a bug."),
  INVALID_PIPELINE_STATE: rejected(
    241,
    "pipeline {pipelineId} in state {state} {reason}",
    "`strata admin pipeline list` shows its state.",
  ),
  PIPELINE_CREATION_REFUSED: rejected(
    242,
    "pipeline creation is not allowed: {reason}",
    "Wait until that is over: `strata admin safemode status` shows what is missing.",
  ),
  PIPELINE_NOT_READY: rejected(
    243,
    "pipeline {pipelines} is not ready in {limitMs} ms",
    "`strata admin pipeline list` shows its members: they have not all reported it.",
  ),
  INVALID_BLOCK_SIZE: rejected(
    260,
    "a block of {size} bytes: it must be 0 to {limit}, the size of a container",
    "Ask for smaller blocks, or raise ozone.scm.container.size on all SCMs and datanodes.",
  ),
  FAILED_TO_ALLOCATE_ENOUGH_BLOCKS: rejected(
    261,
    "no room for {count} block(s) of {size} bytes, {replication}, owner {owner}: {reason}",
    "Follow the reason; `strata admin pipeline list` and `strata admin datanode list` show what there is.",
  ),
  SAFE_MODE_EXCEPTION: unavailable(
    262,
    "the SCM is in safe mode: too little of the cluster has reported",
    "Wait for the datanodes to report; `strata admin safemode status` tells what is missing.",
  ),
  FAILED_TO_ALLOCATE_CONTAINER: rejected(
    263,
    "no container for {replication}, owner {owner}: {reason}",
    "Follow the reason; `strata admin pipeline list` and `strata admin datanode list` show what there is.",
  ),

  TOPOLOGY_LOCATION: rejected(
    270,
    "datanode {uuid} cannot be at {location}, which {reason}",
    "Correct the mapping of `net.topology.*`, or `ozone.scm.network.topology.schema.file`: each location " +
      "needs one name for each inner level. Then the datanode registers by itself.",
  ),

  // Of placement, by the names of the reference (spec 05 §1.7).
  FAILED_TO_FIND_HEALTHY_NODES: rejected(
    250,
    "no datanode that is in service and healthy is left to choose {required} from",
    "`strata admin datanode list` shows states and health.",
  ),
  FAILED_TO_FIND_SUITABLE_NODE: rejected(
    251,
    "{required} datanode(s) that suit cannot be found: {reason}",
    "Follow the reason: add datanodes or racks, or exclude fewer.",
  ),
  FAILED_TO_FIND_NODES_WITH_SPACE: rejected(
    252,
    "only {found} of {required} datanode(s) have room for another container",
    "Add datanodes or volumes, or delete data.",
  ),
  INVALID_CAPACITY: rejected(
    253,
    "a pipeline on several racks has 3 members, {count} were asked for",
    "Report this as a bug.",
  ),

  // 300 … not now, or not here.
  NOT_LEADER: {
    wire: 300,
    class: "NotLeaderError",
    template: "this SCM is not the leader of term {term}",
    retry: "elsewhere",
    action: "The client library follows the leader by itself.",
  },
  OVERLOADED: unavailable(
    301,
    "too much work in flight: {reason}",
    "The client library retries after a pause.",
  ),
  NOT_READY: unavailable(302, "the SCM is starting: {step}", "Wait until /readyz answers 200."),
  SHUTTING_DOWN: unavailable(303, "the SCM is stopping", "The client library reconnects."),
  AUDIT_FULL: unavailable(
    304,
    "the audit log cannot be written: mutations wait",
    "Free space for the audit log.",
  ),
  SHARD_UNAVAILABLE: unavailable(305, "shard {shard} is being rebuilt", "Retry in a few seconds."),
  CONNECTION_LOST: {
    wire: 306,
    class: "UnavailableError",
    template: "the connection was lost: {reason}",
    retry: "unknown",
    action: "The client library retries a mutation within its session, so that it happens once.",
  },
  NO_ANSWER: unavailable(
    321,
    "no answer within {timeoutMs} ms",
    "See whether the SCMs run and can be reached at their addresses, and ask again.",
  ),
  LISTEN_FAILED: unavailable(
    307,
    "cannot listen on {address}: {reason}",
    "Stop the process that holds the port, or configure another address.",
  ),
  WORKER_TERMINATED: unavailable(
    308,
    "worker {role} {index} was terminated from outside",
    "Nothing: a shard is restarted and rebuilt; any other worker's end ends the process.",
  ),
  REPORT_DROPPED: unavailable(
    309,
    "the full report was given up: {reason}",
    "Nothing: the answer to a heartbeat asks for another one.",
  ),
  OUTCOME_UNKNOWN: {
    wire: 310,
    class: "UnavailableError",
    template: "leadership was lost while the operation was in the log",
    retry: "unknown",
    action: "The client library repeats a mutation within its session, so that it happens once.",
  },
  MEMBERSHIP_BUSY: unavailable(
    311,
    "another change of membership is under way",
    "Repeat the command when it is done.",
  ),
  // Who asked must look first: repeating it by itself would make the group stop writes again and again.
  TRANSFER_FAILED: {
    wire: 312,
    class: "UnavailableError",
    template: "member {member} did not become leader: {reason}",
    retry: "never",
    action: "Check with `strata admin scm roles` that it is up and caught up, then repeat.",
  },
  SNAPSHOT_REFUSED: unavailable(
    320,
    "no snapshot is taken now: {reason}",
    "Nothing: the leader offers another one.",
  ),

  // 400 … durable bytes and disks.
  STORAGE_LOCKED: storage(400, "{path} is in use by another process", "Stop the other process."),
  STORAGE_NOT_INITIALIZED: storage(401, "{path} is not initialised", INITIALIZE),
  STORAGE_FORMAT: storage(
    402,
    "{path} has format {found}, this release reads {expected}",
    "Run the release that wrote it: formats are not converted.",
  ),
  STORAGE_FULL: storage(403, "no space left for {path}", "Free disk space."),
  STORAGE_IO: storage(404, "input/output error on {path}: {reason}", "Check the disk, then restart."),
  STORAGE_IDS_DIFFER: storage(
    405,
    "{path} belongs to {found}, expected {expected}",
    "Directories of two SCMs are mixed: put each back into its place.",
  ),
  STORAGE_OPEN: storage(406, "{path} cannot be opened: {reason}", RUN_VERIFY),
  STATE_MISSING: storage(
    407,
    "{path} holds no state store",
    "Mount the state directory, or put it back into its place: the log alone does not make up for it.",
  ),
  STORAGE_STALLED: storage(
    408,
    "{path} has not opened within {seconds} s",
    "A thread is stuck, so the process ends by SIGKILL. Check the disk, then run `strata verify DIR`.",
  ),
  LOG_CORRUPT: corruption(410, "Raft log, {where}: {reason}"),
  STATE_CORRUPT: corruption(411, "state store, {where}: {reason}"),
  VERSION_FILE_CORRUPT: corruption(412, "{path}: {reason}"),
  LOG_BEHIND_WATERMARK: corruption(413, "the log ends at {lastIndex}, but {watermark} was acknowledged"),
  INVARIANT_BROKEN: corruption(414, "state invariant broken: {reason}"),

  // 500 … configuration; all problems at once, exit code 78.
  CONFIG_INVALID: {
    wire: 500,
    class: "ConfigError",
    template: "{count} problem(s) in the configuration:\n{problems}",
    retry: "never",
    action: "Correct the named keys.",
  },
  TOPOLOGY_SCHEMA: {
    wire: 501,
    class: "ConfigError",
    template: "`ozone.scm.network.topology.schema.file` = {file}:\n{problems}",
    retry: "never",
    action: "Correct the file, or take a built-in one: network-topology-default.xml or -nodegroup.xml.",
  },
  HADOOP_SECURITY: {
    wire: 502,
    class: "ConfigError",
    template: "Hadoop RPC cannot be served with `ozone.security.enabled` = true: there is no Kerberos here",
    retry: "never",
    action:
      "Set `ozone.security.enabled` to false for the SCM and all its clients, or do without " +
      "`strata.hadoop.enabled`.",
  },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERRORS;
export type ErrorDetails = Readonly<Record<string, string | number | bigint>>;

/** The exception class by which a Hadoop RPC client decides what to do (spec 12 §3.2). */
export const HADOOP_CLASS_BY_RETRY: Readonly<Record<RetryAdvice, string>> = {
  never: "org.apache.hadoop.hdds.scm.exceptions.SCMException",
  elsewhere: "org.apache.hadoop.hdds.ratis.ServerNotLeaderException",
  later: "org.apache.hadoop.hdds.ratis.ServerNotLeaderException",
  unknown: "org.apache.hadoop.hdds.scm.exceptions.SCMException",
};

/** An operating error with a code of the table. */
export class StrataError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(fill(ERRORS[code].template, details), options);
    this.name = ERRORS[code].class;
    this.code = code;
    this.details = details;
  }

  get wire(): number {
    return ERRORS[this.code].wire;
  }

  get class(): ErrorClass {
    return ERRORS[this.code].class;
  }

  get retry(): RetryAdvice {
    return ERRORS[this.code].retry;
  }
}

const CODE_BY_WIRE = new Map<number, ErrorCode>(
  Object.entries(ERRORS).map(([code, definition]) => [definition.wire, code as ErrorCode]),
);

/** The code of a wire number, undefined for one of a newer release. */
export function errorCodeOfWire(wire: number): ErrorCode | undefined {
  return CODE_BY_WIRE.get(wire);
}

function fill(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? "?"));
}

function protocol<const W extends number>(wire: W, template: string) {
  return { wire, class: "ProtocolError", template, retry: "never", action: FIX_CLIENT } as const;
}
function rejected<const W extends number>(wire: W, template: string, action: string) {
  return { wire, class: "RejectedError", template, retry: "never", action } as const;
}
function unavailable<const W extends number>(wire: W, template: string, action: string) {
  return { wire, class: "UnavailableError", template, retry: "later", action } as const;
}
function storage<const W extends number>(wire: W, template: string, action: string) {
  return { wire, class: "StorageError", template, retry: "later", action } as const;
}
function corruption<const W extends number>(wire: W, template: string) {
  return { wire, class: "CorruptionError", template, retry: "never", action: RUN_VERIFY } as const;
}
