import { bytes, count, field, record, u32 } from "./fields.js";
import type { ValueOfRecord } from "./types.js";

/** Bytes of rows in one chunk. */
export const SNAPSHOT_CHUNK_BYTES_MAX = 1024 * 1024;

export const SNAPSHOT_CHUNK = record("SnapshotChunk", "Rows of the state.", {
  number: field(count, "1, 2, 3 … within the snapshot"),
  crc: field(u32, "CRC-32 of the rows"),
  rows: field(bytes(SNAPSHOT_CHUNK_BYTES_MAX), "rows, one behind the other"),
});
export const SNAPSHOT_PROGRESS = record("SnapshotProgress", "What has arrived.", {
  number: field(count, "last chunk that is written"),
});

/** Messages on SNAPSHOT_PATH behind hello, in either direction, none with an answer. Numbers are for ever. */
export const SNAPSHOT_MESSAGES = {
  snapshotChunk: { op: 64, message: SNAPSHOT_CHUNK },
  snapshotProgress: { op: 65, message: SNAPSHOT_PROGRESS },
} as const;

export type SnapshotMessageName = keyof typeof SNAPSHOT_MESSAGES;
export type SnapshotMessageOf<N extends SnapshotMessageName> = ValueOfRecord<
  (typeof SNAPSHOT_MESSAGES)[N]["message"]
>;
/** A message with its name; narrow by `name`. */
export type SnapshotMessage = {
  [N in SnapshotMessageName]: { readonly name: N; readonly body: SnapshotMessageOf<N> };
}[SnapshotMessageName];
