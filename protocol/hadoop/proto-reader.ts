import { StrataError } from "../../engine/core/errors.js";

/** As deep as Java's parser goes. */
const DEPTH_MAX = 100;
const EMPTY = new Uint8Array();
const TWO_32 = 2 ** 32;

/** The low three bits of a tag. */
const VARINT = 0;
const FIXED_64 = 1;
const DELIMITED = 2;
const GROUP = 3;
const GROUP_END = 4;
const FIXED_32 = 5;

/** Reads protobuf field by field from a range of bytes, by position: nothing is built but what is asked for.
 * For what is read often; the rest is `decodeMessage`. A field is told by its whole tag, number × 8 + wire
 * type, so that one of another wire type is an unknown field, as in Java:
 *
 *     reader.begin(bytes, start, end);
 *     while (reader.hasMore()) {
 *       const tag = reader.tag();
 *       if (tag === 8) id = reader.int64();                  // field 1, a varint
 *       else if (tag === 18) {                               // field 2, a message
 *         const outerEnd = reader.enter();
 *         while (reader.hasMore()) …
 *         reader.leave(outerEnd);
 *       } else reader.skip(tag);
 *     }
 *
 * Every method throws PROTOBUF_MALFORMED where the bytes are cut off or cannot be. */
export class ProtoReader {
  /** Where the next field, or the rest of this one, begins. */
  position = 0;
  /** Behind the last byte of the message that is read. */
  end = 0;
  /** Bits 0–31 and 32–63 that `halves` read, as signed numbers: V8 keeps those without an allocation. */
  low = 0;
  high = 0;
  #bytes: Uint8Array = EMPTY;
  #depth = 0;
  readonly #message: string;

  /** `message` names what is read, in errors. */
  constructor(message: string) {
    this.#message = message;
  }

  begin(bytes: Uint8Array, start: number, end: number): void {
    if (start < 0 || start > end || end > bytes.length)
      throw new RangeError(`${start}–${end} of ${bytes.length}`);
    this.#bytes = bytes;
    this.position = start;
    this.end = end;
    this.#depth = 0;
  }

  /** Lets go of the bytes. */
  release(): void {
    this.begin(EMPTY, 0, 0);
  }

  hasMore(): boolean {
    return this.position < this.end;
  }

  /** Number × 8 + wire type of the next field. */
  tag(): number {
    const tag = this.uint32();
    if (tag >>> 3 === 0) this.#refuse("a field has the number 0");
    return tag;
  }

  /** Low 32 bits of a varint, as Java takes them for uint32 and enum. */
  uint32(): number {
    const first = this.position < this.end ? (this.#bytes[this.position] as number) : 0x80;
    if (first < 0x80) {
      this.position++;
      return first;
    }
    this.halves();
    return this.low >>> 0;
  }

  int32(): number {
    return this.uint32() | 0;
  }

  sint32(): number {
    const zigzag = this.uint32();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  bool(): boolean {
    this.halves();
    return (this.low | this.high) !== 0;
  }

  /** A uint64 that a number holds exactly. */
  uint64(): number {
    const first = this.position < this.end ? (this.#bytes[this.position] as number) : 0x80;
    if (first < 0x80) {
      this.position++;
      return first;
    }
    this.halves();
    return this.#exact((this.high >>> 0) * TWO_32 + (this.low >>> 0));
  }

  /** An int64 that a number holds exactly. */
  int64(): number {
    const first = this.position < this.end ? (this.#bytes[this.position] as number) : 0x80;
    if (first < 0x80) {
      this.position++;
      return first;
    }
    this.halves();
    return this.#exact(this.high * TWO_32 + (this.low >>> 0));
  }

  /** Any varint, to `low` and `high`. */
  halves(): void {
    const bytes = this.#bytes;
    const end = this.end;
    let at = this.position;
    let bits = 0x80;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 28 && bits >= 0x80; shift += 7) {
      if (at >= end) this.#refuse("a varint is cut off");
      bits = bytes[at++] as number;
      low |= (bits & 0x7f) << shift;
    }
    if (bits >= 0x80) {
      if (at >= end) this.#refuse("a varint is cut off");
      bits = bytes[at++] as number;
      low |= (bits & 0x0f) << 28;
      high = (bits & 0x7f) >> 4;
      for (let shift = 3; shift < 38 && bits >= 0x80; shift += 7) {
        if (at >= end) this.#refuse("a varint is cut off");
        bits = bytes[at++] as number;
        high |= (bits & 0x7f) << shift;
      }
      if (bits >= 0x80) this.#refuse("a varint has more than 10 bytes");
    }
    this.position = at;
    this.low = low;
    this.high = high;
  }

  /** Length of bytes, a text or a message that follow; they end within the message that is read. */
  length(): number {
    const length = this.uint32();
    if (length > this.end - this.position) this.#refuse(`${length} bytes go beyond their message`);
    return length;
  }

  /** A view, valid as long as the bytes are. */
  bytes(): Uint8Array {
    const length = this.length();
    this.position += length;
    return this.#bytes.subarray(this.position - length, this.position);
  }

  text(): string {
    const length = this.length();
    const start = this.position;
    this.position += length;
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, length).toString("utf8");
  }

  /** Goes into the message of a field; what it answers is for `leave`. */
  enter(): number {
    const length = this.length();
    const outerEnd = this.end;
    if (++this.#depth > DEPTH_MAX) this.#refuse(`messages nest deeper than ${DEPTH_MAX}`);
    this.end = this.position + length;
    return outerEnd;
  }

  /** Goes on behind the message that `enter` went into, read to its end or not. */
  leave(outerEnd: number): void {
    this.position = this.end;
    this.end = outerEnd;
    this.#depth--;
  }

  /** Goes over a field that nobody asks for. */
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        this.halves();
        return;
      case FIXED_64:
        this.#advance(8);
        return;
      case DELIMITED:
        this.#advance(this.length());
        return;
      case GROUP:
        this.#skipGroup(tag);
        return;
      case FIXED_32:
        this.#advance(4);
        return;
      default:
        this.#refuse(`wire type ${tag & 7}`);
    }
  }

  #skipGroup(start: number): void {
    if (++this.#depth > DEPTH_MAX) this.#refuse(`messages nest deeper than ${DEPTH_MAX}`);
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) === GROUP_END) {
        if (tag >>> 3 !== start >>> 3) this.#refuse("a group ends that did not begin");
        this.#depth--;
        return;
      }
      this.skip(tag);
    }
  }

  #advance(length: number): void {
    if (length > this.end - this.position) this.#refuse("a field is cut off");
    this.position += length;
  }

  #exact(value: number): number {
    if (!Number.isSafeInteger(value)) this.#refuse("a number of more than 53 bits");
    return value;
  }

  #refuse(reason: string): never {
    throw new StrataError("PROTOBUF_MALFORMED", { message: this.#message, reason });
  }
}
