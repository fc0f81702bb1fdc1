import { SAFE_INTEGER_MAX } from "../../../engine/core/ids.js";

/** Datanodes tell figures that nobody must fail for: a number that cannot be becomes the nearest one that
 * can. What Java writes as uint64 is one of its longs, so that a negative one comes as 2^63 or more. */
export function countWithin(value: bigint): number {
  const signed = BigInt.asIntN(64, value);
  if (signed < 0n) return 0;
  return signed > BigInt(SAFE_INTEGER_MAX) ? SAFE_INTEGER_MAX : Number(signed);
}

/** The same for a number that may be negative. */
export function integerWithin(value: bigint): number {
  return value < 0n ? -countWithin(-value) : countWithin(value);
}
