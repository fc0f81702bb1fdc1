/** Which folder may import which: the picture of ARCHITECTURE.md as data. Imports within a folder are free.
 * The longest matching row counts; `type:x` allows `import type` only, `!x` takes something out again. */

/** Deterministic code: no packages, no clock, no randomness, no timers, nothing of the process. */
export const PURE_FOLDERS: readonly string[] = [
  "engine/core",
  "engine/raft",
  "engine/cluster",
  "protocol/schema",
];

/** Packages with one home. */
export const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  "@nxtedition/rocksdb": ["engine/storage"],
  "@bufbuild/protobuf": ["protocol/hadoop", "workers/front", "bench/hadoop", "test"],
};

const ENGINE = ["engine", "workers", "protocol"];
const EVERYTHING = [...ENGINE, "bench", "scripts", "test"];
/** Strata's own protocol; protobuf stays in the front workers. */
const OWN_PROTOCOL = ["protocol", "!protocol/hadoop"];
const WORKER = ["engine/core", ...OWN_PROTOCOL, "workers/shared"];

export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "engine/main.ts": ENGINE,
  "engine/cli": [...ENGINE, "bench/fleet", "bench/harness", "!engine/main.ts"],
  "engine/scm-options.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-shards.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-clients.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-front.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-nodes.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-topology.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-placement.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-peers.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-storage.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-bootstrap.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-new-group.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-pipelines.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-metrics.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-snapshots.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/scm-process.ts": [...ENGINE, "!engine/main.ts", "!engine/cli"],
  "engine/services": [...ENGINE, "!engine/main.ts", "!engine/cli", "!engine/scm.ts"],

  "engine/core": [],
  "engine/raft": ["engine/core"],
  "engine/cluster": [
    "engine/core",
    "engine/raft/conf-state-codec.ts",
    "engine/raft/conf-change.ts",
    "engine/raft/conf-change-codec.ts",
    "engine/raft/types.ts",
    "workers/shared",
    "protocol/schema",
  ],
  "engine/storage": [
    "engine/core",
    "engine/raft/types.ts",
    "engine/raft/conf-state-codec.ts",
    "engine/raft/conf-change.ts",
    "engine/raft/conf-change-codec.ts",
    "type:engine/raft",
    "type:engine/cluster",
  ],
  "engine/host": ["engine/core", "engine/storage"],
  "engine/consensus": [
    "engine/core",
    "engine/raft",
    "type:engine/storage",
    "engine/cluster",
    ...OWN_PROTOCOL,
    "engine/telemetry",
    "workers/pool",
    "workers/shared",
  ],
  "engine/peers": [
    "engine/core",
    "engine/raft",
    "type:engine/cluster",
    "type:engine/consensus",
    "type:engine/snapshot",
    ...OWN_PROTOCOL,
    "engine/telemetry",
  ],
  "engine/snapshot": [
    "engine/core",
    "engine/raft/conf-state-codec.ts",
    "engine/raft/message.ts",
    "engine/raft/types.ts",
    "engine/cluster",
    "engine/storage/directories.ts",
    "engine/storage/snapshot-chunk.ts",
    "engine/storage/state-rows.ts",
    "type:engine/consensus",
    "protocol/schema",
    "protocol/codec",
    "workers/shared",
  ],
  "engine/gateway": [
    "engine/core",
    "engine/cluster",
    ...OWN_PROTOCOL,
    "engine/config",
    "engine/telemetry",
    "workers/pool",
    "workers/shared",
  ],
  "engine/admin": [
    "engine/core",
    ...OWN_PROTOCOL,
    "engine/cluster",
    "engine/consensus",
    "engine/gateway",
    "engine/telemetry",
    "workers/pool",
  ],
  "engine/config": ["engine/core", "protocol/schema"],
  "engine/telemetry": ["engine/core"],
  "engine/console": [],

  "workers/shared": ["engine/core", "engine/raft/conf-state-codec.ts", "type:engine/raft/types.ts"],
  "workers/pool": ["engine/core", "engine/telemetry", "workers/shared", ...OWN_PROTOCOL],
  "workers/shard": [...WORKER, "engine/cluster"],
  "workers/log": ["engine/core", "engine/storage", "engine/host", "type:engine/raft", "workers/shared"],
  "workers/state": ["engine/core", "engine/storage", "engine/host", "workers/shared"],
  "workers/front": ["engine/core", "engine/host", "protocol", "workers/shared"],
  "workers/tasks": WORKER,

  "protocol/schema": ["engine/core"],
  "protocol/codec": ["engine/core", "protocol/schema"],
  "protocol/hadoop": ["engine/core"],
  "protocol/client": ["engine/core", "engine/host", "protocol/schema", "protocol/codec"],

  bench: EVERYTHING,
  "bench/fleet": ["protocol", "engine/core", "engine/host", "bench/harness"],
  scripts: EVERYTHING,
  test: EVERYTHING,
  "test/conformance": ["engine/raft", "engine/core", "test/support"],
  "test/simulation": [...ENGINE, "bench/fleet", "test/support"],
  "test/integration": EVERYTHING,
  "test/support": EVERYTHING,
};

/** Whether `path` is `folder` or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
