import { crc32c } from "./crc32c.js";

/** RocksDB's log files, its write-ahead logs and its MANIFEST (RocksDB 9.7, db/log_format.h): blocks of
 * 32 KiB, and in them fragments, none of which crosses the end of a block:
 *
 *   0                4            6      7
 *   │ masked crc32c  │ bytes u16  │ type │ payload │      the checksum covers type and payload
 *
 * A record is one FULL fragment, or FIRST, MIDDLE …, LAST, each of which fills its block but for the last.
 * Fewer than 7 bytes left at the end of a block are zeros. The other types (recycled and compressed logs,
 * user timestamps) need options that are off here, and count as damage. */
export const WAL_BLOCK_BYTES = 32 * 1024;
export const WAL_HEADER_BYTES = 7;
export const WAL_TYPE = { FULL: 1, FIRST: 2, MIDDLE: 3, LAST: 4 } as const;

/** A record of a write-ahead log is a batch: its sequence number u64, how many numbers it uses u32, its
 * changes. So batches, also those of successive files, number themselves without a gap. */
export const WAL_BATCH_HEAD_BYTES = 12;

const CRC_MASK = 0xa282ead8;
const BYTES_AT = 4;
export const WAL_TYPE_AT = 6;

/** A file that is read piece by piece. */
export interface WalBytes {
  readonly size: number;
  /** The bytes at `offset`, fewer than `length` only at the end of the file; valid until the next call. */
  read(offset: number, length: number): Uint8Array;
}

export function fragmentType(bytes: Uint8Array, at: number): number {
  return bytes[at + WAL_TYPE_AT]!;
}

/** Where the fragment at `at` ends, by its header alone. */
export function fragmentEnd(bytes: Uint8Array, at: number): number {
  return at + WAL_HEADER_BYTES + (bytes[at + BYTES_AT]! | (bytes[at + BYTES_AT + 1]! << 8));
}

/** The checksum that the fragment at `at` carries. */
export function fragmentChecksum(bytes: Uint8Array, at: number): number {
  const masked = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  const rotated = (masked - CRC_MASK) | 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

/** A checksum as it is stored (and RocksDB's way to keep checksums of checksums apart). */
export function maskedCrc(checksum: number): number {
  return (((checksum >>> 15) | (checksum << 17)) + CRC_MASK) >>> 0;
}

/** True when there is a whole, intact fragment at `at`; `end` is that of the block, or of the file. */
export function isFragment(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < WAL_HEADER_BYTES) return false;
  const type = fragmentType(bytes, at);
  if (type < WAL_TYPE.FULL || type > WAL_TYPE.LAST) return false;
  const fragmentStop = fragmentEnd(bytes, at);
  if (fragmentStop > end) return false;
  return fragmentChecksum(bytes, at) === crc32c(bytes, at + WAL_TYPE_AT, fragmentStop);
}

/** u64 at `at`; numbers that are no sequence of ours (2^53 and above) become infinite. */
export function walSequence(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
}
