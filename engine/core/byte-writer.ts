import { assert } from "./assert.js";
import type { Uuid } from "./uuid.js";
import { writeUuid } from "./uuid.js";

const TEXT = new TextEncoder();
const ASCII_MAX = 0x7f;
const SHORT_TEXT_MAX = 64;

/** Growing little-endian buffer for the encodings that we store: log payloads, rows. Reused by `reset`, so
 * that a warm writer allocates nothing. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  readonly #bytesMax: number;

  constructor(initialBytes = 1024, bytesMax = 64 * 1024 * 1024) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  /** Drops everything written after `length`, an earlier value of it. */
  truncate(length: number): void {
    assert(length <= this.#length, "cannot truncate forwards");
    this.#length = length;
  }

  /** View of what was written; valid until the next write or reset. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Copy of what was written. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  u8(value: number): void {
    const at = this.#claim(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#claim(2);
    this.#view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#claim(4);
    this.#view.setUint32(at, value, true);
  }

  /** A number as 8 bytes: exact for whole numbers up to 2^53. */
  f64(value: number): void {
    const at = this.#claim(8);
    this.#view.setFloat64(at, value, true);
  }

  u64(value: bigint): void {
    const at = this.#claim(8);
    this.#view.setBigUint64(at, value, true);
  }

  uuid(value: Uuid): void {
    const at = this.#claim(16);
    writeUuid(value, this.#bytes, at);
  }

  raw(value: Uint8Array): void {
    const at = this.#claim(value.length);
    this.#bytes.set(value, at);
  }

  /** Length as u32, then the bytes. */
  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.raw(value);
  }

  /** UTF-8 with its length in bytes as u32 before it. */
  text(value: string): void {
    if (!this.#tryAscii(value)) this.bytes(TEXT.encode(value));
  }

  /** Overwrites a u32 written earlier at `offset`. */
  patchU32(offset: number, value: number): void {
    assert(offset + 4 <= this.#length, "patch beyond what was written");
    this.#view.setUint32(offset, value, true);
  }

  /** Names are short and nearly always ASCII, and an encoder costs more than a look at each character. */
  #tryAscii(value: string): boolean {
    const { length } = value;
    if (length > SHORT_TEXT_MAX) return false;
    const start = this.#length;
    this.u32(length);
    const at = this.#claim(length);
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > ASCII_MAX) {
        this.#length = start;
        return false;
      }
      this.#bytes[at + i] = code;
    }
    return true;
  }

  /** May replace buffer and view: call it before either is named, not within the same expression. */
  #claim(bytes: number): number {
    const offset = this.#length;
    const needed = offset + bytes;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#length = needed;
    return offset;
  }

  #grow(needed: number): void {
    assert(needed <= this.#bytesMax, `buffer of ${needed} bytes exceeds its limit`);
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(needed, this.#bytes.length * 2)));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
