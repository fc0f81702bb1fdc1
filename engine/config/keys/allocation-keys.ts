import { CAPACITY, PIPELINE, RACK_AWARE, RACK_SCATTER, RANDOM } from "../../core/placement-classes.js";
import { DAY_MS, key, MIB, MINUTE_MS, SECOND_MS, TIB } from "../fields.js";

/** Containers, pipelines and blocks, and where they are placed. */

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

export const CONTAINERS = {
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
};

export const PLACEMENT = {
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
};

export const BLOCKS = {
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
};

export const PIPELINES = {
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
};
