import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 5;

/** When mutations were acknowledged, to whichever client: how long nobody got anything done. */
export class Acknowledgements {
  #count = 0;
  #lastMs = performance.now();
  /** Start of the newest mutation that was acknowledged. */
  #newestStartMs = 0;
  #watch: { sinceMs: number; gapMsMax: number } | undefined;

  get count(): number {
    return this.#count;
  }

  add(startMs: number, nowMs: number): void {
    this.#count++;
    this.#noteGap(nowMs);
    this.#lastMs = nowMs;
    this.#newestStartMs = Math.max(this.#newestStartMs, startMs);
  }

  /** Begins to look for the longest gap. */
  watch(): void {
    this.#watch = { sinceMs: performance.now(), gapMsMax: 0 };
  }

  /** The longest time without an acknowledgement since `watch`, up to now. */
  longestGapMs(): number {
    this.#noteGap(performance.now());
    return this.#watch?.gapMsMax ?? 0;
  }

  /** Milliseconds from `sinceMs` until a mutation that was begun later was acknowledged; undefined when none
   * was within `limitMs`. */
  async nextAfter(sinceMs: number, limitMs: number): Promise<number | undefined> {
    const dueMs = sinceMs + limitMs;
    while (this.#newestStartMs < sinceMs) {
      if (performance.now() > dueMs) return undefined;
      await sleep(LOOK_MS);
    }
    return this.#lastMs - sinceMs;
  }

  #noteGap(nowMs: number): void {
    const watch = this.#watch;
    if (watch === undefined) return;
    watch.gapMsMax = Math.max(watch.gapMsMax, nowMs - Math.max(this.#lastMs, watch.sinceMs));
  }
}
