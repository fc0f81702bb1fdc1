import { layout } from "./layout.js";

/** Ids of one stripe belong to one shard: stripe = floor(id / 65,536), shard = stripe mod K, row = id mod
 * 65,536. */
export const STRIPE_ROWS = 65_536;

export function stripeOf(containerId: number): number {
  return Math.floor(containerId / STRIPE_ROWS);
}

/** One container; a stripe is one buffer of 65,536 rows, so a row is found by arithmetic alone. A row of
 * zeros (state 0) is no container. Field order keeps 8-byte values aligned in 64 bytes, one cache line. */
export const CONTAINER_ROW = layout({
  name: "container",
  rowBytes: 64,
  writer: "main, in apply",
  readers: "shards, admin",
  fields: {
    version: { type: "i32", offset: 0, doc: "odd while the row is written; 0 on disk and in hashes" },
    state: { type: "u8", offset: 4, doc: "CONTAINER_STATE, 0 = no container" },
    flags: { type: "u8", offset: 5, doc: "CONTAINER_FLAG bits" },
    replication: { type: "u16", offset: 6, doc: "number in the dictionary of replication configurations" },
    owner: { type: "u16", offset: 8, doc: "number in the dictionary of owners" },
    stateEnterTimeMs: { type: "u48", offset: 10, doc: "epoch ms" },
    pipeline: { type: "bytes16", offset: 16, doc: "uuid of the pipeline, when the flag says so" },
    usedBytes: { type: "f64", offset: 32, doc: "as of the last logged transition" },
    keyCount: { type: "f64", offset: 40, doc: "as of the last logged transition" },
    sequenceId: { type: "f64", offset: 48, doc: "as of the last logged transition" },
    deleteTransactionId: { type: "f64", offset: 56, doc: "deprecated in the reference" },
  },
});

export const CONTAINER_FLAG = { HAS_PIPELINE: 1, SUPPRESSED: 2 } as const;
