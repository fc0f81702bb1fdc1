import { DAY_MS, GIB, KIB, key, MIB, MINUTE_MS, SECOND_MS } from "../fields.js";

/** This SCM itself, its first start, its disks and its Raft group. */

export const SCM = {
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
};

export const BOOTSTRAP = {
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
};

export const STORAGE = {
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
};

export const RAFT = {
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
};
