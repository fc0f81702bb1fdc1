/** Tables for a reflected CRC of 32 bits, eight times 256: entry `[k · 256 + byte]` is the remainder of
 * `byte` followed by k zero bytes. */
export function crcTables(polynomial: number): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const shorter = tables[i - 256]!;
    tables[i] = tables[shorter & 0xff]! ^ (shorter >>> 8);
  }
  return tables;
}

/** CRC of `bytes[start, end)`, continuing from `previous`; eight bytes a step. */
export function tableCrc(
  tables: Int32Array,
  bytes: Uint8Array,
  start: number,
  end: number,
  previous: number,
): number {
  const t = tables;
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
