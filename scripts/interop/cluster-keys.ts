import type { Keys } from "./site.js";

/** Of all programs, and of the SCM: what happens within minutes elsewhere happens within seconds. */
export const COMMON_KEYS: Keys = {
  "ozone.om.service.ids": "",
  "hdds.datanode.hostname": "localhost",
  "hdds.datanode.volume.min.free.space": "100MB",
  "hdds.datanode.volume.min.free.space.percent": "0",
  "hdds.datanode.du.factory.classname": "org.apache.hadoop.hdds.fs.DedicatedDiskSpaceUsageFactory",
  "hdds.container.ratis.segment.preallocated.size": "16KB",
  "ozone.scm.datanode.ratis.volume.free-space.min": "10MB",
  "ozone.scm.container.size": "1GB",
  "ozone.scm.block.size": "64MB",
  // Strata opens containers ahead of need, the reference when a block wants one: with one they are the same.
  "ozone.scm.pipeline.owner.container.count": "1",
  // Of the datanodes. A report more often than the heartbeat would end their state machine (spec 12 §7.4).
  "hdds.heartbeat.initial-interval": "1s",
  "hdds.heartbeat.interval": "1s",
  "hdds.node.report.interval": "3s",
  "hdds.pipeline.report.interval": "3s",
  "hdds.container.report.interval": "10s",
  "hdds.command.status.report.interval": "3s",
  // Of the SCM. The reference closes containers at its next look at all of them.
  "ozone.scm.close.container.wait.duration": "3s",
  "hdds.scm.replication.thread.interval": "5s",
  "ozone.scm.heartbeat.thread.interval": "1s",
  // A datanode on a busy machine may be silent for long.
  "ozone.scm.stale.node.interval": "90s",
  "ozone.scm.dead.node.interval": "180s",
  "ozone.scm.pipeline.creation.interval": "3s",
  "hdds.scm.wait.time.after.safemode.exit": "3s",
};
