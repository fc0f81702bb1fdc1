import { crcTables, tableCrc } from "./crc-tables.js";

const TABLES = crcTables(0x82f63b78);

/** CRC-32C (Castagnoli), which RocksDB's logs carry, of `bytes[start, end)`, continuing from `previous`.
 * Node.js offers only the polynomial of zlib. */
export function crc32c(bytes: Uint8Array, start: number, end: number, previous = 0): number {
  return tableCrc(TABLES, bytes, start, end, previous);
}

/** Which table entry has this byte at its top; those are all different. */
const BY_TOP = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) BY_TOP[TABLES[byte]! >>> 24] = byte;

/** True when flipping one bit in `byteCount` bytes would turn their checksum `found` into `wanted`. A change
 * of a byte adds the table entry of the bits that changed, moved on by the bytes that follow: the difference
 * is moved back, byte by byte, until it is such an entry. Checksums at random pass with a probability of
 * byteCount / 2^29. */
export function isOneBitOff(found: number, wanted: number, byteCount: number): boolean {
  let difference = (found ^ wanted) | 0;
  for (let i = 0; i < byteCount; i++) {
    const bits = BY_TOP[difference >>> 24]!;
    const before = difference ^ TABLES[bits]!;
    if (before === 0) return (bits & (bits - 1)) === 0;
    difference = (before << 8) | bits;
  }
  return false;
}
