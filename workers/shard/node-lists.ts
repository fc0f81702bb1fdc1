import { assert } from "../../engine/core/assert.js";
import { ListPool } from "./list-pool.js";

/** The lists of one node. */
interface NodeIndex {
  /** Entries of all lists. */
  count: number;
  /** Two words for each place of a stripe in the shard's directory: the list's block, then its length and
   * its class. */
  words: Uint32Array;
}

/** A list has up to 65,536 entries and one of 44 classes. */
const CLASS_BITS = 6;
const CLASS_MASK = (1 << CLASS_BITS) - 1;

/** For each (node, stripe) the ascending offsets of the containers that the node said it holds, whether a
 * replica is recorded for them or not: the mirror of the node's last words (spec 02 §7). */
export class NodeLists {
  readonly #pool = new ListPool();
  readonly #nodes: (NodeIndex | undefined)[] = [];
  readonly #edit = { at: 0, removeCount: 0, insertCount: 0 };
  #placeCount = 0;
  #indexBytes = 0;

  /** Where the last `locate` found the list: `entries[start … start + length)`. Valid until the next
   * change. */
  entries: Uint16Array = new Uint16Array(0);
  start = 0;
  length = 0;

  /** So many places exist: the index of a node is made for all of them at once, since a full report goes
   * through all. */
  expectPlaces(placeCount: number): void {
    this.#placeCount = placeCount;
  }

  /** Finds the list; an empty one has length 0. */
  locate(node: number, place: number): void {
    const index = this.#nodes[node];
    const block = index === undefined ? 0 : (index.words[2 * place] ?? 0);
    if (block === 0) {
      this.length = 0;
      return;
    }
    this.entries = this.#pool.entriesOf(block);
    this.start = this.#pool.entryOf(block);
    this.length = (index?.words[2 * place + 1] as number) >>> CLASS_BITS;
  }

  /** Of the located list: how many entries are below `offset`. */
  countBelow(offset: number): number {
    const { entries, start } = this;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((entries[start + middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds `offset`; true when it was not there. */
  insert(node: number, place: number, offset: number): boolean {
    this.locate(node, place);
    const at = this.countBelow(offset);
    if (at < this.length && this.entries[this.start + at] === offset) return false;
    this.#resizeAt(node, place, at, 1);
    this.entries[this.start + at] = offset;
    return true;
  }

  /** Takes `offset` out; true when it was there. */
  remove(node: number, place: number, offset: number): boolean {
    this.locate(node, place);
    const at = this.countBelow(offset);
    if (at >= this.length || this.entries[this.start + at] !== offset) return false;
    this.#resizeAt(node, place, at, -1);
    return true;
  }

  #resizeAt(node: number, place: number, at: number, change: 1 | -1): void {
    const edit = this.#edit;
    edit.at = at;
    edit.insertCount = change === 1 ? 1 : 0;
    edit.removeCount = change === 1 ? 0 : 1;
    this.resize(node, place, edit);
  }

  /** Makes room for `insertCount` entries in the place of `removeCount` ones at `at`. The caller writes
   * them into the list as located afterwards. */
  resize(node: number, place: number, edit: Readonly<ListEdit>): void {
    const { at, removeCount, insertCount } = edit;
    const index = this.#indexOf(node, place);
    const block = index.words[2 * place] as number;
    const sizeClass = (index.words[2 * place + 1] as number) & CLASS_MASK;
    const length = (index.words[2 * place + 1] as number) >>> CLASS_BITS;
    const newLength = length + insertCount - removeCount;
    assert(at + removeCount <= length, "list edit is out of range");
    let newClass = sizeClass;
    if (newLength === 0) {
      if (block !== 0) this.#pool.free(block, sizeClass);
      index.words[2 * place] = 0;
    } else if (block === 0 || newLength > this.#pool.capacityOf(sizeClass)) {
      newClass = this.#pool.classFor(newLength);
      const newBlock = this.#pool.allocate(newClass);
      index.words[2 * place] = newBlock;
      if (block !== 0) {
        this.#copy(block, newBlock, length, edit);
        this.#pool.free(block, sizeClass);
      }
    } else if (insertCount !== removeCount) {
      const start = this.#pool.entryOf(block);
      const entries = this.#pool.entriesOf(block);
      entries.copyWithin(start + at + insertCount, start + at + removeCount, start + length);
    }
    index.words[2 * place + 1] = (newLength << CLASS_BITS) | newClass;
    index.count += newLength - length;
    this.locate(node, place);
  }

  /** Entries of all lists of the node. */
  count(node: number): number {
    return this.#nodes[node]?.count ?? 0;
  }

  /** Places of stripes where the node has a list, below this number. */
  placesOf(node: number): number {
    return (this.#nodes[node]?.words.length ?? 0) / 2;
  }

  /** Nodes have slots below this number. */
  get nodeLimit(): number {
    return this.#nodes.length;
  }

  /** Memory of the lists and of their index. */
  get bytes(): number {
    return this.#pool.chunkBytes + this.#indexBytes;
  }

  /** O(entries). */
  checkInvariants(): void {
    let units = 0;
    for (const [node, index] of this.#nodes.entries()) {
      if (index === undefined) continue;
      let count = 0;
      for (let place = 0; place < this.placesOf(node); place++) {
        this.locate(node, place);
        const word = index.words[2 * place + 1] as number;
        assert(this.length === word >>> CLASS_BITS, "list length without a list");
        if (this.length === 0) continue;
        count += this.length;
        units += this.#pool.unitsOf(word & CLASS_MASK);
        assert(this.length <= this.#pool.capacityOf(word & CLASS_MASK), "list exceeds its block");
        for (let i = 1; i < this.length; i++) {
          const before = this.entries[this.start + i - 1] as number;
          assert(before < (this.entries[this.start + i] as number), "list is not ascending");
        }
      }
      assert(count === index.count, "a node's count differs from its lists");
    }
    this.#pool.checkInvariants(units);
  }

  #indexOf(node: number, place: number): NodeIndex {
    let index = this.#nodes[node];
    if (index === undefined) {
      index = { count: 0, words: new Uint32Array(0) };
      while (this.#nodes.length <= node) this.#nodes.push(undefined);
      this.#nodes[node] = index;
    }
    const { words } = index;
    if (2 * place < words.length) return index;
    // By a quarter, as stripes come one after the other: the index is 8 bytes per node and stripe.
    const placeCount = Math.max(place + 1, this.#placeCount, Math.ceil(words.length * 0.625));
    index.words = new Uint32Array(2 * placeCount);
    index.words.set(words);
    this.#indexBytes += index.words.byteLength - words.byteLength;
    return index;
  }

  /** Copies a list around the edit into another block. */
  #copy(block: number, newBlock: number, length: number, { at, removeCount, insertCount }: ListEdit): void {
    const from = this.#pool.entriesOf(block);
    const fromStart = this.#pool.entryOf(block);
    const to = this.#pool.entriesOf(newBlock);
    const toStart = this.#pool.entryOf(newBlock);
    to.set(from.subarray(fromStart, fromStart + at), toStart);
    to.set(from.subarray(fromStart + at + removeCount, fromStart + length), toStart + at + insertCount);
  }
}

export interface ListEdit {
  readonly at: number;
  readonly removeCount: number;
  readonly insertCount: number;
}
