import { assert } from "../../../engine/core/assert.js";

/** The set of calls that an order under search has placed. The words below the first open call and above the
 * last placed one say nothing: the window between them is all that tells two sets apart. */
export class CallSet {
  readonly words: Int32Array;
  /** First word that is not full. */
  lowWord = 0;
  /** Last word that is not empty, -1 when all are. */
  highWord = -1;
  /** Changes with each call; the same for the same set. */
  hash = 0;

  constructor(callCount: number) {
    this.words = new Int32Array((callCount >>> 5) + 1);
  }

  has(call: number): boolean {
    return (((this.words[call >>> 5] as number) >>> (call & 31)) & 1) === 1;
  }

  add(call: number): void {
    const { words } = this;
    const word = call >>> 5;
    words[word] = (words[word] as number) | (1 << (call & 31));
    this.hash ^= mixed(call + 1);
    while (this.lowWord < words.length && words[this.lowWord] === -1) this.lowWord++;
    if (word > this.highWord) this.highWord = word;
  }

  delete(call: number): void {
    const { words } = this;
    const word = call >>> 5;
    words[word] = (words[word] as number) & ~(1 << (call & 31));
    this.hash ^= mixed(call + 1);
    if (word < this.lowWord) this.lowWord = word;
    while (this.highWord >= 0 && words[this.highWord] === 0) this.highWord--;
  }
}

/** Before the words of the window: hash, state, first word, number of words. */
const HEADER_WORDS = 4;
const SLOTS_INITIAL = 1 << 10;
const ARENA_WORDS_INITIAL = 1 << 12;

/** Pairs of a set of calls and a state. Compared in full: two pairs with the same hash are two. */
export class Visited {
  readonly #wordsMax: number;
  /** Offsets in the arena, plus 1; 0 = empty. Open addressing. */
  #slots = new Int32Array(SLOTS_INITIAL);
  #arena = new Int32Array(ARENA_WORDS_INITIAL);
  #usedWords = 0;
  #count = 0;

  constructor(options: { readonly bytesMax: number }) {
    this.#wordsMax = options.bytesMax / Int32Array.BYTES_PER_ELEMENT;
  }

  get count(): number {
    return this.#count;
  }

  /** No more may be added. */
  get isFull(): boolean {
    return this.#usedWords > this.#wordsMax;
  }

  /** False when it was there before. */
  add(set: CallSet, state: number): boolean {
    const hash = mixed(set.hash ^ Math.imul(state + 1, 0x9e3779b1));
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let at = this.#slots[slot] as number; at !== 0; at = this.#slots[slot] as number) {
      if (this.#isSame(at - 1, hash, set, state)) return false;
      slot = (slot + 1) & mask;
    }
    this.#slots[slot] = this.#append(hash, set, state) + 1;
    this.#count++;
    if (this.#count * 2 > this.#slots.length) this.#grow();
    return true;
  }

  #isSame(at: number, hash: number, { words, lowWord, highWord }: CallSet, state: number): boolean {
    const arena = this.#arena;
    const count = Math.max(0, highWord - lowWord + 1);
    if (arena[at] !== hash || arena[at + 1] !== state) return false;
    if (arena[at + 2] !== lowWord || arena[at + 3] !== count) return false;
    for (let i = 0; i < count; i++) {
      if (arena[at + HEADER_WORDS + i] !== words[lowWord + i]) return false;
    }
    return true;
  }

  #append(hash: number, { words, lowWord, highWord }: CallSet, state: number): number {
    const count = Math.max(0, highWord - lowWord + 1);
    const at = this.#usedWords;
    const end = at + HEADER_WORDS + count;
    if (end > this.#arena.length) {
      const larger = new Int32Array(Math.max(end, this.#arena.length * 2));
      larger.set(this.#arena);
      this.#arena = larger;
    }
    this.#arena[at] = hash;
    this.#arena[at + 1] = state;
    this.#arena[at + 2] = lowWord;
    this.#arena[at + 3] = count;
    if (count > 0) this.#arena.set(words.subarray(lowWord, highWord + 1), at + HEADER_WORDS);
    this.#usedWords = end;
    return at;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (const offset of this.#slots) {
      if (offset === 0) continue;
      let slot = (this.#arena[offset - 1] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = offset;
    }
    this.#slots = slots;
    assert(this.#count < slots.length, "the table has room");
  }
}

/** Spreads the bits of a number (the last step of MurmurHash3). */
function mixed(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
