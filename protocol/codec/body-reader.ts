import type { StrataError } from "../../engine/core/errors.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { readUuid } from "../../engine/core/uuid.js";
import type { Place } from "./field-error.js";
import { bodyMalformed, fieldInvalid } from "./field-error.js";

/** Deepest nesting of arrays within a field that is not known here. Known ones nest as their schema says. */
export const UNKNOWN_DEPTH_MAX = 16;

/** Small messages are read from one long-lived buffer: a DataView over each costs more than the copy. */
const SCRATCH_BYTES = 4096;
/** Up to here a loop beats the call of `set`. */
const LOOP_COPY_BYTES_MAX = 64;
const SCRATCH = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
const SCRATCH_VIEW = new DataView(SCRATCH.buffer);

const NIL = 0xc0;
const FALSE = 0xc2;
const TRUE = 0xc3;
const BYTES_8 = 0xc4;
const BYTES_32 = 0xc6;
const FLOAT_32 = 0xca;
const UINT_64 = 0xcf;
const INT_64 = 0xd3;
const TEXT_8 = 0xd9;
const TEXT_32 = 0xdb;
const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;
const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;
/** Widths of the numbers from FLOAT_32 to INT_64. */
const NUMBER_BYTES = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];
/** UTF-8 takes at most three bytes for a UTF-16 code unit. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

/** Values that are still to come on each open level of a field that is skipped. */
const OPEN = new Uint32Array(UNKNOWN_DEPTH_MAX);

/** A 64-bit number as two unsigned ones. */
export interface Halves {
  high: number;
  low: number;
}

/** Reads msgpack values one by one, led by what the schema expects next: nothing is built that was not
 * declared, and nothing before its length was checked. Fields that are not known are walked over.
 *
 * Its own because msgpackr's decoder builds whatever the bytes say (an array for each of 260,000 bytes took
 * it 50 ms of the main thread), and its extensions compile code, make regular expressions and cyclic objects
 * from them. A test compares the two on valid messages.
 *
 * Each method reads the value at the cursor and moves behind it; when the value is none that was asked for,
 * the method says so and `mismatch` tells what is there. All throw BODY_MALFORMED where the body is cut
 * off. */
export class BodyReader {
  /** The message, for views of it. */
  #message: Uint8Array = SCRATCH;
  /** What is read: the message, or its copy at the same offsets. */
  #bytes: Uint8Array = SCRATCH;
  #view: DataView = SCRATCH_VIEW;
  #buffer: Buffer | undefined = SCRATCH;
  #at = 0;
  #end = 0;
  /** Where the value began that was read last. */
  #valueAt = 0;

  /** Sets the cursor to the start of a body in `message`. */
  begin(message: Uint8Array, start: number, end: number): void {
    this.#message = message;
    this.#at = start;
    this.#end = end;
    if (message.length > SCRATCH_BYTES) {
      this.#bytes = message;
      this.#view = new DataView(message.buffer, message.byteOffset, message.byteLength);
      this.#buffer = undefined;
      return;
    }
    if (end - start > LOOP_COPY_BYTES_MAX) SCRATCH.set(message);
    else for (let i = start; i < end; i++) SCRATCH[i] = message[i] as number;
    this.#bytes = SCRATCH;
    this.#view = SCRATCH_VIEW;
    this.#buffer = SCRATCH;
  }

  /** Where the cursor is, in the message. */
  get position(): number {
    return this.#at;
  }

  /** Moves the cursor behind a value that ends at `position`: who asks has seen the value before. */
  moveTo(position: number): void {
    this.#pass(position - this.#at);
  }

  /** The body must end at the cursor. */
  finish(): void {
    const leftBytes = this.#end - this.#at;
    if (leftBytes > 0) throw bodyMalformed(`${leftBytes} bytes behind its value`);
  }

  /** Passes a nil; false when there is none. */
  nil(): boolean {
    if (this.#token() !== NIL) return false;
    this.#at++;
    return true;
  }

  /** Undefined when there is neither true nor false. */
  boolean(): boolean | undefined {
    const token = this.#token();
    if (token !== TRUE && token !== FALSE) return undefined;
    this.#at++;
    return token === TRUE;
  }

  /** A whole number, NaN when there is none in that range. Both bounds are safe integers. */
  wholeNumber(minimum: number, maximum: number): number {
    // A 64-bit integer that is rounded here lies beyond every bound.
    const value = this.#number();
    if (!(value >= minimum && value <= maximum) || !Number.isInteger(value)) return Number.NaN;
    return value + 0; // −0 becomes 0
  }

  /** A whole number of up to 64 bits, undefined when there is none in that range. */
  bigint(minimum: bigint, maximum: bigint): bigint | undefined {
    const value = this.#bigint();
    return value === undefined || value < minimum || value > maximum ? undefined : value;
  }

  /** A whole number of 64 bits from 0 on in two halves; false when there is none. */
  halves(into: Halves): boolean {
    const token = this.#token();
    if (token === UINT_64 || token === INT_64) {
      const at = this.#claim(8);
      into.high = this.#view.getUint32(at);
      into.low = this.#view.getUint32(at + 4);
      return token === UINT_64 || into.high < TWO_31;
    }
    const value = this.wholeNumber(0, Number.MAX_SAFE_INTEGER);
    into.high = Math.floor(value / TWO_32);
    into.low = value >>> 0;
    return !Number.isNaN(value);
  }

  /** Text of at most `lengthMax` UTF-16 code units, undefined when there is none. What is no UTF-8 in it
   * becomes U+FFFD. */
  text(lengthMax: number): string | undefined {
    const length = this.#textLength();
    if (length < 0 || length > lengthMax * UTF8_BYTES_PER_UNIT_MAX) return undefined;
    const at = this.#pass(length);
    if (length === 0) return "";
    this.#buffer ??= Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    const text = this.#buffer.toString("utf8", at, at + length);
    return text.length > lengthMax ? undefined : text;
  }

  /** At most `lengthMax` bytes as a view of the message, undefined when there are none. */
  bytes(lengthMax: number): Uint8Array | undefined {
    const length = this.#bytesLength();
    if (length < 0 || length > lengthMax) return undefined;
    const at = this.#pass(length);
    // Not a subarray: that of a Buffer is a Buffer, whose `slice` does not copy, and nobody expects that.
    return new Uint8Array(this.#message.buffer, this.#message.byteOffset + at, length);
  }

  /** Sixteen bytes as a UUID, undefined when there are none. */
  uuid(): Uuid | undefined {
    return this.#bytesLength() === 16 ? readUuid(this.#bytes, this.#pass(16)) : undefined;
  }

  /** Length of an array whose values follow, −1 when there is none of at most `lengthMax`. Never more than
   * there are bytes left. */
  arrayLength(lengthMax: number): number {
    const token = this.#token();
    let length: number;
    if (token >= 0x90 && token < 0xa0) {
      this.#at++;
      length = token & 0x0f;
    } else if (token === ARRAY_16) length = this.#view.getUint16(this.#claim(2));
    else if (token === ARRAY_32) length = this.#view.getUint32(this.#claim(4));
    else return -1;
    if (length > this.#end - this.#at) throw bodyMalformed("an array is longer than the body");
    return length > lengthMax ? -1 : length;
  }

  /** Passes a value of any kind. */
  skip(): void {
    let depth = 0;
    let open = 1;
    for (;;) {
      while (open === 0) {
        if (depth === 0) return;
        open = OPEN[--depth] as number;
      }
      open--;
      const length = this.arrayLength(Number.POSITIVE_INFINITY);
      if (length < 0) {
        this.#skipScalar();
        continue;
      }
      if (depth === UNKNOWN_DEPTH_MAX) {
        throw bodyMalformed(`an unknown field nests deeper than ${UNKNOWN_DEPTH_MAX}`);
      }
      OPEN[depth++] = open;
      open = length;
    }
  }

  /** The error about the value that was read last and is not what was expected: FIELD_INVALID, or
   * BODY_MALFORMED when it is of a kind that no message has. */
  mismatch(place: Place, expected: string): StrataError {
    this.#at = this.#valueAt;
    return fieldInvalid(place, expected, this.#describe());
  }

  #describe(): string {
    const token = this.#token();
    if (token === NIL) return "nil";
    if (token === TRUE || token === FALSE) return String(token === TRUE);
    const textLength = this.#textLength();
    if (textLength >= 0) return `text of ${textLength} bytes`;
    const bytesLength = this.#bytesLength();
    if (bytesLength >= 0) return `${bytesLength} bytes`;
    const arrayLength = this.arrayLength(Number.POSITIVE_INFINITY);
    if (arrayLength >= 0) return `a list of ${arrayLength}`;
    if (token === UINT_64 || token === INT_64) return String(this.#bigint());
    const start = this.#at;
    const number = this.#number();
    if (this.#at === start) this.#skipScalar(); // throws
    return String(number);
  }

  /** NaN when there is no number. */
  #number(): number {
    const token = this.#token();
    if (token < 0x80 || token >= 0xe0) {
      this.#at++;
      return token < 0x80 ? token : token - 0x100;
    }
    if (token < FLOAT_32 || token > INT_64) return Number.NaN;
    const at = this.#claim(NUMBER_BYTES[token - FLOAT_32] as number);
    const view = this.#view;
    switch (token) {
      case 0xcc:
        return view.getUint8(at);
      case 0xcd:
        return view.getUint16(at);
      case 0xce:
        return view.getUint32(at);
      case UINT_64:
        return view.getUint32(at) * TWO_32 + view.getUint32(at + 4);
      case 0xd0:
        return view.getInt8(at);
      case 0xd1:
        return view.getInt16(at);
      case 0xd2:
        return view.getInt32(at);
      case INT_64:
        return view.getInt32(at) * TWO_32 + view.getUint32(at + 4);
      default:
        return token === FLOAT_32 ? view.getFloat32(at) : view.getFloat64(at);
    }
  }

  /** Undefined when there is no whole number. */
  #bigint(): bigint | undefined {
    const token = this.#token();
    if (token === UINT_64) return this.#view.getBigUint64(this.#claim(8));
    if (token === INT_64) return this.#view.getBigInt64(this.#claim(8));
    const value = this.#number();
    return Number.isInteger(value) ? BigInt(value) : undefined;
  }

  /** −1 when there is no text. The text follows. */
  #textLength(): number {
    const token = this.#token();
    if (token >= 0xa0 && token < NIL) {
      this.#at++;
      return token & 0x1f;
    }
    return token >= TEXT_8 && token <= TEXT_32 ? this.#length(token - TEXT_8) : -1;
  }

  /** −1 when there are no bytes. They follow. */
  #bytesLength(): number {
    const token = this.#token();
    return token >= BYTES_8 && token <= BYTES_32 ? this.#length(token - BYTES_8) : -1;
  }

  #skipScalar(): void {
    const token = this.#token();
    if (token < 0x80 || token >= 0xe0 || token === NIL || token === TRUE || token === FALSE) this.#at++;
    else if (token >= FLOAT_32 && token <= INT_64) this.#claim(NUMBER_BYTES[token - FLOAT_32] as number);
    else {
      const textLength = this.#textLength();
      const length = textLength >= 0 ? textLength : this.#bytesLength();
      if (length < 0)
        throw bodyMalformed(token < 0x90 || token > ARRAY_32 ? "it has a map" : "it has an extension");
      this.#pass(length);
    }
  }

  /** First byte of the value at the cursor. */
  #token(): number {
    const at = this.#at;
    if (at >= this.#end) throw bodyMalformed("it is cut off");
    this.#valueAt = at;
    return this.#bytes[at] as number;
  }

  /** Passes a token and `bytes` behind it; returns where those are. */
  #claim(bytes: number): number {
    this.#at++;
    return this.#pass(bytes);
  }

  /** Passes a token and the length behind it, of 1, 2 or 4 bytes for `size` 0, 1 and 2. */
  #length(size: number): number {
    if (size === 0) return this.#view.getUint8(this.#claim(1));
    return size === 1 ? this.#view.getUint16(this.#claim(2)) : this.#view.getUint32(this.#claim(4));
  }

  #pass(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw bodyMalformed("it is cut off");
    this.#at = at + bytes;
    return at;
  }
}
