/** Eight tables of 256: entry `[k · 256 + byte]` is the remainder of `byte` followed by k zero bytes. */
const TABLES = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  TABLES[byte] = crc;
}
for (let i = 256; i < TABLES.length; i++) {
  const shorter = TABLES[i - 256]!;
  TABLES[i] = TABLES[shorter & 0xff]! ^ (shorter >>> 8);
}

/** CRC-32C (Castagnoli), which RocksDB's logs carry, of `bytes[start, end)`, continuing from `previous`.
 * Node.js offers only the polynomial of zlib. Eight bytes a step. */
export function crc32c(bytes: Uint8Array, start: number, end: number, previous = 0): number {
  const t = TABLES;
  let crc = ~previous;
  let i = start;
  for (const last = end - 8; i <= last; i += 8) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc =
      t[1792 | (crc & 0xff)]! ^
      t[1536 | ((crc >>> 8) & 0xff)]! ^
      t[1280 | ((crc >>> 16) & 0xff)]! ^
      t[1024 | (crc >>> 24)]! ^
      t[768 | bytes[i + 4]!]! ^
      t[512 | bytes[i + 5]!]! ^
      t[256 | bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < end; i++) crc = t[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
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
