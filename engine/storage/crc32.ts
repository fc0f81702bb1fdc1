import { crc32 as zlibCrc32 } from "node:zlib";
import { crcTables, tableCrc } from "./crc-tables.js";

const POLYNOMIAL = 0xedb88320 | 0;
const TABLES = crcTables(POLYNOMIAL);

/** Up to this many bytes the tables are faster than a call into zlib, and they need no view of the range. */
const TABLE_BYTES_MAX = 128;

/** CRC-32 (IEEE, as zlib's) of `bytes[start, end)`, continuing from `previous`. */
export function crc32(bytes: Uint8Array, start: number, end: number, previous = 0): number {
  if (end - start > TABLE_BYTES_MAX) return zlibCrc32(bytes.subarray(start, end), previous);
  return tableCrc(TABLES, bytes, start, end, previous);
}

/** `crc` continued from `was` over some `byteCount` bytes; the answer is the one that continues from `is`
 * over the same bytes, without reading them again. A CRC is linear: the difference of the two beginnings is
 * only moved on by that many bytes, which is a multiplication (zlib's crc32_combine). */
export function crc32From(is: number, was: number, crc: number, byteCount: number): number {
  return (crc ^ times(is ^ was, shiftOf(byteCount))) >>> 0;
}

/** x^(8 · byteCount) modulo the polynomial, by byteCount modulo its length: entries of a log often have the
 * same few lengths. */
const SHIFTS = new Int32Array(1024);
const SHIFT_BYTES = new Float64Array(SHIFTS.length).fill(-1);

function shiftOf(byteCount: number): number {
  const slot = byteCount % SHIFTS.length;
  if (SHIFT_BYTES[slot] !== byteCount) {
    SHIFT_BYTES[slot] = byteCount;
    SHIFTS[slot] = power(byteCount);
  }
  return SHIFTS[slot]!;
}

/** By squares. Bit 31 is the coefficient of x^0. */
function power(byteCount: number): number {
  let result = 1 << 31;
  let square = 1 << 23;
  for (let left = byteCount; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = times(result, square);
    square = times(square, square);
  }
  return result;
}

/** Product of two remainders, without a branch: their bits are random. */
function times(a: number, b: number): number {
  let product = 0;
  let factor = a;
  let moved = b;
  for (let bit = 0; bit < 32; bit++) {
    product ^= moved & (factor >> 31);
    factor <<= 1;
    moved = (moved >>> 1) ^ (POLYNOMIAL & -(moved & 1));
  }
  return product;
}
