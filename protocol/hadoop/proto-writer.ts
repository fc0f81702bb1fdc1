import { assert } from "../../engine/core/assert.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { writeUuid } from "../../engine/core/uuid.js";

const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** Of 64 bits. */
const VARINT_BYTES_MAX = 10;
/** A tag of a field up to 2^29 − 1, and a length. */
const HEAD_BYTES_MAX = 10;
const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;
/** Shorter text is written by a loop, which beats the call of `write`. */
const LOOP_TEXT_LENGTH_MAX = 48;
const UUID_BYTES = Buffer.allocUnsafeSlow(16);

/** Protobuf messages by hand, one after the other into one buffer: what is answered often, and what holds
 * parts that were rendered before. A test compares it with the generated code. */
export class ProtoWriter {
  #bytes = Buffer.allocUnsafeSlow(4096);
  #at = 0;
  /** Where the contents of the messages begin that are open. */
  readonly #open: number[] = [];

  /** Forgets what was written. */
  begin(): void {
    this.#at = 0;
    this.#open.length = 0;
  }

  /** Bytes that it holds room for. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** All that was written; valid until the next `begin` or write. */
  view(): Uint8Array {
    assert(this.#open.length === 0, "a message is open");
    return new Uint8Array(this.#bytes.buffer, 0, this.#at);
  }

  /** All that was written, the caller's to keep. */
  copy(): Uint8Array {
    return this.view().slice();
  }

  /** A whole number of any varint type: unsigned, signed, an enum. Negative ones take ten bytes. */
  number(field: number, value: number): void {
    this.#claim(HEAD_BYTES_MAX + VARINT_BYTES_MAX);
    this.#varint(field * 8 + VARINT);
    if (value >= 0) this.#varint(value);
    else this.#halves(Math.floor(value / TWO_32) >>> 0, value >>> 0);
  }

  /** A 64-bit number in two unsigned halves. */
  halves(field: number, high: number, low: number): void {
    this.#claim(HEAD_BYTES_MAX + VARINT_BYTES_MAX);
    this.#varint(field * 8 + VARINT);
    this.#halves(high, low);
  }

  bigint(field: number, value: bigint): void {
    const bits = BigInt.asUintN(64, value);
    this.halves(field, Number(bits >> 32n), Number(bits & 0xffff_ffffn));
  }

  boolean(field: number, value: boolean): void {
    this.number(field, value ? 1 : 0);
  }

  text(field: number, value: string): void {
    const length = value.length;
    this.#claim(HEAD_BYTES_MAX + 3 * length);
    this.#varint(field * 8 + LENGTH_DELIMITED);
    if (length <= LOOP_TEXT_LENGTH_MAX && this.#shortText(value)) return;
    this.#varint(Buffer.byteLength(value));
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** Bytes, or a message that was written before. */
  bytes(field: number, value: Uint8Array): void {
    this.startMessage(field, value.length);
    this.encoded(value);
  }

  /** Fields that were written before. */
  encoded(fields: Uint8Array): void {
    this.#claim(fields.length);
    this.#bytes.set(fields, this.#at);
    this.#at += fields.length;
  }

  /** A message whose fields follow, until `closeMessage`. */
  openMessage(field: number): void {
    this.#claim(HEAD_BYTES_MAX);
    this.#varint(field * 8 + LENGTH_DELIMITED);
    // Most are shorter than 128 bytes, so their length takes one.
    this.#at++;
    this.#open.push(this.#at);
  }

  closeMessage(): void {
    const start = this.#open.pop();
    assert(start !== undefined, "no message is open");
    const length = this.#at - start;
    if (length < 0x80) {
      this.#bytes[start - 1] = length;
      return;
    }
    const more = varintBytes(length) - 1;
    this.#claim(more);
    this.#bytes.copyWithin(start + more, start, this.#at);
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
  }

  /** A message of known length whose fields follow. */
  startMessage(field: number, length: number): void {
    this.#claim(HEAD_BYTES_MAX);
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(length);
  }

  /** The message UUID: two halves, signed, big end first (spec 12 §4). */
  uuid(field: number, value: Uuid): void {
    writeUuid(value, UUID_BYTES, 0);
    this.openMessage(field);
    this.halves(1, UUID_BYTES.readUInt32BE(0), UUID_BYTES.readUInt32BE(4));
    this.halves(2, UUID_BYTES.readUInt32BE(8), UUID_BYTES.readUInt32BE(12));
    this.closeMessage();
  }

  /** False, and nothing is written, when it is not ASCII. */
  #shortText(value: string): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = value.length;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  /** 0 … 2^53 − 1; room is claimed. */
  #varint(value: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    let rest = value;
    while (rest >= TWO_31) {
      bytes[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#at = at;
  }

  #halves(high: number, low: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    let highRest = high;
    let rest = low;
    while (highRest !== 0 || rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest = ((highRest << 25) | (rest >>> 7)) >>> 0;
      highRest >>>= 7;
    }
    bytes[at++] = rest;
    this.#at = at;
  }

  #claim(bytes: number): void {
    const end = this.#at + bytes;
    if (end <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(end)));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

/** Bytes of the varint of a whole number from 0 on. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
