import type { NodeUsage } from "../nodes/node-usage.js";

/** Ratios that are closer count as equal. */
const RATIO_STEP = 1e-6;

type Usage = Pick<NodeUsage, "scmUsed" | "capacity">;

/** Whether `a` has more of its space used than `b`, in single precision as the reference computes it; when
 * they are equally full, more bytes (spec 03 §14). */
export function isFullerThan(a: Usage, b: Usage): boolean {
  const difference = Math.fround(usedRatio(a) - usedRatio(b));
  return Math.abs(difference) < RATIO_STEP ? a.scmUsed > b.scmUsed : difference > 0;
}

/** Part of the space that is used; a node without any has one byte. */
export function usedRatio({ scmUsed, capacity }: Usage): number {
  return Math.fround(scmUsed / Math.max(capacity, 1));
}
