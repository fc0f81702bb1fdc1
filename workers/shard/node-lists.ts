import { assert } from "../../engine/core/assert.js";
import { ListPool } from "./list-pool.js";

/** The list blocks of one node, by place of the stripe in the shard's directory. */
interface NodeBlocks {
  /** Entries of all lists. */
  count: number;
  blocks: Uint32Array;
  lengths: Uint32Array;
  classes: Uint8Array;
}

const STRIPES_MIN = 8;
/** Block, length and class of a list. */
const INDEX_ENTRY_BYTES = 9;

/** For each (node, stripe) the ascending offsets of the containers that the node said it holds, whether a
 * replica is recorded for them or not: the mirror of the node's last words (spec 02 §7). */
export class NodeLists {
  readonly #pool = new ListPool();
  readonly #nodes: (NodeBlocks | undefined)[] = [];
  #indexBytes = 0;

  /** Where the last `locate` found the list: `entries[start … start + length)`. Valid until the next
   * change. */
  entries: Uint16Array = new Uint16Array(0);
  start = 0;
  length = 0;

  /** Finds the list; an empty one has length 0. */
  locate(node: number, place: number): void {
    const blocks = this.#nodes[node];
    const block = blocks === undefined ? 0 : (blocks.blocks[place] ?? 0);
    if (block === 0) {
      this.length = 0;
      return;
    }
    this.entries = this.#pool.entriesOf(block);
    this.start = this.#pool.entryOf(block);
    this.length = blocks?.lengths[place] as number;
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
    this.resize(node, place, { at, removeCount: 0, insertCount: 1 });
    this.entries[this.start + at] = offset;
    return true;
  }

  /** Takes `offset` out; true when it was there. */
  remove(node: number, place: number, offset: number): boolean {
    this.locate(node, place);
    const at = this.countBelow(offset);
    if (at >= this.length || this.entries[this.start + at] !== offset) return false;
    this.resize(node, place, { at, removeCount: 1, insertCount: 0 });
    return true;
  }

  /** Makes room for `insertCount` entries in the place of `removeCount` ones at `at`. The caller writes
   * them into the list as located afterwards. */
  resize(node: number, place: number, edit: Readonly<ListEdit>): void {
    const { at, removeCount, insertCount } = edit;
    const blocks = this.#blocksOf(node, place);
    const block = blocks.blocks[place] as number;
    const length = blocks.lengths[place] as number;
    const newLength = length + insertCount - removeCount;
    assert(at + removeCount <= length, "list edit is out of range");
    if (newLength === 0) {
      if (block !== 0) this.#pool.free(block, blocks.classes[place] as number);
      blocks.blocks[place] = 0;
    } else if (block === 0 || newLength > this.#pool.capacityOf(blocks.classes[place] as number)) {
      this.#move(blocks, place, edit);
    } else {
      const entries = this.#pool.entriesOf(block);
      const start = this.#pool.entryOf(block);
      if (insertCount !== removeCount) {
        entries.copyWithin(start + at + insertCount, start + at + removeCount, start + length);
      }
    }
    blocks.lengths[place] = newLength;
    blocks.count += newLength - length;
    this.locate(node, place);
  }

  /** Entries of all lists of the node. */
  count(node: number): number {
    return this.#nodes[node]?.count ?? 0;
  }

  /** Places of stripes where the node has a list, below this number. */
  placesOf(node: number): number {
    return this.#nodes[node]?.blocks.length ?? 0;
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
    for (const [node, blocks] of this.#nodes.entries()) {
      if (blocks === undefined) continue;
      const count = blocks.lengths.reduce((sum, length) => sum + length, 0);
      assert(count === blocks.count, "a node's count differs from its lists");
      for (let place = 0; place < blocks.blocks.length; place++) {
        this.locate(node, place);
        assert(this.length === blocks.lengths[place], "list length without a list");
        if (this.length === 0) continue;
        const sizeClass = blocks.classes[place] as number;
        units += this.#pool.unitsOf(sizeClass);
        assert(this.length <= this.#pool.capacityOf(sizeClass), "list exceeds its block");
        for (let i = 1; i < this.length; i++) {
          const before = this.entries[this.start + i - 1] as number;
          assert(before < (this.entries[this.start + i] as number), "list is not ascending");
        }
      }
    }
    this.#pool.checkInvariants(units);
  }

  #blocksOf(node: number, place: number): NodeBlocks {
    let blocks = this.#nodes[node];
    if (blocks === undefined) {
      blocks = {
        count: 0,
        blocks: new Uint32Array(STRIPES_MIN),
        lengths: new Uint32Array(STRIPES_MIN),
        classes: new Uint8Array(STRIPES_MIN),
      };
      while (this.#nodes.length <= node) this.#nodes.push(undefined);
      this.#nodes[node] = blocks;
      this.#indexBytes += STRIPES_MIN * INDEX_ENTRY_BYTES;
    }
    if (place < blocks.blocks.length) return blocks;
    // By a quarter: the index is 9 bytes per node and stripe.
    const count = Math.max(place + 1, Math.ceil(blocks.blocks.length * 1.25));
    this.#indexBytes += (count - blocks.blocks.length) * INDEX_ENTRY_BYTES;
    blocks.blocks = grown(new Uint32Array(count), blocks.blocks);
    blocks.lengths = grown(new Uint32Array(count), blocks.lengths);
    blocks.classes = grown(new Uint8Array(count), blocks.classes);
    return blocks;
  }

  /** Copies the list around the edit into a block that is large enough. */
  #move(blocks: NodeBlocks, place: number, edit: Readonly<ListEdit>): void {
    const { at, removeCount, insertCount } = edit;
    const oldBlock = blocks.blocks[place] as number;
    const oldClass = blocks.classes[place] as number;
    const length = blocks.lengths[place] as number;
    const newClass = this.#pool.classFor(length + insertCount - removeCount);
    const newBlock = this.#pool.allocate(newClass);
    blocks.blocks[place] = newBlock;
    blocks.classes[place] = newClass;
    if (oldBlock === 0) return;
    const from = this.#pool.entriesOf(oldBlock);
    const fromStart = this.#pool.entryOf(oldBlock);
    const to = this.#pool.entriesOf(newBlock);
    const toStart = this.#pool.entryOf(newBlock);
    to.set(from.subarray(fromStart, fromStart + at), toStart);
    to.set(from.subarray(fromStart + at + removeCount, fromStart + length), toStart + at + insertCount);
    this.#pool.free(oldBlock, oldClass);
  }
}

export interface ListEdit {
  readonly at: number;
  readonly removeCount: number;
  readonly insertCount: number;
}

function grown<T extends Uint32Array | Uint8Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
