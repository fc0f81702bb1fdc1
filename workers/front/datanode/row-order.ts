import type { RowBytes } from "../../../protocol/codec/report-rows.js";

const NUMBER_BYTES = 8;
const WORD_BYTES = 4;
/** Bits of a digit: 2,048 counters stay in the first-level cache. An id has 53 bits. */
const DIGIT_BITS = 11;
const DIGITS = 5;
const DIGIT_COUNT = 2 ** DIGIT_BITS;
/** What stays of the places that a large report needed. */
const KEPT_ROWS_MAX = 2 ** 18;

/** Brings rows into ascending order of their ids; of rows with one id the last stays (spec 02 §7). Sorts
 * places by digits from the last to the first: linear, whatever the ids are, and rows with one id keep their
 * order. Digits that are the same in all ids cost one look, and ids of a cluster differ in two or three. */
export class RowSorter {
  readonly #counts = new Uint32Array(DIGIT_COUNT);
  #order = new Uint32Array(0);
  #spare = new Uint32Array(0);

  /** A copy of the first `rowCount` rows of `numbers`, with strictly ascending ids. */
  sorted(numbers: Float64Array, rowCount: number, rowBytes: RowBytes): Uint8Array {
    const stride = rowBytes / NUMBER_BYTES;
    this.#reset(rowCount);
    for (let digit = 0; digit < DIGITS; digit++) {
      this.#sortBy(2 ** (digit * DIGIT_BITS), numbers, rowCount, stride);
    }
    const rows = this.#gathered(numbers, rowCount, stride);
    if (this.#order.length > KEPT_ROWS_MAX) {
      this.#order = new Uint32Array(0);
      this.#spare = this.#order;
    }
    return rows;
  }

  #reset(rowCount: number): void {
    if (this.#order.length < rowCount) {
      this.#order = new Uint32Array(rowCount);
      this.#spare = new Uint32Array(rowCount);
    }
    for (let row = 0; row < rowCount; row++) this.#order[row] = row;
  }

  #sortBy(divisor: number, numbers: Float64Array, rowCount: number, stride: number): void {
    const counts = this.#counts.fill(0);
    const from = this.#order;
    const to = this.#spare;
    let digit = 0;
    for (let row = 0; row < rowCount; row++) {
      digit = digitOf(numbers[row * stride] as number, divisor);
      counts[digit] = (counts[digit] as number) + 1;
    }
    if (counts[digit] === rowCount) return;
    let place = 0;
    for (let each = 0; each < DIGIT_COUNT; each++) {
      const count = counts[each] as number;
      counts[each] = place;
      place += count;
    }
    for (let at = 0; at < rowCount; at++) {
      const row = from[at] as number;
      digit = digitOf(numbers[row * stride] as number, divisor);
      place = counts[digit] as number;
      counts[digit] = place + 1;
      to[place] = row;
    }
    this.#order = to;
    this.#spare = from;
  }

  #gathered(numbers: Float64Array, rowCount: number, stride: number): Uint8Array {
    // As words: a number that is none might lose bits on its way.
    const from = new Int32Array(numbers.buffer);
    const rowWords = 2 * stride;
    const rows = new Int32Array(rowCount * rowWords);
    let to = 0;
    for (let at = 0; at < rowCount; at++) {
      const row = this.#order[at] as number;
      const following = this.#order[at + 1] as number;
      if (at + 1 < rowCount && numbers[row * stride] === numbers[following * stride]) continue;
      const start = row * rowWords;
      for (let word = 0; word < rowWords; word++) rows[to++] = from[start + word] as number;
    }
    return new Uint8Array(rows.buffer, 0, to * WORD_BYTES);
  }
}

function digitOf(id: number, divisor: number): number {
  return (id / divisor) & (DIGIT_COUNT - 1);
}
