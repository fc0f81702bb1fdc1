import { createHash } from "node:crypto";
import type { Clock } from "../../../../engine/core/clock.js";

/** Lines kept for the report of a failure. */
const LAST_LINES = 2_000;

/** Everything that can be observed of a run, in order: its digest says whether two runs were alike. */
export class SimTrace {
  readonly #clock: Clock;
  readonly #hash = createHash("sha256");
  readonly #onLine: ((line: string) => void) | undefined;
  #lines: string[] = [];

  /** `onLine` gets each line as it happens. */
  constructor(clock: Clock, onLine?: (line: string) => void) {
    this.#clock = clock;
    this.#onLine = onLine;
  }

  line(who: string, what: string): void {
    const line = `${this.#clock.monotonicMs().toFixed(3).padStart(11)} ${who.padEnd(6)} ${what}`;
    this.#hash.update(line);
    this.#lines.push(line);
    if (this.#lines.length >= 2 * LAST_LINES) this.#lines = this.#lines.slice(-LAST_LINES);
    this.#onLine?.(line);
  }

  lastLines(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }

  /** 16 hex digits over all lines so far. */
  digest(): string {
    return this.#hash.copy().digest("hex").slice(0, 16);
  }
}
