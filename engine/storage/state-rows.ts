import type { Store, StoreCursor } from "../core/disk.js";
import { DISK_TABLE_MIN } from "../core/disk-tables.js";
import { StrataError } from "../core/errors.js";
import { crc32 } from "./crc32.js";

/** Everything lies in one column, so that one cursor sees one state (raft.md §9). */
export const ROWS_COLUMN = "rows";

export const STATE_CHECKSUM_BYTES = 4;

/** Checksum over key and value. */
export function rowChecksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value, 0, value.length, crc32(key, 0, key.length));
}

/** The value without its checksum. Throws CorruptionError STATE_CORRUPT. */
export function checkedValue(key: Uint8Array, stored: Uint8Array): Uint8Array {
  const end = stored.length - STATE_CHECKSUM_BYTES;
  if (end < 0) throw rowCorrupt(key, "cut off");
  const value = stored.subarray(0, end);
  const checksum = new DataView(stored.buffer, stored.byteOffset, stored.length).getUint32(end, true);
  if (checksum !== rowChecksum(key, value)) throw rowCorrupt(key, "checksum mismatch");
  return value;
}

/** The rows of the state machine; table 0 belongs to the store. With `memory` disk-resident tables are left
 * out. */
export function scanTables(store: Store, tables: "memory" | "all"): StoreCursor {
  const to = Uint8Array.of(tables === "all" ? 255 : DISK_TABLE_MIN);
  return store.scan(ROWS_COLUMN, { from: Uint8Array.of(1), to });
}

function rowCorrupt(key: Uint8Array, reason: string): StrataError {
  const name = Buffer.from(key.subarray(1)).toString("hex");
  return new StrataError("STATE_CORRUPT", { where: `table ${key[0]} key ${name}`, reason });
}
