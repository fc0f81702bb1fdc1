import { randomFillSync } from "node:crypto";
import { assert } from "../core/assert.js";
import type { Random } from "../core/random.js";

/** Fetched at once: a call into the generator costs a microsecond, whatever its length. */
const POOL_WORDS = 1024;

/** Randomness of the operating system, good for ids, keys and jitter. */
export class NodeRandom implements Random {
  readonly #pool = new Uint32Array(POOL_WORDS);
  #next = POOL_WORDS;

  uint32(): number {
    if (this.#next === POOL_WORDS) {
      randomFillSync(this.#pool);
      this.#next = 0;
    }
    const word = this.#pool[this.#next] as number;
    // What has been handed out must not be found in memory later.
    this.#pool[this.#next++] = 0;
    return word;
  }

  below(boundExclusive: number): number {
    assert(boundExclusive > 0, "bound must be positive");
    assert(boundExclusive <= 2 ** 32, "bound exceeds 32 bits");
    return Math.floor((this.uint32() * boundExclusive) / 2 ** 32);
  }

  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  fill(bytes: Uint8Array): void {
    randomFillSync(bytes);
  }
}
