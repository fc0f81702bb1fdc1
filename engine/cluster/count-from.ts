import type { ByteReader } from "../core/byte-reader.js";
import { isCount } from "../core/ids.js";

/** A whole number 0 … 2^53 − 1 that is stored in 8 bytes. Throws RangeError for any other value. */
export function countFrom(reader: ByteReader): number {
  const value = reader.f64();
  if (!isCount(value)) throw new RangeError(`value ${value}`);
  return value;
}
