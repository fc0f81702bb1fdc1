import { assert } from "./assert.js";

/** Below this a queue is not worth moving: one that is nearly always empty allocates only every so often. */
const MOVE_COUNT_MIN = 64;

/** A queue whose first items are dropped in constant time: an array's `shift` and `slice` move all the
 * others, which costs seconds when tens of thousands wait.
 *
 *   items:  │ dropped │ first … last │
 *                     #head                what was dropped is cut off when it is more than half
 */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The item at `position`, 0 = the first; undefined beyond the last. */
  at(position: number): T | undefined {
    return this.#items[this.#head + position];
  }

  get last(): T | undefined {
    return this.length === 0 ? undefined : this.#items.at(-1);
  }

  /** Takes the first item out; undefined when there is none. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const first = this.#items[this.#head];
    this.drop(1);
    return first;
  }

  /** Drops the first `count` items. */
  drop(count: number): void {
    assert(count <= this.length, "so many items are not there");
    for (const end = this.#head + count; this.#head < end; this.#head++) this.#items[this.#head] = undefined;
    if (this.#head >= MOVE_COUNT_MIN && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Drops all but the first `length` items. */
  truncate(length: number): void {
    assert(length <= this.length, "a queue is not made longer");
    this.#items.length = this.#head + length;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  /** A copy of the items from position `from` up to but without `to`. */
  slice(from: number, to: number): T[] {
    assert(from >= 0 && from <= to, "a slice has a beginning before its end");
    assert(to <= this.length, "a slice ends within the queue");
    return this.#items.slice(this.#head + from, this.#head + to) as T[];
  }
}
