import type { Random } from "../../../engine/core/random.js";

/** Mostly nothing, sometimes a few microseconds, seldom a fifth of a millisecond: enough to let the other
 * thread get ahead, fall asleep, or fill the ring. */
export function pauseAtRandom(random: Random): void {
  const choice = random.below(256);
  if (choice > 40) return;
  const endMs = performance.now() + (choice === 0 ? 0.2 : choice / 4000);
  while (performance.now() < endMs);
}
