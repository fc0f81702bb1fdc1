import { bytes, count, field, record, text, u32 } from "./fields.js";
import type { ValueOfRecord } from "./types.js";

/** Bytes of rows in one chunk; a single row that is larger is sent alone. */
export const SNAPSHOT_CHUNK_BYTES = 128 * 1024;
export const SNAPSHOT_CHUNK_BYTES_MAX = 1024 * 1024;
/** A key of the state, with its table. */
export const SNAPSHOT_KEY_BYTES_MAX = 512;

export const SNAPSHOT_CHUNK = record("SnapshotChunk", "Rows of the state, in the order of their keys.", {
  number: field(count, "1, 2, 3 … within the snapshot"),
  rowCount: field(count, "rows"),
  crc: field(u32, "CRC-32C of the rows"),
  rows: field(bytes(SNAPSHOT_CHUNK_BYTES_MAX), "rows, one behind the other"),
});
export const SNAPSHOT_PROGRESS = record("SnapshotProgress", "What has arrived.", {
  number: field(count, "last chunk that is written"),
});
export const SNAPSHOT_OFFER = record("SnapshotOffer", "First message of who dialled: what there is.", {
  leaderTerm: field(count, "term in which it is sent"),
  index: field(count, "last log entry that the state holds"),
  term: field(count, "its term"),
  hash: field(text(16), "hash of the state, 16 hex digits"),
  chunkCount: field(count, "chunks that were sent on connections before: it can go on behind any of them"),
});
export const SNAPSHOT_WANTED = record("SnapshotWanted", "Answer to an offer: go on after these chunks.", {
  number: field(count, "chunks that were written before the connection was lost; 0 = start over"),
  lastKey: field(bytes(SNAPSHOT_KEY_BYTES_MAX), "key of their last row, with its table"),
});
export const SNAPSHOT_NOT_NEEDED = record(
  "SnapshotNotNeeded",
  "Answer to an offer: all of it was applied here.",
  {},
);
export const SNAPSHOT_END = record("SnapshotEnd", "Behind the last chunk.", {
  rowCount: field(count, "rows of all chunks"),
  total: field(u32, "CRC-32C of the checksums of all rows"),
  chain: field(u32, "chain value of the log at the snapshot's last entry"),
  confState: field(bytes(64 * 1024), "members as of the snapshot, as the log holds them"),
});
export const SNAPSHOT_ARRIVED = record("SnapshotArrived", "All of it is durable and was checked.", {});

/** Messages on SNAPSHOT_PATH behind hello, none with an answer by its request id. Numbers are for ever.
 *
 *   who dialled ─► snapshotOffer                              ─► other member
 *               ◄─ snapshotWanted or snapshotNotNeeded        ◄─
 *               ─► snapshotChunk, snapshotChunk … snapshotEnd ─►
 *               ◄─ snapshotProgress for each chunk, snapshotArrived
 */
export const SNAPSHOT_MESSAGES = {
  snapshotChunk: { op: 64, message: SNAPSHOT_CHUNK },
  snapshotProgress: { op: 65, message: SNAPSHOT_PROGRESS },
  snapshotOffer: { op: 66, message: SNAPSHOT_OFFER },
  snapshotWanted: { op: 67, message: SNAPSHOT_WANTED },
  snapshotNotNeeded: { op: 68, message: SNAPSHOT_NOT_NEEDED },
  snapshotEnd: { op: 69, message: SNAPSHOT_END },
  snapshotArrived: { op: 70, message: SNAPSHOT_ARRIVED },
} as const;

export type SnapshotMessageName = keyof typeof SNAPSHOT_MESSAGES;
/** Spelled out: as one generic type the compiler gives it up. */
interface SnapshotBodies {
  readonly snapshotChunk: ValueOfRecord<typeof SNAPSHOT_CHUNK>;
  readonly snapshotProgress: ValueOfRecord<typeof SNAPSHOT_PROGRESS>;
  readonly snapshotOffer: ValueOfRecord<typeof SNAPSHOT_OFFER>;
  readonly snapshotWanted: ValueOfRecord<typeof SNAPSHOT_WANTED>;
  readonly snapshotNotNeeded: ValueOfRecord<typeof SNAPSHOT_NOT_NEEDED>;
  readonly snapshotEnd: ValueOfRecord<typeof SNAPSHOT_END>;
  readonly snapshotArrived: ValueOfRecord<typeof SNAPSHOT_ARRIVED>;
}
export type SnapshotMessageOf<N extends SnapshotMessageName> = SnapshotBodies[N];
/** A message with its name; narrow by `name`. */
export type SnapshotMessage = {
  [N in SnapshotMessageName]: { readonly name: N; readonly body: SnapshotMessageOf<N> };
}[SnapshotMessageName];
