import { randomFillSync } from "node:crypto";
import { type Random, scaledWord } from "../core/random.js";

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
    return scaledWord(this.uint32(), boundExclusive);
  }

  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  fill(bytes: Uint8Array): void {
    randomFillSync(bytes);
  }
}
