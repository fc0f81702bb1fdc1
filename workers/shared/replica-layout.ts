import { STRIPE_ROWS } from "./container-layout.js";
import { layout } from "./layout.js";

/* Replicas of one container:
 *
 *   replica row, 64 + 64 B, both dense by id in the stripe   overflow block, 200 B, memory of the shard
 *   ┌────────────────────────────┐ ┌────────────────────┐    ┌──────┬─────────┬─────┬──────────┐
 *   │ head, identities of 0 … 3  │ │ values of 0 … 3    │ ─► │ next │ entry 4 │ ... │ entry 11 │ ─► …
 *   │ 64 B                       │ │ 4 × 16 B           │    │ 8 B  │ 24 B    │     │ 24 B     │
 *   └────────────────────────────┘ └────────────────────┘    └──────┴─────────┴─────┴──────────┘
 *
 *   a stripe:  head of row 0, of row 1, … of row 65,535; values of row 0, of row 1, …
 *
 * Places have no gaps: the first `count` are taken, in no order. More than four replicas happen with EC (up
 * to 14) and with over-replication.
 *
 * A full report compares each of its rows with a replica, and the time goes into waiting for cold memory. So
 * all that is needed to see "as before" stands in the head, one cache line: who holds the replica, its state
 * and origin, and whether its numbers are those of the head, as they are in a closed container. Only others
 * have values: most values are never written, and take no memory. Heads lie close together, without the
 * values between them: nearly each is alone in its page among those of a report, and the processor looks for
 * the addresses of half as many pages. They must begin at multiples of 64 in memory, see
 * `allocateReplicaStripe`. */
export const REPLICA_ROW = layout({
  name: "replica row",
  rowBytes: 64,
  writer: "the shard",
  readers: "main and admin: the live usage, under the version word",
  fields: {
    version: { type: "i32", offset: 0, doc: "odd while the live usage is written" },
    shape: { type: "u32", offset: 4, doc: "replica count, first overflow block: SHAPE" },
    usedBytes: { type: "f64", offset: 8, doc: "live usage, combined from the replicas (spec 02 §6.3)" },
    sequenceId: { type: "f64", offset: 16, doc: "live usage: the container's, as raised by reports (§6.2)" },
    checksumLow: { type: "u32", offset: 24, doc: "data checksum of the replicas with CHECKSUM_SHARED" },
    checksumHigh: { type: "u32", offset: 28, doc: "its upper half" },
    keyCount: { type: "u32", offset: 32, doc: "live usage, combined from the replicas" },
    flags: {
      type: "u32",
      offset: 36,
      doc: "REPLICA_FLAG bits, a byte for each place; CONTAINER_STATE_SHIFT",
    },
    nodes: { type: "bytes8", offset: 40, doc: "slots of the datanodes + 1, u16 for each place; 0 = free" },
    identities: { type: "bytes16", offset: 48, doc: "REPLICA_IDENTITY, u32 for each place" },
  },
});

/** Who and what: origin, state and replica index, a 32-bit word as in a report row. */
export const REPLICA_IDENTITY = { STATE_SHIFT: 16, REPLICA_INDEX_SHIFT: 24 } as const;

/** Numbers of a replica. Those of 48 bits are cut in 32 and 16, so that a row is full and aligned. */
export const REPLICA_VALUES = layout({
  name: "replica values",
  rowBytes: 16,
  writer: "the shard",
  readers: "the shard",
  fields: {
    usedLow: { type: "u32", offset: 0, doc: "bytes used, lower 32 bits" },
    sequenceLow: { type: "u32", offset: 4, doc: "block commit sequence id, lower 32 bits" },
    keyCount: { type: "u32", offset: 8, doc: "keys" },
    usedHigh: { type: "u16", offset: 12, doc: "bytes used, upper 16 bits" },
    sequenceHigh: { type: "u16", offset: 14, doc: "sequence id, upper 16 bits" },
  },
});

/** A replica in an overflow block. */
export const OVERFLOW_ENTRY = layout({
  name: "overflow entry",
  rowBytes: 24,
  writer: "the shard",
  readers: "the shard",
  fields: {
    values: { type: "bytes16", offset: 0, doc: "REPLICA_VALUES" },
    identity: { type: "u32", offset: 16, doc: "REPLICA_IDENTITY" },
    node: { type: "u16", offset: 20, doc: "slot of the datanode + 1" },
    flags: { type: "u16", offset: 22, doc: "REPLICA_FLAG bits" },
  },
});

export const OVERFLOW_BLOCK = layout({
  name: "overflow block",
  rowBytes: 200,
  writer: "the shard",
  readers: "the shard",
  fields: {
    next: { type: "u32", offset: 0, doc: "next block of the chain or of the free list, + 1; 0 = none" },
  },
});
/** Entries begin here in a block. */
export const OVERFLOW_HEAD_BYTES = 8;
export const OVERFLOW_ENTRY_COUNT = 8;
export const ROW_REPLICA_COUNT = 4;

/** Bits of `shape`. */
export const SHAPE = { COUNT_MASK: 0xff, OVERFLOW_SHIFT: 8 } as const;
/** Replicas of one container that are recorded; more than this is no cluster but a fault, and they are
 * left out. */
export const REPLICA_COUNT_MAX = SHAPE.COUNT_MASK;
export const OVERFLOW_BLOCK_COUNT_MAX = 2 ** (32 - SHAPE.OVERFLOW_SHIFT) - 1;

export const REPLICA_FLAG = {
  /** Settled, and used bytes, sequence id and keys are those of the head: its values mean nothing. Places of
   * the row only. */
  AS_HEAD: 1,
  /** The data checksum stands in the row. */
  CHECKSUM_SHARED: 2,
  /** The data checksum differs from the row's and stands in the sparse table. Without both checksum flags
   * it is 0. */
  CHECKSUM_OWN: 4,
  /** Reported again unchanged it would change nothing in the head and mean nothing for its container. Only
   * such a replica may be skipped; the container is known. */
  SETTLED: 8,
  /** Its numbers count for the container's usage: not those of EC indexes 2 … data (spec 02 §6.4). */
  COUNTS: 16,
} as const;
export const REPLICA_FLAGS_MASK = 0x1f;

/** The upper three bits of `flags`: CONTAINER_STATE as last taken over from the container's row, 0 = unknown.
 * Kept here, so that a changed replica needs no look at the container's row, another cold line. */
export const CONTAINER_STATE_SHIFT = 29;

/** REPLICA_STATE in a state byte, and its flag: as in report rows. */
export const STATE_MASK = 0x0f;
export const STATE_EMPTY_FLAG = 0x80;

/** Where the values begin in a stripe's memory, ROW_REPLICA_COUNT a row. */
export const REPLICA_VALUES_OFFSET = STRIPE_ROWS * REPLICA_ROW.rowBytes;
/** A stripe's replica rows. */
export const REPLICA_STRIPE_BYTES =
  REPLICA_VALUES_OFFSET + STRIPE_ROWS * ROW_REPLICA_COUNT * REPLICA_VALUES.rowBytes;

/** Memory for a stripe's rows, zeros. A growable buffer begins at a page, a plain one 16 bytes behind it,
 * where each head would lie in two cache lines: a third more time for an unchanged replica. It is
 * never grown; views with an explicit length are as fast as those of a plain buffer. */
export function allocateReplicaStripe(): SharedArrayBuffer {
  return new SharedArrayBuffer(REPLICA_STRIPE_BYTES, { maxByteLength: REPLICA_STRIPE_BYTES });
}

/** Number from the two parts in which REPLICA_VALUES keeps it. */
export function joinUint48(low: number, high: number): number {
  return (low >>> 0) + high * 2 ** 32;
}
