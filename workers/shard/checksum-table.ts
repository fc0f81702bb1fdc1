import { assert } from "../../engine/core/assert.js";

const SLOTS_MIN = 1024;
/** Above this load the table doubles. */
const LOAD_MAX = 0.6;

/** Data checksums of replicas that differ from the one in their container's row: (container, node) → 64
 * bits. Open addressing with linear probing in typed arrays, since a Map ends at 16.7 M entries, and EC
 * containers have a checksum for each index. Doubling moves every entry: 20 ns each, on the shard's
 * thread. */
export class ChecksumTable {
  /** 0 = free slot. */
  #ids = new Float64Array(SLOTS_MIN);
  #nodes = new Uint16Array(SLOTS_MIN);
  #lows = new Int32Array(SLOTS_MIN);
  #highs = new Int32Array(SLOTS_MIN);
  #count = 0;

  /** Lower and upper half of what the last `find` found. */
  low = 0;
  high = 0;

  get count(): number {
    return this.#count;
  }

  /** True when there is an entry; `low` and `high` are set. */
  find(containerId: number, node: number): boolean {
    const slot = this.#probe(containerId, node);
    if (this.#ids[slot] === 0) return false;
    this.low = this.#lows[slot] as number;
    this.high = this.#highs[slot] as number;
    return true;
  }

  set(containerId: number, node: number, low: number, high: number): void {
    let slot = this.#probe(containerId, node);
    if (this.#ids[slot] === 0) {
      if (this.#count + 1 > this.#ids.length * LOAD_MAX) {
        this.#grow();
        slot = this.#probe(containerId, node);
      }
      this.#ids[slot] = containerId;
      this.#nodes[slot] = node;
      this.#count++;
    }
    this.#lows[slot] = low;
    this.#highs[slot] = high;
  }

  /** The entry must exist. Closes the gap, so that there are no tombstones to grow over. */
  delete(containerId: number, node: number): void {
    let gap = this.#probe(containerId, node);
    assert(this.#ids[gap] !== 0, "no own checksum to delete");
    const mask = this.#ids.length - 1;
    for (let slot = (gap + 1) & mask; this.#ids[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#home(this.#ids[slot] as number, this.#nodes[slot] as number);
      // An entry may move to the gap when its home does not lie behind the gap.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      this.#ids[gap] = this.#ids[slot] as number;
      this.#nodes[gap] = this.#nodes[slot] as number;
      this.#lows[gap] = this.#lows[slot] as number;
      this.#highs[gap] = this.#highs[slot] as number;
      gap = slot;
    }
    this.#ids[gap] = 0;
    this.#count--;
  }

  /** Slot of the entry, or the free slot where it would go. */
  #probe(containerId: number, node: number): number {
    const mask = this.#ids.length - 1;
    let slot = this.#home(containerId, node);
    for (;;) {
      const id = this.#ids[slot];
      if (id === 0 || (id === containerId && this.#nodes[slot] === node)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #home(containerId: number, node: number): number {
    const upper = (containerId / 2 ** 32) | 0;
    let hash =
      Math.imul((containerId | 0) ^ Math.imul(upper, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(node, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 15), 0x27d4eb2f);
    return (hash ^ (hash >>> 13)) & (this.#ids.length - 1);
  }

  #grow(): void {
    const ids = this.#ids;
    const nodes = this.#nodes;
    const lows = this.#lows;
    const highs = this.#highs;
    this.#ids = new Float64Array(ids.length * 2);
    this.#nodes = new Uint16Array(ids.length * 2);
    this.#lows = new Int32Array(ids.length * 2);
    this.#highs = new Int32Array(ids.length * 2);
    for (let from = 0; from < ids.length; from++) {
      if (ids[from] === 0) continue;
      const to = this.#probe(ids[from] as number, nodes[from] as number);
      this.#ids[to] = ids[from] as number;
      this.#nodes[to] = nodes[from] as number;
      this.#lows[to] = lows[from] as number;
      this.#highs[to] = highs[from] as number;
    }
  }
}
