import { crc32 as zlibCrc32 } from "node:zlib";

/** Below this many bytes the table is faster than a call into zlib, and it needs no view of the range. */
const TABLE_BYTES_MAX = 48;

const TABLE = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  TABLE[byte] = crc >>> 0;
}

/** CRC-32 (IEEE, as zlib's) of `bytes[start, end)`, continuing from `previous`. */
export function crc32(bytes: Uint8Array, start: number, end: number, previous = 0): number {
  if (end - start > TABLE_BYTES_MAX) return zlibCrc32(bytes.subarray(start, end), previous);
  let crc = ~previous;
  for (let i = start; i < end; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
