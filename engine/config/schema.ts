import { CAPACITY, PIPELINE, RACK_AWARE, RACK_SCATTER, RANDOM } from "../core/placement-classes.js";
import {
  DAY_MS,
  GIB,
  KIB,
  key,
  MIB,
  MINUTE_MS,
  type Schema,
  SECOND_MS,
  TIB,
  type ValuesOf,
} from "./fields.js";

const RING = { min: MIB, max: GIB, powerOfTwo: true } as const;
/** A record has at most a quarter of its ring, and an entry of the log at most 1 MiB and a header. */
const LOG_RING = { ...RING, min: 8 * MIB } as const;

/** A record has at most a quarter of its ring, and a frame of a message 256 KiB and a header. */
const FRONT_RING = { ...RING, min: 2 * MIB } as const;

const CONTAINER_POLICIES = [RACK_AWARE, RACK_SCATTER, CAPACITY, RANDOM] as const;
const CHOOSE_POLICY = "org.apache.hadoop.hdds.scm.pipeline.choose.algorithms";
const CHOOSE_POLICIES = [
  `${CHOOSE_POLICY}.RandomPipelineChoosePolicy`,
  `${CHOOSE_POLICY}.HealthyPipelineChoosePolicy`,
  `${CHOOSE_POLICY}.CapacityPipelineChoosePolicy`,
  `${CHOOSE_POLICY}.RoundRobinPipelineChoosePolicy`,
] as const;
const LEADER_POLICIES = "org.apache.hadoop.hdds.scm.pipeline.leader.choose.algorithms.";
const MIN_LEADER_COUNT = `${LEADER_POLICIES}MinLeaderCountChoosePolicy` as const;
const DEFAULT_LEADER = `${LEADER_POLICIES}DefaultLeaderChoosePolicy` as const;

/** Keys of an endpoint of Hadoop RPC; the port in an address goes before the one of its own key (spec 07 §3
 * rule 6). */
function hadoopAddress<const K extends string>(name: K, clients: string) {
  const meaning = `Where ${clients} find this SCM; a port in it is the one that is opened.`;
  return key(name, "addr", undefined, meaning, { perNode: true, mayLackPort: true });
}
function hadoopBindHost<const K extends string>(name: K, clients: string) {
  return key(name, "host", "0.0.0.0", `Address of this machine on which the port for ${clients} is opened.`, {
    perNode: true,
  });
}
function hadoopPort<const K extends string, const D extends string>(name: K, port: D, clients: string) {
  const meaning = `Port for ${clients} (Hadoop RPC), where the address names none; 0 = any free one.`;
  return key(name, "int", port, meaning, { min: 0, max: 65_535, perNode: true });
}

/** Every configuration key that this release reads. Names, units and defaults are Ozone's (spec 11);
 * `strata.*` is what Ozone has no key for. The property name is how the program says it: unit last. */
export const SCHEMA = {
  scm: {
    hostName: key(
      "ozone.scm.address",
      "host",
      "${host.name}",
      "Host name under which this SCM is known; by default the machine's.",
      { perNode: true },
    ),
    ratisPort: key(
      "ozone.scm.ratis.port",
      "int",
      "9894",
      "Port of the Raft group; 0 = any free one, which others learn from this SCM alone.",
      { min: 0, max: 65_535, perNode: true },
    ),
    raftBindHost: key(
      "strata.raft.bind.host",
      "host",
      "0.0.0.0",
      "Address of this machine on which the port of the Raft group is opened.",
      { perNode: true },
    ),
    scmNames: key(
      "ozone.scm.names",
      "list",
      "",
      "Hosts of the SCM; the first one is where `strata admin` looks when no address names a host.",
    ),
    nodeId: key(
      "ozone.scm.node.id",
      "str",
      undefined,
      "Which entry of `ozone.scm.nodes.<service>` this SCM is; by default the one whose address is local.",
    ),
    defaultServiceId: key(
      "ozone.scm.default.service.id",
      "str",
      undefined,
      "Which of `ozone.scm.service.ids` is ours; needed when there are several.",
    ),
    serviceIds: key(
      "ozone.scm.service.ids",
      "list",
      "",
      "Services in this file; `ozone.scm.nodes.<service>` lists the members of each.",
    ),
    primordialNodeId: key(
      "ozone.scm.primordial.node.id",
      "str",
      undefined,
      "Node id or host name of the only SCM on which `strata scm --init` does anything, and `--bootstrap` " +
        "nothing.",
    ),
    shutdownTimeoutMs: key(
      "ozone.service.shutdown.timeout",
      "time",
      "60s",
      "Limit for an orderly stop; after it the process ends as it is.",
      { min: SECOND_MS, max: 60 * MINUTE_MS },
    ),
  },

  bootstrap: {
    infoWaitMs: key(
      "ozone.scm.info.wait.duration",
      "time",
      "10m",
      "How long `strata scm --bootstrap` asks the other SCMs before it gives up.",
      { min: SECOND_MS, max: DAY_MS },
    ),
    skipValidation: key(
      "ozone.scm.skip.bootstrap.validation",
      "bool",
      "false",
      "Whether `--bootstrap` on an initialised directory does without asking which cluster the others have.",
    ),
  },

  storage: {
    metadataDir: key(
      "ozone.metadata.dirs",
      "dir",
      undefined,
      "Directory of all that this SCM keeps; exactly one.",
      { required: true },
    ),
    stateDir: key(
      "ozone.scm.db.dirs",
      "dir",
      "${ozone.metadata.dirs}/scm/state",
      "Directory of the state store; exactly one.",
      { perNode: true },
    ),
    raftDir: key(
      "ozone.scm.ha.ratis.storage.dir",
      "dir",
      "${ozone.metadata.dirs}/scm/raft",
      "Directory of the Raft log.",
    ),
    flushIntervalMs: key(
      "strata.state.flush.interval",
      "time",
      "1s",
      "Longest time that changed pages stay unwritten while the state store is idle.",
      { min: 10, max: MINUTE_MS },
    ),
    flushItemCountMax: key(
      "strata.state.flush.items.max",
      "int",
      "8192",
      "A flush starts early when this many pages and rows have changed.",
      { min: 64, max: 1_048_576 },
    ),
    dirtyBytesMax: key(
      "strata.state.dirty.max",
      "size",
      "256MB",
      "Proposals are slowed down when this much changed state is not yet on disk.",
      { min: 16 * MIB, max: 64 * GIB },
    ),
  },

  raft: {
    electionTimeoutMs: key(
      "ozone.scm.ha.ratis.leader.election.timeout",
      "time",
      "1s",
      "A follower that hears nothing of a leader for this long, up to twice as long, asks to lead; a " +
        "leader sends a heartbeat every tenth of it.",
      { min: 100, max: MINUTE_MS },
    ),
    logEntryCountMax: key(
      "strata.raft.log.entries.max",
      "long",
      "1000000",
      "Entries of the Raft log kept at most once they are on disk as state; a quarter of them also when " +
        "all SCMs have them.",
      { min: 1000, max: 1_000_000_000 },
    ),
    entryCacheBytesMax: key(
      "strata.raft.log.cache.max",
      "size",
      "64MB",
      "Memory for the end of the Raft log, from which SCMs that are a little behind are served; for those " +
        "that are further behind it is read from disk. A single SCM keeps none.",
      { min: 16 * KIB, max: 16 * GIB },
    ),
    uncommittedBytesMax: key(
      "strata.raft.uncommitted.max",
      "size",
      "64MB",
      "Proposals are refused as OVERLOADED when this much waits for the disk.",
      { min: MIB, max: GIB },
    ),
  },

  nodes: {
    heartbeatIntervalMs: key(
      "hdds.heartbeat.interval",
      "time",
      "30s",
      "How often a datanode sends a heartbeat; the SCM tells it when it connects.",
      { min: 100, max: 60 * MINUTE_MS },
    ),
    healthCheckIntervalMs: key(
      "ozone.scm.heartbeat.thread.interval",
      "time",
      "3s",
      "How often the SCM looks for datanodes that went silent.",
      { min: 100, max: 60 * MINUTE_MS },
    ),
    staleIntervalMs: key(
      "ozone.scm.stale.node.interval",
      "time",
      "5m",
      "Silence after which a datanode is STALE.",
      {
        min: 500,
        max: 30 * DAY_MS,
      },
    ),
    deadIntervalMs: key(
      "ozone.scm.dead.node.interval",
      "time",
      "10m",
      "Silence after which a datanode is DEAD.",
      {
        min: SECOND_MS,
        max: 30 * DAY_MS,
      },
    ),
    useDatanodeHostName: key(
      "hdds.datanode.use.datanode.hostname",
      "bool",
      "false",
      "Address datanodes by host name, not by IP address.",
    ),
    nodeCountMax: key("strata.node.count.max", "int", "16384", "Datanodes that can be known at a time.", {
      min: 1,
      max: 65_535,
    }),
  },

  topology: {
    schemaFile: key(
      "ozone.scm.network.topology.schema.file",
      "str",
      "network-topology-default.xml",
      "Levels of the topology and their costs: the path of a file, or network-topology-default.xml or " +
        "network-topology-nodegroup.xml, which are built in.",
    ),
    mapping: key(
      "net.topology.node.switch.mapping.impl",
      "str",
      "org.apache.hadoop.net.ScriptBasedMapping",
      "What tells the racks of datanodes: a script or a table.",
      { choices: ["org.apache.hadoop.net.ScriptBasedMapping", "org.apache.hadoop.net.TableMapping"] },
    ),
    scriptFile: key(
      "net.topology.script.file.name",
      "dir",
      undefined,
      "Script that prints a rack such as /rack1 for each address in its arguments; without one all " +
        "datanodes are in /default-rack.",
    ),
    scriptArgumentCountMax: key(
      "net.topology.script.number.args",
      "int",
      "100",
      "Addresses that the script is given at a time.",
      { min: 1, max: 10_000 },
    ),
    tableFile: key(
      "net.topology.table.file.name",
      "dir",
      undefined,
      "Table with an address and a rack in each line; what it lacks is in /default-rack.",
    ),
  },

  containers: {
    closeWaitMs: key(
      "ozone.scm.close.container.wait.duration",
      "time",
      "150s",
      "From the moment a container is CLOSING until its datanodes are told to close their replicas: time " +
        "for clients to finish the blocks that they have.",
      { min: 0, max: DAY_MS },
    ),
    unknownAction: key(
      "hdds.scm.unknown-container.action",
      "str",
      "WARN",
      "What happens to reported replicas of containers that do not exist: DELETE, exactly so written, has " +
        "them deleted if this cluster gave their id out and knows all its containers: not while containers " +
        "may be imported, nor after --force-new-group. All others are told in the log, a line a minute at " +
        "most, while their number changes.",
    ),
  },

  placement: {
    containerPolicy: key(
      "ozone.scm.container.placement.impl",
      "str",
      RACK_AWARE,
      "How datanodes are chosen for replicas of containers that are not EC, by the reference's class.",
      { choices: CONTAINER_POLICIES },
    ),
    ecPolicy: key(
      "ozone.scm.container.placement.ec.impl",
      "str",
      RACK_SCATTER,
      "How datanodes are chosen for EC containers, by the reference's class.",
      { choices: CONTAINER_POLICIES },
    ),
    pipelinePolicy: key(
      "ozone.scm.pipeline.placement.impl",
      "str",
      PIPELINE,
      "How the members of RATIS/THREE pipelines are chosen, by the reference's class.",
      { choices: [PIPELINE, ...CONTAINER_POLICIES] },
    ),
    isCapacityAware: key(
      "ozone.scm.container.placement.rack.scatter.capacity.aware.enabled",
      "bool",
      "false",
      "Whether SCMContainerPlacementRackScatter takes the less full of two datanodes of a rack.",
    ),
    disallowsSamePeers: key(
      "ozone.scm.datanode.disallow.same.peers",
      "bool",
      "false",
      "Whether two datanodes are to meet in one pipeline only; without effect where each may be in one only.",
    ),
    containerBytes: key(
      "ozone.scm.container.size",
      "size",
      "5GB",
      "Size at which a container is full; a datanode gets another one only while it has that much room.",
      { min: MIB, max: TIB },
    ),
    pendingRollMs: key(
      "ozone.scm.pending.container.roll.interval",
      "time",
      "5m",
      "Half of the time for which a datanode keeps room for a container that its reports do not show.",
      { min: SECOND_MS, max: DAY_MS },
    ),
    pipelinesPerNode: key(
      "ozone.scm.datanode.pipeline.limit",
      "int",
      "2",
      "RATIS/THREE pipelines that a datanode may be in; 0 or less = as many as its metadata volumes allow.",
      { min: -1_000_000, max: 1_000_000 },
    ),
    pipelinesPerMetadataVolume: key(
      "ozone.scm.pipeline.per.metadata.disk",
      "int",
      "2",
      "RATIS/THREE pipelines for each metadata volume, where `ozone.scm.datanode.pipeline.limit` says none.",
      { min: 0, max: 1_000_000 },
    ),
    containersPerVolume: key(
      "ozone.scm.pipeline.owner.container.count",
      "int",
      "3",
      "Open containers for each healthy data volume of a datanode, in all its pipelines.",
      { min: 1, max: 1_000_000 },
    ),
    metadataBytesMin: key(
      "ozone.scm.datanode.ratis.volume.free-space.min",
      "size",
      "1GB",
      "What some metadata volume of a datanode must have left for another RATIS pipeline.",
      { min: 0, max: TIB },
    ),
  },

  blocks: {
    choosePolicy: key(
      "hdds.scm.pipeline.choose.policy.impl",
      "str",
      `${CHOOSE_POLICY}.RandomPipelineChoosePolicy`,
      "How a pipeline is chosen for a block of RATIS or STANDALONE, by the reference's class names: any; " +
        "any that has a leader and was reported by all members; of two such the one with the emptier " +
        "datanodes; in turn.",
      { choices: CHOOSE_POLICIES },
    ),
    ecChoosePolicy: key(
      "hdds.scm.ec.pipeline.choose.policy.impl",
      "str",
      `${CHOOSE_POLICY}.RandomPipelineChoosePolicy`,
      "The same for EC.",
      { choices: CHOOSE_POLICIES },
    ),
    allowedReplications: key(
      "ozone.replication.allowed-configs",
      "str",
      "^((STANDALONE|RATIS)/(ONE|THREE))|(EC/(3-2|6-3|10-4)-(512|1024|2048|4096)k)$",
      "Replication configurations in which blocks and containers are given out: a regular expression that" +
        " matches all of RATIS/THREE, EC/6-3-1024k …; empty allows everything.",
    ),
    idBatchCount: key(
      "ozone.scm.sequence.id.batch.size",
      "int",
      "1000",
      "Least number of local ids that are reserved at a time; the next ones follow the demand.",
      { min: 1, max: 1_000_000 },
    ),
    ecPipelineCountMin: key(
      "ozone.scm.ec.pipeline.minimum",
      "int",
      "5",
      "Open EC pipelines that every owner may have in each configuration, however small the cluster.",
      { min: 0, max: 100_000 },
    ),
    ecPipelinesPerVolume: key(
      "ozone.scm.ec.pipeline.per.volume.factor",
      "dbl",
      "1",
      "Open EC pipelines for each healthy data volume, shared by the datanodes that one needs; 0 = volumes " +
        "do not count.",
      { min: 0, max: 1000 },
    ),
    waitMs: key(
      "hdds.pipeline.report.interval",
      "time",
      "60s",
      "How long a request for blocks waits for a pipeline or a container when there is none.",
      { min: 100, max: 60 * MINUTE_MS },
    ),
  },

  pipelines: {
    defaultType: key(
      "ozone.replication.type",
      "str",
      "RATIS",
      "Kind of the cluster's default replication: says which pipelines are created in the background.",
    ),
    defaultReplication: key(
      "ozone.replication",
      "str",
      "THREE",
      "The cluster's default replication: ONE or THREE, or for EC codec, data, parity and chunk size.",
    ),
    totalLimit: key(
      "ozone.scm.ratis.pipeline.limit",
      "int",
      "0",
      "RATIS/THREE pipelines of the cluster, 0 = any number; heeded only when " +
        "`ozone.scm.datanode.pipeline.limit` is 0 or less.",
      { min: 0, max: 1_000_000 },
    ),
    leaderPolicy: key(
      "ozone.scm.pipeline.leader-choose.policy",
      "str",
      MIN_LEADER_COUNT,
      "Whether the members of a new pipeline are told whom to elect: the one that leads fewest, or nobody.",
      { choices: [MIN_LEADER_COUNT, DEFAULT_LEADER] },
    ),
    creationIntervalMs: key(
      "ozone.scm.pipeline.creation.interval",
      "time",
      "120s",
      "How often pipelines are created in the background, up to the limits; new datanodes do not wait.",
      { min: 100, max: DAY_MS },
    ),
    createsRatisOne: key(
      "ozone.scm.pipeline.creation.auto.factor.one",
      "bool",
      "true",
      "Whether RATIS/ONE pipelines are created in the background as well.",
    ),
    createsRatisThree: key(
      "ozone.scm.pipeline.creation.ratis.three",
      "bool",
      "true",
      "Whether RATIS/THREE pipelines are created in the background where the default replication is EC.",
    ),
    createsInSafeMode: key(
      "hdds.scm.safemode.pipeline.creation",
      "bool",
      "true",
      "Whether pipelines are created in the background during safe mode.",
    ),
    waitAfterSafeModeMs: key(
      "hdds.scm.wait.time.after.safemode.exit",
      "time",
      "5m",
      "How long after safe mode, or a change of leader, pipelines are left that seem to be of no use.",
      { min: 0, max: DAY_MS },
    ),
    allocatedTimeoutMs: key(
      "ozone.scm.pipeline.allocated.timeout",
      "time",
      "5m",
      "A pipeline that has not opened after this time is removed.",
      { min: SECOND_MS, max: DAY_MS },
    ),
    destroyTimeoutMs: key(
      "ozone.scm.pipeline.destroy.timeout",
      "time",
      "66s",
      "A pipeline that has been closed for this long is removed.",
      { min: 0, max: DAY_MS },
    ),
    scrubIntervalMs: key(
      "ozone.scm.pipeline.scrub.interval",
      "time",
      "5m",
      "How often pipelines are looked for that have to be removed.",
      { min: 100, max: DAY_MS },
    ),
    wantsDatastream: key(
      "hdds.container.ratis.datastream.enabled",
      "bool",
      "false",
      "Whether RATIS pipelines need members that offer streaming, where there are enough of them.",
    ),
  },

  gateway: {
    wsAddress: key(
      "strata.ws.address",
      "addr",
      "0.0.0.0:9865",
      "Address for datanodes and `strata admin` (WebSocket); port 0 = any free one.",
      { perNode: true },
    ),
    connectionCountMax: key("strata.ws.connections.max", "int", "20000", "Open connections.", {
      min: 1,
      max: 1_000_000,
    }),
    connectionsPerAddressMax: key(
      "strata.ws.connections.per.address.max",
      "int",
      "10000",
      "Open connections from one IP address.",
      { min: 1, max: 1_000_000 },
    ),
    sendBufferBytesMax: key(
      "strata.ws.send.buffer.max",
      "size",
      "4MB",
      "A peer that leaves more than this unread is closed with SLOW_CONSUMER.",
      { min: 512 * KIB, max: GIB },
    ),
    idleTimeoutMs: key(
      "strata.ws.idle.timeout",
      "time",
      "2m",
      "A connection silent this long is pinged, and closed if it stays silent; whole seconds.",
      { min: 8 * SECOND_MS, max: 960 * SECOND_MS },
    ),
    handshakeTimeoutMs: key(
      "strata.ws.handshake.timeout",
      "time",
      "10s",
      "A connection must have said hello within this time.",
      { min: 100, max: 10 * MINUTE_MS },
    ),
    mutationsInFlightMax: key(
      "strata.admin.mutations.max",
      "int",
      "65536",
      "Mutations of all admin clients that wait for their commit; more are refused as OVERLOADED.",
      { min: 1, max: 1_048_576 },
    ),
  },

  hadoop: {
    isEnabled: key(
      "strata.hadoop.enabled",
      "bool",
      "false",
      "Whether unmodified Ozone datanodes, Ozone Managers and `ozone admin` are served (Hadoop RPC).",
    ),
    isSecurityEnabled: key(
      "ozone.security.enabled",
      "bool",
      "false",
      "Kerberos, which this release does not speak: it refuses to serve Hadoop RPC then.",
    ),
    clientAddress: hadoopAddress("ozone.scm.client.address", "administrators and Ozone Managers"),
    clientBindHost: hadoopBindHost("ozone.scm.client.bind.host", "administrators and Ozone Managers"),
    clientPort: hadoopPort("ozone.scm.client.port", "9860", "administrators and Ozone Managers"),
    datanodeAddress: hadoopAddress("ozone.scm.datanode.address", "datanodes"),
    datanodeBindHost: hadoopBindHost("ozone.scm.datanode.bind.host", "datanodes"),
    datanodePort: hadoopPort("ozone.scm.datanode.port", "9861", "datanodes"),
    blockAddress: hadoopAddress("ozone.scm.block.client.address", "Ozone Managers that ask for blocks"),
    blockBindHost: hadoopBindHost("ozone.scm.block.client.bind.host", "Ozone Managers that ask for blocks"),
    blockPort: hadoopPort("ozone.scm.block.client.port", "9863", "Ozone Managers that ask for blocks"),
    connectionCountMax: key(
      "strata.hadoop.connections.max",
      "int",
      "20000",
      "Open connections of Hadoop RPC on all its ports.",
      { min: 1, max: 1_000_000 },
    ),
    frameBytesMax: key(
      "ipc.maximum.data.length",
      "size",
      "128MB",
      "Longest request of Hadoop RPC; who sends a longer one is cut off.",
      { min: MIB, max: GIB },
    ),
    bufferedBytesMax: key(
      "strata.hadoop.buffer.max",
      "size",
      "512MB",
      "Memory for requests of Hadoop RPC that have not come whole; more are not read meanwhile.",
      { min: 16 * MIB, max: 64 * GIB },
    ),
    heldReportBytesMax: key(
      "strata.hadoop.held.reports.max",
      "size",
      "512MB",
      "Memory for reports of datanodes over Hadoop RPC that wait for credit; a datanode whose report finds " +
        "no room is asked for it again later.",
      { min: 16 * MIB, max: 64 * GIB },
    ),
    ringBytes: key(
      "strata.ring.front.size",
      "size",
      "8MB",
      "Ring to and from the thread that serves Hadoop RPC.",
      FRONT_RING,
    ),
    ipcPackage: key(
      "strata.hadoop.ipc.package",
      "str",
      "ipc_",
      "Package of the exception classes of Hadoop RPC: ipc_ for clients of Ozone 2.2 and later, ipc for " +
        "older ones.",
      { choices: ["ipc_", "ipc"] },
    ),
  },

  reports: {
    chunksInFlightMax: key(
      "strata.report.chunks.max",
      "int",
      "32",
      "Chunks of full reports that all datanodes together may have on the way.",
      { min: 1, max: 8192 },
    ),
    chunksPerNodeMax: key(
      "strata.report.chunks.per.node.max",
      "int",
      "4",
      "Chunks of a full report that one datanode may have on the way.",
      { min: 1, max: 256 },
    ),
  },

  workers: {
    shardCount: key(
      "strata.shard.count",
      "int",
      "0",
      "Threads for the replica tables; 0 = processor cores − 3, at least 1, at most 8.",
      { min: 0, max: 8 },
    ),
    shardRingBytes: key("strata.ring.shard.size", "size", "8MB", "Ring to and from each shard thread.", RING),
    logRingBytes: key("strata.ring.log.size", "size", "8MB", "Ring to and from the log thread.", LOG_RING),
    stateRingBytes: key("strata.ring.state.size", "size", "8MB", "Ring to and from the state thread.", RING),
  },

  http: {
    httpEnabled: key("ozone.scm.http.enabled", "bool", "true", "Whether the web server runs."),
    httpAddress: key(
      "ozone.scm.http-address",
      "addr",
      "0.0.0.0:9876",
      "Web address; port 0 = any free one.",
      {
        perNode: true,
      },
    ),
    httpBindHost: key(
      "ozone.scm.http-bind-host",
      "host",
      undefined,
      "Host to bind instead of the one in `ozone.scm.http-address`.",
      { perNode: true },
    ),
    prometheusEnabled: key("hdds.prometheus.endpoint.enabled", "bool", "true", "Whether /prom answers."),
    prometheusToken: key(
      "hdds.prometheus.endpoint.token",
      "str",
      undefined,
      "Bearer token that /prom asks for; not set = none.",
      { secret: true },
    ),
  },

  telemetry: {
    logLevel: key("strata.log.level", "str", "info", "Least severe level that is logged.", {
      choices: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    }),
    auditFile: key(
      "strata.audit.file",
      "dir",
      "${ozone.metadata.dirs}/audit.log",
      "File of the audit records, one JSON object a line.",
    ),
    auditBufferBytesMax: key(
      "strata.audit.buffer.max",
      "size",
      "4MB",
      "Audit records not yet written; mutations wait while it is full.",
      { min: 64 * KIB, max: GIB },
    ),
  },

  client: {
    containerListCountMax: key(
      "ozone.scm.container.list.max.count",
      "int",
      "4096",
      "Greatest --count of `strata admin container list`, and containers of a page that the SCM answers.",
      { min: 1, max: 1_000_000 },
    ),
  },
} as const satisfies Schema;

/** The values of every key, group by group. */
export type ConfigValues = ValuesOf<typeof SCHEMA>;
