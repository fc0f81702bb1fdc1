import { assert } from "../../engine/core/assert.js";
import { OVERFLOW_BLOCK, OVERFLOW_BLOCK_COUNT_MAX } from "../shared/replica-layout.js";
import { allocateSlab } from "./slab.js";

const BLOCK_WORDS = OVERFLOW_BLOCK.rowBytes / 4;
const NEXT = OVERFLOW_BLOCK.fields.next.offset / 4;
/** 800 KB a chunk. */
const CHUNK_BLOCKS = 4096;
const CHUNK_SHIFT = 12;

/** Blocks of eight replica entries for containers with more than four replicas. A block is named by its
 * number + 1, so that 0 says "none" in rows and links. Free blocks are zero but for their link. Memory
 * grows by chunks and is never given back: what was needed once is needed again. */
export class OverflowPool {
  readonly #blockCountMax: number;
  readonly #chunks: Int32Array[] = [];
  #firstFree = 0;
  #usedCount = 0;
  #touchedCount = 0;

  /** @param blockCountMax as many as a row can name, or fewer */
  constructor(blockCountMax = OVERFLOW_BLOCK_COUNT_MAX) {
    assert(blockCountMax <= OVERFLOW_BLOCK_COUNT_MAX, "rows cannot name so many overflow blocks");
    this.#blockCountMax = blockCountMax;
  }

  /** Whether `allocate` has no block. */
  get isFull(): boolean {
    return this.#usedCount === this.#blockCountMax;
  }

  /** Blocks in use. */
  get usedCount(): number {
    return this.#usedCount;
  }

  /** An empty block whose link is 0. The pool must not be full. */
  allocate(): number {
    assert(!this.isFull, "overflow blocks are used up");
    this.#usedCount++;
    if (this.#firstFree !== 0) {
      const block = this.#firstFree;
      const words = this.wordsOf(block);
      this.#firstFree = words[this.wordOf(block) + NEXT] as number;
      words[this.wordOf(block) + NEXT] = 0;
      return block;
    }
    const block = ++this.#touchedCount;
    if ((block - 1) >> CHUNK_SHIFT === this.#chunks.length) {
      this.#chunks.push(new Int32Array(allocateSlab(CHUNK_BLOCKS * OVERFLOW_BLOCK.rowBytes)));
    }
    return block;
  }

  free(block: number): void {
    const words = this.wordsOf(block);
    const at = this.wordOf(block);
    words.fill(0, at, at + BLOCK_WORDS);
    words[at + NEXT] = this.#firstFree;
    this.#firstFree = block;
    this.#usedCount--;
  }

  next(block: number): number {
    return this.wordsOf(block)[this.wordOf(block) + NEXT] as number;
  }

  setNext(block: number, next: number): void {
    this.wordsOf(block)[this.wordOf(block) + NEXT] = next;
  }

  /** The chunk that holds `block`. */
  wordsOf(block: number): Int32Array {
    return this.#chunks[(block - 1) >> CHUNK_SHIFT] as Int32Array;
  }

  /** Index of its first word in `wordsOf(block)`. */
  wordOf(block: number): number {
    return ((block - 1) & (CHUNK_BLOCKS - 1)) * BLOCK_WORDS;
  }

  /** O(blocks). `reachableCount` is how many blocks the rows' chains hold. */
  checkInvariants(reachableCount: number): void {
    let freeCount = 0;
    for (let block = this.#firstFree; block !== 0; block = this.next(block)) {
      freeCount++;
      assert(freeCount <= this.#touchedCount, "free list of overflow blocks has a loop");
      const at = this.wordOf(block);
      const isClean = this.wordsOf(block)
        .subarray(at + NEXT + 1, at + BLOCK_WORDS)
        .every((word) => word === 0);
      assert(isClean, "a free overflow block is not empty");
    }
    assert(freeCount + this.#usedCount === this.#touchedCount, "overflow blocks are lost");
    assert(reachableCount === this.#usedCount, "overflow blocks in rows differ from those in use");
  }
}
