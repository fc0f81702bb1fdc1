import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";

/** Appends that were sent to a follower and not acknowledged, as a ring in the order of sending:
 *
 *   start ─► │ last index, bytes │ … │ count of them │ (free) │
 *
 * The limits keep a slow follower from filling the network's buffers. The byte limit is soft: the message
 * that crosses it is still sent, so that a message larger than the limit can be (etcd-io/raft
 * tracker/inflights.go). */
export class Inflights {
  readonly #countMax: number;
  readonly #bytesMax: number;
  /** Grown when needed: most followers never have many in flight. */
  #indexes = new Float64Array(4);
  #bytesOf = new Float64Array(4);
  /** Slot of the oldest one. */
  #start = 0;
  /** At most `countMax`. */
  #count = 0;
  /** Of all in flight; below `bytesMax` before the last one was added. */
  #bytes = 0;

  constructor(limits: { readonly countMax: number; readonly bytesMax: number }) {
    assert(limits.countMax > 0, "something may be in flight");
    assert(limits.bytesMax > 0, "some bytes may be in flight");
    this.#countMax = limits.countMax;
    this.#bytesMax = limits.bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#count === this.#countMax || this.#bytes >= this.#bytesMax;
  }

  /** A message with entries up to `lastIndex` was sent; indexes ascend. There must be room. */
  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.isFull, "the window is full");
    if (this.#count === this.#indexes.length) this.#grow();
    if (this.#count > 0) {
      assert(lastIndex >= this.#indexAt(this.#count - 1), "messages are sent in order");
    }
    const slot = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[slot] = lastIndex;
    this.#bytesOf[slot] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** The follower has everything up to `index`. */
  freeTo(index: LogIndex): void {
    while (this.#count > 0 && this.#indexAt(0) <= index) {
      this.#bytes -= this.#bytesOf[this.#start] as number;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  /** Throws AssertionError. Those in flight are neither acknowledged (`match`) nor still to be sent
   * (`next`). */
  checkInvariants(match: LogIndex, next: LogIndex): void {
    let before: number = match + 1;
    let bytes = 0;
    for (let i = 0; i < this.#count; i++) {
      assert(this.#indexAt(i) >= before, "in flight in order, after match");
      before = this.#indexAt(i);
      bytes += this.#bytesOf[(this.#start + i) % this.#bytesOf.length] as number;
    }
    assert(this.#count === 0 || before < next, "what is in flight was sent");
    assert(bytes === this.#bytes, "bytes in flight are those of the messages");
  }

  #indexAt(position: number): number {
    return this.#indexes[(this.#start + position) % this.#indexes.length] as number;
  }

  #grow(): void {
    const length = Math.min(this.#countMax, this.#indexes.length * 2);
    const indexes = new Float64Array(length);
    const bytesOf = new Float64Array(length);
    for (let i = 0; i < this.#count; i++) {
      const slot = (this.#start + i) % this.#indexes.length;
      indexes[i] = this.#indexes[slot] as number;
      bytesOf[i] = this.#bytesOf[slot] as number;
    }
    this.#indexes = indexes;
    this.#bytesOf = bytesOf;
    this.#start = 0;
  }
}
