import { assert } from "../core/assert.js";

/** Ascending numbers that grow at the end and are dropped at both: the first indexes of the stored blobs.
 * 8 bytes each; the log is truncated long before a million of them. */
export class IndexQueue {
  #values: Float64Array;
  #start = 0;
  #end: number;

  constructor(values: Float64Array) {
    this.#values = new Float64Array(Math.max(64, values.length * 2));
    this.#values.set(values);
    this.#end = values.length;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  at(position: number): number {
    assert(position >= 0, "position is negative");
    assert(position < this.length, "position beyond the end");
    return this.#values[this.#start + position]!;
  }

  push(value: number): void {
    assert(this.length === 0 || value > this.at(this.length - 1), "indexes must ascend");
    if (this.#end === this.#values.length) this.#makeRoom();
    this.#values[this.#end++] = value;
  }

  /** Drops all but the first `length`. */
  truncate(length: number): void {
    assert(length <= this.length, "cannot truncate forwards");
    this.#end = this.#start + length;
  }

  /** Drops the first `count`. */
  shift(count: number): void {
    assert(count <= this.length, "cannot drop more than there are");
    this.#start += count;
  }

  /** Position of the last value ≤ `value`; −1 when there is none. O(log n). */
  lastAtMost(value: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#values[this.#start + middle]! <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #makeRoom(): void {
    const kept = this.#values.subarray(this.#start, this.#end);
    const values =
      kept.length > this.#values.length / 2 ? new Float64Array(this.#values.length * 2) : this.#values;
    values.set(kept);
    this.#values = values;
    this.#end = kept.length;
    this.#start = 0;
  }
}
