import { assert } from "../../engine/core/assert.js";
import { ListPool } from "./list-pool.js";
import { allocateSlab } from "./slab.js";

/** The lists of one node. */
interface NodeIndex {
  /** Entries of all lists. */
  count: number;
  /** Number of the page that describes the lists of the places from 64 times its index on, + 1; 0 = the node
   * has none there. */
  readonly pages: number[];
}

/** A page has two words for each place of a stripe in the shard's directory: the list's block, then its
 * length and its class. Stripes come and never go, so pages are never given back. */
const PAGE_PLACES = 64;
const PAGE_SHIFT = 6;
const PAGE_WORDS = 2 * PAGE_PLACES;
const SLAB_PAGES = 2048;
const SLAB_SHIFT = 11;
const SLAB_BYTES = SLAB_PAGES * PAGE_WORDS * 4;

/** A list has up to 65,536 entries and one of 44 classes. */
const CLASS_BITS = 6;
const CLASS_MASK = (1 << CLASS_BITS) - 1;

/** For each (node, stripe) the ascending offsets of the containers that the node said it holds, whether a
 * replica is recorded for them or not: the mirror of the node's last words (spec 02 §7). */
export class NodeLists {
  readonly #pool = new ListPool();
  readonly #nodes: (NodeIndex | undefined)[] = [];
  readonly #edit = { at: 0, removeCount: 0, insertCount: 0 };
  readonly #slabs: Uint32Array[] = [];
  #pageCount = 0;
  /** Of the place that was last looked for, when its page exists: `#words[#at]` is the first of the two. */
  #words: Uint32Array = new Uint32Array(0);
  #at = 0;

  /** Where the last `locate` found the list: `entries[start … start + length)`. Valid until the next
   * change. */
  entries: Uint16Array = new Uint16Array(0);
  start = 0;
  length = 0;

  /** Finds the list; an empty one has length 0. */
  locate(node: number, place: number): void {
    this.length = 0;
    const page = this.#nodes[node]?.pages[place >>> PAGE_SHIFT] ?? 0;
    if (page === 0) return;
    this.#goTo(page, place);
    const block = this.#words[this.#at] as number;
    if (block === 0) return;
    this.entries = this.#pool.entriesOf(block);
    this.start = this.#pool.entryOf(block);
    this.length = (this.#words[this.#at + 1] as number) >>> CLASS_BITS;
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
    const words = this.#words;
    const wordAt = this.#at;
    const block = words[wordAt] as number;
    const sizeClass = (words[wordAt + 1] as number) & CLASS_MASK;
    const length = (words[wordAt + 1] as number) >>> CLASS_BITS;
    const newLength = length + insertCount - removeCount;
    assert(at + removeCount <= length, "list edit is out of range");
    let newClass = sizeClass;
    if (newLength === 0) {
      if (block !== 0) this.#pool.free(block, sizeClass);
      words[wordAt] = 0;
    } else if (block === 0 || newLength > this.#pool.capacityOf(sizeClass)) {
      newClass = this.#pool.classFor(newLength);
      const newBlock = this.#pool.allocate(newClass);
      words[wordAt] = newBlock;
      if (block !== 0) {
        this.#copy(block, newBlock, length, edit);
        this.#pool.free(block, sizeClass);
      }
    } else if (insertCount !== removeCount) {
      const start = this.#pool.entryOf(block);
      const entries = this.#pool.entriesOf(block);
      entries.copyWithin(start + at + insertCount, start + at + removeCount, start + length);
    }
    words[wordAt + 1] = (newLength << CLASS_BITS) | newClass;
    index.count += newLength - length;
    this.locate(node, place);
  }

  /** Entries of all lists of the node. */
  count(node: number): number {
    return this.#nodes[node]?.count ?? 0;
  }

  /** Places of stripes where the node has a list, below this number. */
  placesOf(node: number): number {
    return (this.#nodes[node]?.pages.length ?? 0) * PAGE_PLACES;
  }

  /** Nodes have slots below this number. */
  get nodeLimit(): number {
    return this.#nodes.length;
  }

  /** Memory of the lists and of their index. */
  get bytes(): number {
    return this.#pool.chunkBytes + this.#slabs.length * SLAB_BYTES;
  }

  /** O(entries). */
  checkInvariants(): void {
    let units = 0;
    for (const [node, index] of this.#nodes.entries()) {
      if (index === undefined) continue;
      let count = 0;
      for (let place = 0; place < this.placesOf(node); place++) {
        if (index.pages[place >>> PAGE_SHIFT] === 0) continue;
        this.locate(node, place);
        const word = this.#words[this.#at + 1] as number;
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

  /** The node's index, with a page for `place`, to which it goes. */
  #indexOf(node: number, place: number): NodeIndex {
    let index = this.#nodes[node];
    if (index === undefined) {
      index = { count: 0, pages: [] };
      while (this.#nodes.length <= node) this.#nodes.push(undefined);
      this.#nodes[node] = index;
    }
    const { pages } = index;
    while (pages.length <= place >>> PAGE_SHIFT) pages.push(0);
    let page = pages[place >>> PAGE_SHIFT] as number;
    if (page === 0) {
      page = this.#addPage();
      pages[place >>> PAGE_SHIFT] = page;
    }
    this.#goTo(page, place);
    return index;
  }

  #addPage(): number {
    if (this.#pageCount === this.#slabs.length * SLAB_PAGES) {
      this.#slabs.push(new Uint32Array(allocateSlab(SLAB_BYTES)));
    }
    return ++this.#pageCount;
  }

  #goTo(page: number, place: number): void {
    this.#words = this.#slabs[(page - 1) >>> SLAB_SHIFT] as Uint32Array;
    this.#at = ((page - 1) & (SLAB_PAGES - 1)) * PAGE_WORDS + 2 * (place & (PAGE_PLACES - 1));
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
