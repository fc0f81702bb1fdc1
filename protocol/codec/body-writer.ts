import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import { FRAME_BYTES_MAX } from "../schema/messages.js";
import { FRAME_HEADER_BYTES } from "./frame.js";

const NIL = 0xc0;
const FALSE = 0xc2;
const TRUE = 0xc3;
const BYTES_8 = 0xc4;
const FIX_ARRAY = 0x90;
const FIX_ARRAY_MAX = 15;
const ARRAY_16 = 0xdc;
const UINT_8 = 0xcc;
const UINT_16 = 0xcd;
const UINT_32 = 0xce;
const UINT_64 = 0xcf;
const FLOAT_64 = 0xcb;
const TWO_32 = 2 ** 32;
const LENGTH_MAX = 65_535;
const UUID_BYTES = 16;
const FIRST_BYTES = 16 * 1024;
/** Up to here a view of the buffer is kept. */
const VIEW_BYTES_MAX = 4096;

/** Writes a message body by hand, value by value in the order of its schema, into a buffer that grows up to a
 * frame's limit and is used again: for answers that would spend most of their time in the general encoder,
 * which takes objects. Nothing is checked but the room; a test compares each such writer with the encoder.
 *
 * All methods throw FRAME_TOO_LARGE. */
export class BodyWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  /** By length: most answers are short and of a few lengths. */
  readonly #views = new Array<Uint8Array | undefined>(VIEW_BYTES_MAX).fill(undefined);
  #at = FRAME_HEADER_BYTES;

  /** Begins a body; what was written before is gone. */
  begin(): void {
    this.#at = FRAME_HEADER_BYTES;
  }

  /** Where the next value will stand. */
  get position(): number {
    return this.#at;
  }

  /** A list or a record: so many values follow. */
  array(length: number): void {
    assert(length <= LENGTH_MAX, "an array of 16 bits");
    if (length > FIX_ARRAY_MAX) {
      this.openArray(length);
      return;
    }
    this.#claim(1);
    this.#bytes[this.#at++] = FIX_ARRAY | length;
  }

  /** An array whose length may still change, by `setLength`. */
  openArray(length: number): void {
    this.#claim(3);
    this.#bytes[this.#at] = ARRAY_16;
    this.#view.setUint16(this.#at + 1, length);
    this.#at += 3;
  }

  /** Of the array that `openArray` put at `position`. */
  setLength(position: number, length: number): void {
    assert(this.#bytes[position] === ARRAY_16, "no array that was left open");
    this.#view.setUint16(position + 1, length);
  }

  nil(): void {
    this.#claim(1);
    this.#bytes[this.#at++] = NIL;
  }

  boolean(value: boolean): void {
    this.#claim(1);
    this.#bytes[this.#at++] = value ? TRUE : FALSE;
  }

  /** A whole number from 0 on in its shortest form, from 2^32 on as f64. */
  number(value: number): void {
    this.#claim(9);
    const at = this.#at;
    if (value < 0x80) {
      this.#bytes[at] = value;
      this.#at = at + 1;
    } else if (value < 0x100) {
      this.#bytes[at] = UINT_8;
      this.#bytes[at + 1] = value;
      this.#at = at + 2;
    } else if (value < 0x1_0000) {
      this.#bytes[at] = UINT_16;
      this.#view.setUint16(at + 1, value);
      this.#at = at + 3;
    } else if (value < TWO_32) {
      this.#bytes[at] = UINT_32;
      this.#view.setUint32(at + 1, value);
      this.#at = at + 5;
    } else {
      this.#bytes[at] = FLOAT_64;
      this.#view.setFloat64(at + 1, value);
      this.#at = at + 9;
    }
  }

  /** A 64-bit number in two halves. */
  u64(high: number, low: number): void {
    this.#claim(9);
    this.#bytes[this.#at] = UINT_64;
    this.#view.setUint32(this.#at + 1, high);
    this.#view.setUint32(this.#at + 5, low);
    this.#at += 9;
  }

  /** The first 16 of `bytes`. */
  uuid(bytes: Uint8Array): void {
    this.#claim(2 + UUID_BYTES);
    this.#bytes[this.#at++] = BYTES_8;
    this.#bytes[this.#at++] = UUID_BYTES;
    for (let i = 0; i < UUID_BYTES; i++) this.#bytes[this.#at++] = bytes[i] as number;
  }

  /** A value that is encoded already. */
  encoded(bytes: Uint8Array): void {
    this.#claim(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Takes out what was written in [start … end). */
  cut(start: number, end: number): void {
    this.#bytes.copyWithin(start, end, this.#at);
    this.#at -= end - start;
  }

  /** All that was written, behind room for a frame's header; a view, valid until the next `begin`. */
  frame(): Uint8Array {
    const length = this.#at;
    if (length >= VIEW_BYTES_MAX) return this.#bytes.subarray(0, length);
    let view = this.#views[length];
    if (view === undefined) {
      view = this.#bytes.subarray(0, length);
      this.#views[length] = view;
    }
    return view;
  }

  #claim(bytes: number): void {
    const end = this.#at + bytes;
    if (end > this.#bytes.length) this.#grow(end);
  }

  #grow(end: number): void {
    if (end > FRAME_BYTES_MAX)
      throw new StrataError("FRAME_TOO_LARGE", { bytes: end, limit: FRAME_BYTES_MAX });
    const bytes = new Uint8Array(2 ** Math.ceil(Math.log2(end)));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#views.fill(undefined);
  }
}
