import type { Random } from "../../engine/core/random.js";

export interface BackoffOptions {
  /** Bound of the first pause. */
  readonly initialMs: number;
  /** Bound of every pause. */
  readonly maximumMs: number;
}

export const BACKOFF_DEFAULT: BackoffOptions = { initialMs: 100, maximumMs: 10_000 };

/** Pauses between attempts: the bound doubles with each failure, the pause is drawn evenly below it. Full
 * jitter spreads a fleet that lost its SCM at one moment over the whole interval, where a fixed share would
 * keep it in step. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #failureCount = 0;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** Counts a failure and draws the pause before the next attempt. */
  nextMs(): number {
    const { initialMs, maximumMs } = this.#options;
    const bound = Math.min(maximumMs, initialMs * 2 ** this.#failureCount);
    this.#failureCount++;
    return this.#random.fraction() * bound;
  }

  succeeded(): void {
    this.#failureCount = 0;
  }
}
