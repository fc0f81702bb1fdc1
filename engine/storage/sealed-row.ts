import { ByteReader } from "../core/byte-reader.js";
import { ByteWriter } from "../core/byte-writer.js";
import { crc32 } from "./crc32.js";

/** Small rows and files that end in a checksum over all before it. */
export function seal(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(256);
  write(writer);
  writer.u32(crc32(writer.view(), 0, writer.length));
  return writer.take();
}

/** Reads what `seal` wrote. `corrupt` makes the error of a row that fails its checksum or does not hold what
 * is read from it. */
export function unseal<T>(
  bytes: Uint8Array,
  read: (reader: ByteReader) => T,
  corrupt: (reason: string) => Error,
): T {
  const end = bytes.length - 4;
  if (end < 0) throw corrupt("cut off");
  const expected = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(end, true);
  if (expected !== crc32(bytes, 0, end)) throw corrupt("checksum mismatch");
  const reader = new ByteReader(bytes.subarray(0, end));
  let value: T;
  try {
    value = read(reader);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw corrupt(error.message);
    throw error;
  }
  if (reader.remaining > 0) throw corrupt(`${reader.remaining} bytes too many`);
  return value;
}
