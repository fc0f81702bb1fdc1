import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import { FRAME_BYTES_MAX } from "../schema/messages.js";
import { FRAME_HEADER_BYTES } from "./frame.js";

const ARRAY_16 = 0xdc;
const FIX_ARRAY = 0x90;
const FIX_ARRAY_MAX = 15;
const UINT_8 = 0xcc;
const UINT_16 = 0xcd;
const UINT_32 = 0xce;
const UINT_64 = 0xcf;
const FLOAT_64 = 0xcb;
const TWO_32 = 2 ** 32;
/** A block at its largest: array of three, f64, u64, u16. */
const BLOCK_BYTES_MAX = 1 + 9 + 9 + 3;
const ARRAY_BYTES_MAX = 3;
/** Up to here a view of the buffer is kept. */
const VIEW_BYTES_MAX = 4096;

/** Writes answers to allocateBlocks (`ALLOCATE_BLOCKS_RESPONSE`) by hand, into one buffer for all: objects
 * through the general encoder cost 25 times as much for each block. A test compares the two.
 *
 * `begin`, `beginList` and its items for `blocks`, `pipelines` and `orders`, then `frame`. */
export class BlockAnswerWriter {
  readonly #bytes = new Uint8Array(FRAME_BYTES_MAX);
  readonly #view = new DataView(this.#bytes.buffer);
  /** By length: most answers are short and of a few lengths. */
  readonly #views = new Array<Uint8Array | undefined>(VIEW_BYTES_MAX).fill(undefined);
  #at = 0;

  begin(fieldCount: number): void {
    this.#at = FRAME_HEADER_BYTES;
    this.#array(fieldCount);
  }

  beginList(count: number): void {
    this.#claim(ARRAY_BYTES_MAX);
    this.#array(count);
  }

  /** `localId` comes in two halves. */
  block(containerId: number, localIdHigh: number, localIdLow: number, pipeline: number): void {
    this.#claim(BLOCK_BYTES_MAX);
    const view = this.#view;
    this.#array(3);
    this.#number(containerId);
    view.setUint8(this.#at, UINT_64);
    view.setUint32(this.#at + 1, localIdHigh);
    view.setUint32(this.#at + 5, localIdLow);
    this.#at += 9;
    this.#number(pipeline);
  }

  /** A value that is encoded already. */
  encoded(bytes: Uint8Array): void {
    this.#claim(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Indexes of members. */
  order(indexes: readonly number[]): void {
    this.#claim(ARRAY_BYTES_MAX + 2 * indexes.length);
    this.#array(indexes.length);
    for (const index of indexes) this.#number(index);
  }

  /** What was written, behind room for a header; valid until the next `begin`. */
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
    if (this.#at + bytes <= FRAME_BYTES_MAX) return;
    throw new StrataError("FRAME_TOO_LARGE", { bytes: this.#at + bytes, limit: FRAME_BYTES_MAX });
  }

  #array(length: number): void {
    assert(length < 65_536, "an array of 16 bits");
    if (length <= FIX_ARRAY_MAX) {
      this.#bytes[this.#at++] = FIX_ARRAY | length;
      return;
    }
    this.#bytes[this.#at] = ARRAY_16;
    this.#view.setUint16(this.#at + 1, length);
    this.#at += 3;
  }

  /** A whole number in its shortest form, from 2^32 on as f64. */
  #number(value: number): void {
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
}
