/** The 32-bit words by which two threads meet: cursors, flags, counters. An interface, so that the model
 * check can run the real ring and doorbells over a memory of its own and stop them between any two steps. In
 * production there is one implementation, which the compiler inlines. Values are signed; counters wrap. */
export interface AtomicWords {
  load(index: number): number;
  store(index: number, value: number): void;
  /** Stores `value` and returns what was there. */
  exchange(index: number, value: number): number;
  /** Blocks the thread while the word is `expected` and nobody notifies, at most `timeoutMs`. */
  wait(index: number, expected: number, timeoutMs: number): void;
  /** Wakes whoever waits on the word. */
  notify(index: number): void;
}

/** `Atomics` over shared memory. Over ordinary memory (simulation: one thread) all but `wait` works too. */
export class SharedWords implements AtomicWords {
  readonly #words: Int32Array;

  /** @param words one element per word; every access is sequentially consistent. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  load(index: number): number {
    return Atomics.load(this.#words, index);
  }

  store(index: number, value: number): void {
    Atomics.store(this.#words, index, value);
  }

  exchange(index: number, value: number): number {
    return Atomics.exchange(this.#words, index, value);
  }

  wait(index: number, expected: number, timeoutMs: number): void {
    Atomics.wait(this.#words, index, expected, timeoutMs);
  }

  notify(index: number): void {
    Atomics.notify(this.#words, index);
  }
}
