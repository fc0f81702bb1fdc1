import { NODE_SLOT_COUNT_MAX } from "../../engine/core/ids.js";
import { CONTAINER_ROW } from "./container-layout.js";
import { layout } from "./layout.js";
import { REPLICA_ROW } from "./replica-layout.js";

/** Figures of one shard; each a whole number, plainly stored after some records, so that a reader sees sums
 * that are a moment old. */
export const SHARD_STATISTICS = layout({
  name: "shard statistics",
  rowBytes: 160,
  writer: "the shard",
  readers: "main",
  fields: {
    replicaCount: { type: "f64", offset: 0, doc: "replicas now, in rows and in the side table" },
    unknownReplicaCount: { type: "f64", offset: 8, doc: "of these: container unknown when last reported" },
    sideReplicaCount: { type: "f64", offset: 16, doc: "of these: in the side table" },
    overflowBlockCount: { type: "f64", offset: 24, doc: "overflow blocks in use" },
    rowCount: { type: "f64", offset: 32, doc: "report rows merged since start" },
    addedCount: { type: "f64", offset: 40, doc: "replicas that were new" },
    updatedCount: { type: "f64", offset: 48, doc: "replicas whose values changed" },
    vanishedCount: { type: "f64", offset: 56, doc: "replicas taken away by a report or a purge" },
    rejectedCount: {
      type: "f64",
      offset: 64,
      doc: "rows left out: replica index, side table full, row or overflow full",
    },
    reportCount: { type: "f64", offset: 72, doc: "chunks and incremental reports" },
    listBytes: { type: "f64", offset: 80, doc: "memory of the datanodes' lists" },
    recheckedCount: {
      type: "f64",
      offset: 88,
      doc: "containers with replicas that were looked at in rechecks",
    },
    decisionCount: { type: "f64", offset: 96, doc: "decisions sent to main" },
    staleCount: { type: "f64", offset: 104, doc: "times that a replica was found older than its container" },
    unknownRowCount: { type: "f64", offset: 112, doc: "report rows of unknown containers" },
    recheckDueCount: {
      type: "f64",
      offset: 120,
      doc: "decisions that found no room: found again by a recheck",
    },
    reportsWantedCount: {
      type: "f64",
      offset: 128,
      doc: "full reports wanted for rows that were left out before their stripe was known",
    },
  },
});
export type ShardStatistic = keyof typeof SHARD_STATISTICS.fields;

/** How many container ids each datanode has in this shard: u32 by node slot. */
export const NODE_COUNTS_BYTES = (NODE_SLOT_COUNT_MAX + 1) * 4;

/** What the rules must know of a replication configuration; a row by its number in the dictionary. A row of
 * zeros is one that is not known yet. */
export const REPLICATION_ROW = layout({
  name: "replication",
  rowBytes: 8,
  writer: "main, one buffer for all shards",
  readers: "shards",
  fields: {
    type: { type: "u8", offset: 0, doc: "REPLICATION_TYPE" },
    dataCount: { type: "u8", offset: 1, doc: "EC: indexes 1 … dataCount hold data; else 0" },
    indexCount: { type: "u8", offset: 2, doc: "EC: data + parity; else 0" },
  },
});
export const REPLICATIONS_BYTES = 65_536 * REPLICATION_ROW.rowBytes;

/** What main gives a shard at start. */
export interface ShardStartData {
  readonly shard: number;
  readonly shardCount: number;
  readonly statistics: SharedArrayBuffer;
  readonly nodeCounts: SharedArrayBuffer;
  /** Rows of REPLICATION_ROW. */
  readonly replications: SharedArrayBuffer;
  /** Whether main wants to be told of replicas of unknown containers: the operator has them deleted. */
  readonly sendsUnknown: boolean;
  /** Ids beyond all stripes that one node may have in one shard; more are left out. */
  readonly sideIdsPerNodeMax: number;
}

/** Posted before any record that needs the stripe. */
export interface StripeMessage {
  readonly kind: "stripe";
  readonly stripe: number;
  /** The stripe's rows of the container table. */
  readonly containers: SharedArrayBuffer;
  /** Rows of REPLICA_ROW, zeros. */
  readonly replicas: SharedArrayBuffer;
}

/** Posted when the rows of the container table are others than before, those of a snapshot, and when main
 * wants every decision again. What the shard derived from the rows is looked at anew, for every container. */
export interface RecheckMessage {
  readonly kind: "recheck";
}

/** Shared memory that main and a shard see together; compared at start. */
export const SHARD_LAYOUTS = [CONTAINER_ROW, REPLICA_ROW, REPLICATION_ROW, SHARD_STATISTICS] as const;
