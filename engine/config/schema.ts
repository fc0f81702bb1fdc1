import type { Schema, ValuesOf } from "./fields.js";
import { BLOCKS, CONTAINERS, PIPELINES, PLACEMENT } from "./keys/allocation-keys.js";
import { NODES, TOPOLOGY } from "./keys/node-keys.js";
import { BOOTSTRAP, RAFT, SCM, STORAGE } from "./keys/scm-keys.js";
import { CLIENT, GATEWAY, HADOOP, HTTP, REPORTS, TELEMETRY, WORKERS } from "./keys/server-keys.js";

/** Every configuration key that this release reads, `keys/`. Names, units and defaults are Ozone's (spec 11);
 * `strata.*` is what Ozone has no key for. The property name is how the program says it: unit last. */
export const SCHEMA = {
  scm: SCM,
  bootstrap: BOOTSTRAP,
  storage: STORAGE,
  raft: RAFT,
  nodes: NODES,
  topology: TOPOLOGY,
  containers: CONTAINERS,
  placement: PLACEMENT,
  blocks: BLOCKS,
  pipelines: PIPELINES,
  gateway: GATEWAY,
  hadoop: HADOOP,
  reports: REPORTS,
  workers: WORKERS,
  http: HTTP,
  telemetry: TELEMETRY,
  client: CLIENT,
} as const satisfies Schema;

/** The values of every key, group by group. */
export type ConfigValues = ValuesOf<typeof SCHEMA>;
