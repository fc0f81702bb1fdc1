import { assert } from "../../engine/core/assert.js";

/* Version words: one writer, readers that never block it (a sequence lock). The word is odd while the row is
 * written.
 *
 *      writer                     reader
 *      word ← odd                 v ← word; odd? → again
 *      writes the fields          reads the fields
 *      word ← next even           word = v? → what was read is one row
 *
 * A plain access may pass an atomic store, or be passed by an atomic load, on processors with weak order
 * (ARM): a load after the writer's first store, and an exchange on a word of the reader's own before its
 * second load, close these two doors. On x86-64 they cost 1 and 8 ns. */

const SPIN_COUNT = 200;
/** The writer may have lost its processor in the middle of a row; after this long it must be dead. */
const WAIT_COUNT_MAX = 10_000;
const WAIT_MS = 1;

const fence = new Int32Array(1);

/** Marks the row as being written. `words[index]` is its version word. */
export function beginWrite(words: Int32Array, index: number): void {
  const version = Atomics.load(words, index);
  assert((version & 1) === 0, "the row is being written already");
  Atomics.store(words, index, (version + 1) | 0);
  Atomics.load(words, index);
}

/** Marks the row as whole again. */
export function endWrite(words: Int32Array, index: number): void {
  const version = Atomics.load(words, index);
  assert((version & 1) === 1, "the row is not being written");
  Atomics.store(words, index, (version + 1) | 0);
}

/** The row's version before reading it; odd: it is being written. */
export function beginRead(words: Int32Array, index: number): number {
  return Atomics.load(words, index);
}

/** True when what was read since `beginRead` gave `version` belongs together. */
export function endRead(words: Int32Array, index: number, version: number): boolean {
  Atomics.exchange(fence, 0, 0);
  return (version & 1) === 0 && Atomics.load(words, index) === version;
}

/** One word of a row, `words[at]`, with all the fields in it from one state of the row. Sequentially
 * consistent loads alone do it: a word is loaded whole. Spins for as long as the writer takes for the row. */
export function readWord(words: Int32Array, index: number, at: number): number {
  for (let attempt = 0; ; attempt++) {
    const version = Atomics.load(words, index);
    const word = Atomics.load(words, at);
    if ((version & 1) === 0 && Atomics.load(words, index) === version) return word;
    if (attempt >= SPIN_COUNT) Atomics.wait(words, index, version, WAIT_MS);
    assert(attempt < SPIN_COUNT + WAIT_COUNT_MAX, "a row stays unstable: its writer died while writing");
  }
}

/** Calls `read` until it saw the row undisturbed, and returns its result. `read` may run several times and
 * must have no effect but on what it fills. Blocks for as long as the writer is off its processor; not for
 * use on main. */
export function readStable<T>(words: Int32Array, index: number, read: () => T): T {
  for (let attempt = 0; attempt < SPIN_COUNT + WAIT_COUNT_MAX; attempt++) {
    const version = beginRead(words, index);
    if ((version & 1) === 0) {
      const result = read();
      if (endRead(words, index, version)) return result;
    } else if (attempt >= SPIN_COUNT) {
      Atomics.wait(words, index, version, WAIT_MS);
    }
  }
  assert(false, "a row stays unstable: its writer died while writing");
}
