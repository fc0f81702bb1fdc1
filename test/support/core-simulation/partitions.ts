import type { Random } from "../../../engine/core/random.js";
import { pick } from "./options.js";

export const PARTITION_KINDS = [
  "halves",
  "deafHalf",
  "bridge",
  "ring",
  "isolated",
  "deaf",
  "mute",
  "scattered",
] as const;
export type PartitionKind = (typeof PARTITION_KINDS)[number];

/** Cuts links between `ids`, in both directions unless the kind says otherwise:
 *
 *   halves      two groups that do not hear each other; deafHalf: one of them hears the other
 *   bridge      the same, but one member is heard by all and hears all
 *   ring        each hears only its two neighbours
 *   isolated    one alone; deaf: hears nobody; mute: nobody hears it
 *   scattered   any link, in any direction */
export function cutLinks(
  network: { cut(from: number, to: number): void },
  kind: PartitionKind,
  members: readonly number[],
  random: Random,
): void {
  const ids = shuffled(members, random);
  const first = ids[0] ?? 0;
  const half = new Set(ids.slice(0, 1 + random.below(Math.max(1, ids.length - 1))));
  const bridge = kind === "bridge" ? pick(random, ids) : 0;
  const isCut = (from: number, to: number): boolean => {
    switch (kind) {
      case "halves":
        return half.has(from) !== half.has(to);
      case "deafHalf":
        return half.has(to) && !half.has(from);
      case "bridge":
        return from !== bridge && to !== bridge && half.has(from) !== half.has(to);
      case "ring":
        return !isNeighbour(ids.indexOf(from), ids.indexOf(to), ids.length);
      case "isolated":
        return from === first || to === first;
      case "deaf":
        return to === first;
      case "mute":
        return from === first;
      case "scattered":
        return random.below(3) === 0;
    }
  };
  for (const from of ids) {
    for (const to of ids) if (from !== to && isCut(from, to)) network.cut(from, to);
  }
}

function isNeighbour(a: number, b: number, count: number): boolean {
  const distance = Math.abs(a - b);
  return distance === 1 || distance === count - 1;
}

function shuffled(values: readonly number[], random: Random): number[] {
  const result = values.slice();
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [result[i], result[j]] = [result[j] as number, result[i] as number];
  }
  return result;
}
