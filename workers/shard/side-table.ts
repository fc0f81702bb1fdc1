import { assert } from "../../engine/core/assert.js";
import type { ReplicaWords } from "./replica-table.js";
import { stateOf } from "./stripe.js";

/** Numbers of an entry: ReplicaWords without the node. */
const ENTRY_NUMBERS = 6;
const IDENTITY = 3;
const CAPACITY_MIN = 8;

interface SideIds {
  count: number;
  /** Ascending. */
  ids: Float64Array;
  numbers: Float64Array;
}

/** Replicas of ids that lie beyond all stripes: containers the SCM does not know yet, or never will. For
 * each node a sorted list, which is its set and its replicas at once, and bounded, so that a node that
 * reports nonsense allocates next to nothing. An entry without a state is an id whose replica was purged
 * (spec 01 §7.4: the set stays). */
export class SideTable {
  readonly #nodes: (SideIds | undefined)[] = [];
  readonly #idsPerNodeMax: number;

  constructor(idsPerNodeMax: number) {
    this.#idsPerNodeMax = idsPerNodeMax;
  }

  /** Nodes have slots below this number. */
  get nodeLimit(): number {
    return this.#nodes.length;
  }

  /** Ids in the node's set. */
  count(node: number): number {
    return this.#nodes[node]?.count ?? 0;
  }

  /** Index of the node's first id ≥ `id`. */
  indexFrom(node: number, id: number): number {
    const side = this.#nodes[node];
    let low = 0;
    let high = side?.count ?? 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((side?.ids[middle] as number) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  idAt(node: number, index: number): number {
    return (this.#nodes[node] as SideIds).ids[index] as number;
  }

  /** Reads entry `index` of the node; false when it is an id without a replica. */
  read(node: number, index: number, into: ReplicaWords): boolean {
    const { numbers } = this.#nodes[node] as SideIds;
    const at = index * ENTRY_NUMBERS;
    into.node = node;
    into.usedBytes = numbers[at] as number;
    into.sequenceId = numbers[at + 1] as number;
    into.keyCount = numbers[at + 2] as number;
    into.identity = numbers[at + IDENTITY] as number;
    into.checksumLow = numbers[at + 4] as number;
    into.checksumHigh = numbers[at + 5] as number;
    return stateOf(into.identity) !== 0;
  }

  write(node: number, index: number, values: Readonly<ReplicaWords>): void {
    const { numbers } = this.#nodes[node] as SideIds;
    const at = index * ENTRY_NUMBERS;
    numbers[at] = values.usedBytes;
    numbers[at + 1] = values.sequenceId;
    numbers[at + 2] = values.keyCount;
    numbers[at + IDENTITY] = values.identity;
    numbers[at + 4] = values.checksumLow;
    numbers[at + 5] = values.checksumHigh;
  }

  /** Puts `id` at `index`, its place in the order, without a replica; false when the node has its limit of
   * ids. */
  insert(node: number, index: number, id: number): boolean {
    if (this.count(node) >= this.#idsPerNodeMax) return false;
    const side = this.#room(node);
    side.ids.copyWithin(index + 1, index, side.count);
    side.numbers.copyWithin((index + 1) * ENTRY_NUMBERS, index * ENTRY_NUMBERS, side.count * ENTRY_NUMBERS);
    side.numbers.fill(0, index * ENTRY_NUMBERS, (index + 1) * ENTRY_NUMBERS);
    side.ids[index] = id;
    side.count++;
    return true;
  }

  /** Takes `count` entries out from `index` on. */
  remove(node: number, index: number, count: number): void {
    const side = this.#nodes[node] as SideIds;
    assert(index + count <= side.count, "side table edit is out of range");
    side.ids.copyWithin(index, index + count, side.count);
    side.numbers.copyWithin(
      index * ENTRY_NUMBERS,
      (index + count) * ENTRY_NUMBERS,
      side.count * ENTRY_NUMBERS,
    );
    side.count -= count;
    if (side.count === 0) this.#nodes[node] = undefined;
  }

  /** O(entries); returns the number of replicas. */
  checkInvariants(): number {
    let replicaCount = 0;
    for (const side of this.#nodes) {
      if (side === undefined) continue;
      assert(side.count > 0, "an empty side list is kept");
      assert(side.count <= this.#idsPerNodeMax, "a side list exceeds its limit");
      for (let index = 0; index < side.count; index++) {
        if (index > 0) assert(side.ids[index - 1]! < side.ids[index]!, "a side list is not ascending");
        if (stateOf(side.numbers[index * ENTRY_NUMBERS + IDENTITY] as number) !== 0) replicaCount++;
      }
    }
    return replicaCount;
  }

  /** The node's list with room for one more. */
  #room(node: number): SideIds {
    while (this.#nodes.length <= node) this.#nodes.push(undefined);
    let side = this.#nodes[node];
    if (side === undefined) {
      side = {
        count: 0,
        ids: new Float64Array(CAPACITY_MIN),
        numbers: new Float64Array(CAPACITY_MIN * ENTRY_NUMBERS),
      };
      this.#nodes[node] = side;
    }
    if (side.count < side.ids.length) return side;
    const capacity = Math.min(side.ids.length * 2, this.#idsPerNodeMax);
    const ids = new Float64Array(capacity);
    const numbers = new Float64Array(capacity * ENTRY_NUMBERS);
    ids.set(side.ids);
    numbers.set(side.numbers);
    side.ids = ids;
    side.numbers = numbers;
    return side;
  }
}
