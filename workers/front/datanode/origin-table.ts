import { assert } from "../../../engine/core/assert.js";
import type { Random } from "../../../engine/core/random.js";
import { parseUuid, type Uuid } from "../../../engine/core/uuid.js";

/** Words of a uuid's 36 characters. */
const WORDS = 9;
export const UUID_TEXT_BYTES = 4 * WORDS;
/** Makes a letter of a uuid small, and changes neither its digits nor its dashes. */
const SMALL_LETTERS = 0x20202020;
const FIRST_SIZE = 128;
const RECENT_BITS = 8;
const REPORT_MAX = 0x7fff_ffff;
/** "Not known" (protocol/schema/records.ts, Replica). */
const NO_ORIGIN = "00000000-0000-0000-0000-000000000000" as Uuid;
const LATIN1 = new TextDecoder("latin1");

/** The distinct origins of one report in the order of their first row, found by the bytes of their text
 * (spec 12 §9.3): nothing is made for an origin that is known already. Open addressing; a place belongs to
 * the report whose number it carries, so that an empty table costs nothing. */
export class OriginTable {
  readonly #factors: Int32Array;
  #size = FIRST_SIZE;
  /** Of a hash, the uppermost bits count. */
  #shift = 32 - Math.log2(FIRST_SIZE);
  /** Index of the origin + 1, and report that the place belongs to. */
  #indexAt = new Int32Array(FIRST_SIZE);
  #reportAt = new Int32Array(FIRST_SIZE);
  /** Of all origins, one after the other. */
  #words = new Int32Array(FIRST_SIZE * WORDS);
  #report = 1;
  #countMax = 0;
  /** Indexes of origins that came last, by a hash of a few letters: a datanode has few, mostly itself. May be
   * of an earlier report. */
  readonly #recent = new Int32Array(2 ** RECENT_BITS);
  #indexOfNone = -1;
  #uuids: Uuid[] = [];

  /** `random`: those who send origins must not know where they will stand. */
  constructor(random: Random) {
    this.#factors = Int32Array.from({ length: WORDS }, () => random.uint32() | 1);
  }

  /** Starts with none, for `countMax` at most; the list that `take` gave is not touched. */
  clear(countMax: number): void {
    this.#countMax = countMax;
    this.#indexOfNone = -1;
    this.#uuids = [];
    this.#report++;
    if (this.#report < REPORT_MAX) return;
    this.#report = 1;
    this.#reportAt.fill(0);
  }

  take(): readonly Uuid[] {
    return this.#uuids;
  }

  /** Index of the uuid whose text stands in the bytes from `at` on; −1 when it is none, or one too many.
   * Letters may be of any case. `view` is of the same bytes. */
  indexOf(bytes: Uint8Array, view: DataView, at: number): number {
    const letters = view.getInt32(at, true) | SMALL_LETTERS;
    const slot = Math.imul(letters, this.#factors[0] as number) >>> (32 - RECENT_BITS);
    const recent = this.#recent[slot] as number;
    if (recent < this.#uuids.length && isSame(this.#words, recent * WORDS, view, at)) return recent;
    const index = this.#found(bytes, view, at);
    if (index >= 0) this.#recent[slot] = index;
    return index;
  }

  #found(bytes: Uint8Array, view: DataView, at: number): number {
    const words = this.#words;
    const mask = this.#size - 1;
    const report = this.#report;
    let place = this.#hash(view, at);
    while (this.#reportAt[place] === report) {
      const index = this.#indexAt[place] as number;
      if (isSame(words, index * WORDS, view, at)) return index;
      place = (place + 1) & mask;
    }
    return this.#add(bytes, view, at, place);
  }

  /** Index of the origin of replicas that tell none. */
  indexOfNone(): number {
    if (this.#indexOfNone < 0) {
      this.#indexOfNone = this.#uuids.push(NO_ORIGIN) - 1;
      // Like no text, whatever an earlier report had there.
      this.#words[this.#indexOfNone * WORDS] = 0;
    }
    return this.#indexOfNone;
  }

  /** A sum of products, which the processor computes side by side. */
  #hash(view: DataView, at: number): number {
    const factors = this.#factors;
    let hash = 0;
    for (let word = 0; word < WORDS; word++) {
      const letters = view.getInt32(at + 4 * word, true) | SMALL_LETTERS;
      hash = (hash + Math.imul(letters, factors[word] as number)) | 0;
    }
    return hash >>> this.#shift;
  }

  #add(bytes: Uint8Array, view: DataView, at: number, place: number): number {
    const uuid = parseUuid(LATIN1.decode(bytes.subarray(at, at + UUID_TEXT_BYTES)));
    const index = this.#uuids.length;
    // One place stays for "none".
    if (uuid === undefined || index + 1 >= this.#countMax) return -1;
    this.#uuids.push(uuid);
    for (let word = 0; word < WORDS; word++) {
      this.#words[index * WORDS + word] = view.getInt32(at + 4 * word, true) | SMALL_LETTERS;
    }
    this.#put(place, index);
    if (this.#uuids.length * 2 > this.#size) this.#grow();
    return index;
  }

  #put(place: number, index: number): void {
    this.#indexAt[place] = index;
    this.#reportAt[place] = this.#report;
  }

  #grow(): void {
    const size = this.#size * 2;
    const words = new Int32Array(size * WORDS);
    words.set(this.#words);
    this.#words = words;
    this.#size = size;
    this.#shift--;
    this.#indexAt = new Int32Array(size);
    this.#reportAt = new Int32Array(size);
    const view = new DataView(words.buffer);
    for (let index = 0; index < this.#uuids.length; index++) {
      if (index === this.#indexOfNone) continue;
      let place = this.#hash(view, index * UUID_TEXT_BYTES);
      while (this.#reportAt[place] === this.#report) place = (place + 1) & (size - 1);
      this.#put(place, index);
    }
    assert(this.#uuids.length * 2 <= size, "a table of origins is too full");
  }
}

/** Whether the text at `at` is that of the words at `from`. In one expression: mostly it is, and nine jumps
 * cost more than nine words. */
function isSame(words: Int32Array, from: number, view: DataView, at: number): boolean {
  const differing =
    differs(words, from, view, at) |
    differs(words, from + 1, view, at + 4) |
    differs(words, from + 2, view, at + 8) |
    differs(words, from + 3, view, at + 12) |
    differs(words, from + 4, view, at + 16) |
    differs(words, from + 5, view, at + 20) |
    differs(words, from + 6, view, at + 24) |
    differs(words, from + 7, view, at + 28) |
    differs(words, from + 8, view, at + 32);
  return differing === 0;
}

function differs(words: Int32Array, index: number, view: DataView, at: number): number {
  return (words[index] as number) ^ (view.getInt32(at, true) | SMALL_LETTERS);
}
