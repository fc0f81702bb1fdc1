import { joinUint48, REPLICA_FLAG } from "../shared/replica-layout.js";
import type { Stripe } from "./stripe.js";

/* Numbers of the replicas in a row. Those of a replica with AS_HEAD are the head's, and its own words mean
 * nothing: in most rows nobody ever looks at the values, another cold line, and most of their pages are never
 * given memory. So a head does not change before such replicas have got values of their own: `unfold`.
 *
 *   AS_HEAD    1  1  1                  0  0  1                    0  1  1
 *   head       100          ─► 1st: 107 107         ─► 2nd: 107    107
 *   values     ·  ·  ·      unfold 2, 3 ·, 100, 100                ·  ·  100   (places from the right)
 *
 * Literal numbers are words of REPLICA_ROW, as in merge.ts. */

const TWO_32 = 2 ** 32;
export const AS_HEAD_EVERYWHERE = REPLICA_FLAG.AS_HEAD * 0x01010101;
/** Added to where a row begins: its values. */
export const VALUES = 0x100000;

/** Gives those of the row's replicas that are as the head, and whose AS_HEAD stands in `flags`, values of
 * their own. */
export function unfold({ words, numbers }: Stripe, offset: number, flags: number): void {
  const at = offset << 4;
  const used = numbers[(offset << 3) | 1] as number;
  const sequence = numbers[(offset << 3) | 2] as number;
  const keys = words[at | 8] as number;
  const places = (words[at | 9] as number) & flags & AS_HEAD_EVERYWHERE;
  for (let rest = places; rest !== 0; rest &= rest - 1) {
    const place = (31 - Math.clz32(rest & -rest)) >> 3;
    writeValues(words, (at | VALUES) + (place << 2), used, sequence, keys);
  }
  words[at | 9] = (words[at | 9] as number) & ~places;
}

export function writeValues(
  words: Int32Array,
  at: number,
  used: number,
  sequence: number,
  keys: number,
): void {
  words[at] = used | 0;
  words[at + 1] = sequence | 0;
  words[at + 2] = keys;
  words[at + 3] = (used / TWO_32) | ((sequence / TWO_32) << 16);
}

/** Used bytes of the REPLICA_VALUES at `at`. */
export function usedOf(words: Int32Array, at: number): number {
  return joinUint48(words[at] as number, (words[at + 3] as number) & 0xffff);
}

export function sequenceOf(words: Int32Array, at: number): number {
  return joinUint48(words[at + 1] as number, (words[at + 3] as number) >>> 16);
}
