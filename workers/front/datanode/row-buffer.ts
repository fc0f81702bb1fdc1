import {
  ROW_BYTES,
  ROW_BYTES_WITH_CHECKSUM,
  ROW_CHECKSUM,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  type RowBytes,
} from "../../../protocol/codec/report-rows.js";
import { RowSorter } from "./row-order.js";

const NUMBER_BYTES = 8;
const WORD_BYTES = 4;
const KEY_WORD = ROW_KEY_COUNT / WORD_BYTES;
/** Origin, state and replica index share a word. */
const IDENTITY_WORD = ROW_ORIGIN / WORD_BYTES;
const CHECKSUM_WORD = ROW_CHECKSUM / WORD_BYTES;
const FIRST_BYTES = 64 * 1024;
/** What stays of a buffer that has grown for a large report. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

/** Rows of `protocol/codec/report-rows.ts` while they are read, in one buffer for all reports. They have 32
 * bytes until a checksum comes, or from the beginning 40 when the report before had one. */
export class RowBuffer {
  readonly #sorter = new RowSorter();
  #rowBytes: RowBytes = ROW_BYTES;
  #bytes = new Uint8Array(FIRST_BYTES);
  #numbers = new Float64Array(this.#bytes.buffer);
  #words = new Int32Array(this.#bytes.buffer);
  #bytesMax = 0;
  #rowCount = 0;
  #rowCountMax = 0;
  #lastId = 0;
  #isAscending = true;
  #hasChecksum = false;

  get rowBytes(): RowBytes {
    return this.#rowBytes;
  }

  get byteLength(): number {
    return this.#rowCount * this.#rowBytes;
  }

  /** Whether ids strictly ascend. */
  get isAscending(): boolean {
    return this.#isAscending;
  }

  /** `bytesMax`: rows of more will not be added, but for one. */
  begin(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#rowCount = 0;
    this.#lastId = 0;
    this.#isAscending = true;
    this.#setRowBytes(this.#hasChecksum ? ROW_BYTES_WITH_CHECKSUM : ROW_BYTES);
    this.#hasChecksum = false;
  }

  /** What was read has been copied, or is dropped. */
  end(): void {
    this.#rowCount = 0;
    if (this.capacity > KEPT_BYTES_MAX) this.#resize(FIRST_BYTES);
  }

  /** Bytes of the buffer. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** `identity`: origin, state byte and replica index as in the row. */
  add(id: number, used: number, sequenceId: number, keyCount: number, identity: number): void {
    if (this.#rowCount === this.#rowCountMax) this.#grow((this.#rowCount + 1) * this.#rowBytes);
    const at = (this.#rowCount * this.#rowBytes) / NUMBER_BYTES;
    this.#numbers[at] = id;
    this.#numbers[at + 1] = used;
    this.#numbers[at + 2] = sequenceId;
    this.#words[2 * at + KEY_WORD] = keyCount;
    this.#words[2 * at + IDENTITY_WORD] = identity;
    if (this.#rowBytes === ROW_BYTES_WITH_CHECKSUM) {
      this.#words[2 * at + CHECKSUM_WORD] = 0;
      this.#words[2 * at + CHECKSUM_WORD + 1] = 0;
    }
    if (id <= this.#lastId) this.#isAscending = false;
    this.#lastId = id;
    this.#rowCount++;
  }

  /** Of the row that was added last. */
  setChecksum(low: number, high: number): void {
    this.#hasChecksum = true;
    if (this.#rowBytes === ROW_BYTES) this.#widen();
    const at = ((this.#rowCount - 1) * this.#rowBytes) / WORD_BYTES;
    this.#words[at + CHECKSUM_WORD] = low;
    this.#words[at + CHECKSUM_WORD + 1] = high;
  }

  /** A copy of the rows as they came. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.byteLength);
  }

  /** A copy with strictly ascending ids; of rows with one id the last stays (spec 02 §7). */
  sortedCopy(): Uint8Array {
    return this.#isAscending
      ? this.copy()
      : this.#sorter.sorted(this.#numbers, this.#rowCount, this.#rowBytes);
  }

  #setRowBytes(rowBytes: RowBytes): void {
    this.#rowBytes = rowBytes;
    this.#rowCountMax = Math.floor(this.#bytes.length / rowBytes);
  }

  #grow(neededBytes: number): void {
    const limit = Math.floor(this.#bytesMax / ROW_BYTES) * ROW_BYTES;
    this.#resize(Math.max(neededBytes, Math.min(this.capacity * 2, limit)));
  }

  #resize(byteLength: number): void {
    const bytes = new Uint8Array(byteLength);
    bytes.set(this.#bytes.subarray(0, Math.min(this.byteLength, byteLength)));
    this.#bytes = bytes;
    this.#numbers = new Float64Array(bytes.buffer);
    this.#words = new Int32Array(bytes.buffer);
    this.#setRowBytes(this.#rowBytes);
  }

  /** From the last row to the first, so that none is overwritten before it was moved. */
  #widen(): void {
    const rowCount = this.#rowCount;
    const neededBytes = rowCount * ROW_BYTES_WITH_CHECKSUM;
    if (this.capacity < neededBytes) this.#grow(neededBytes);
    this.#setRowBytes(ROW_BYTES_WITH_CHECKSUM);
    const words = this.#words;
    for (let row = rowCount - 1; row >= 0; row--) {
      const to = (row * ROW_BYTES_WITH_CHECKSUM) / WORD_BYTES;
      words.copyWithin(to, (row * ROW_BYTES) / WORD_BYTES, ((row + 1) * ROW_BYTES) / WORD_BYTES);
      words[to + CHECKSUM_WORD] = 0;
      words[to + CHECKSUM_WORD + 1] = 0;
    }
  }
}
