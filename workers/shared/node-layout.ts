import { layout } from "./layout.js";

/** One datanode as main sees it now, for shards and admin. A row of zeros (health 0) is no node. */
export const NODE_ROW = layout({
  name: "node",
  rowBytes: 128,
  writer: "main",
  readers: "shards, admin",
  fields: {
    version: { type: "i32", offset: 0, doc: "odd while the row is written" },
    health: { type: "u8", offset: 4, doc: "NODE_HEALTH, 0 = no node" },
    operationalState: { type: "u8", offset: 5, doc: "OPERATIONAL_STATE, in force" },
    persistedOperationalState: { type: "u8", offset: 6, doc: "OPERATIONAL_STATE, on the datanode's disk" },
    healthyVolumeCount: { type: "u16", offset: 8, doc: "data volumes that have not failed" },
    failedVolumeCount: { type: "u16", offset: 10, doc: "data volumes that have failed" },
    metadataLayout: { type: "u32", offset: 12, doc: "MLV" },
    softwareLayout: { type: "u32", offset: 16, doc: "SLV" },
    queuedCommandCount: { type: "u32", offset: 20, doc: "commands that wait here" },
    reportedCommandCount: { type: "u32", offset: 24, doc: "commands that wait there, as last told" },
    operationalStateExpiry: { type: "f64", offset: 32, doc: "epoch seconds, 0 = never" },
    lastHeartbeatMs: { type: "f64", offset: 40, doc: "monotonic clock of main" },
    capacity: { type: "f64", offset: 48, doc: "bytes, sum over data volumes" },
    scmUsed: { type: "f64", offset: 56, doc: "bytes, sum over data volumes" },
    remaining: { type: "f64", offset: 64, doc: "bytes, sum over data volumes" },
    committed: { type: "f64", offset: 72, doc: "bytes, sum over data volumes" },
    freeSpaceToSpare: { type: "f64", offset: 80, doc: "bytes, sum over data volumes" },
    reserved: { type: "f64", offset: 88, doc: "bytes, sum over data volumes" },
  },
});
