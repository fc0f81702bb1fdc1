import type { Uuid } from "./uuid.js";
import { readUuid } from "./uuid.js";

const TEXT = new TextDecoder("utf-8", { fatal: true });

/** Reads what ByteWriter wrote. Running over the end throws RangeError: the caller turns it into its own
 * coded error, since only it knows where the bytes came from. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    // A Buffer's `slice` shares memory where a Uint8Array's copies: what we hand out is always the latter.
    this.#bytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#claim(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#claim(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#claim(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#claim(8), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#claim(8), true);
  }

  uuid(): Uuid {
    return readUuid(this.#bytes, this.#claim(16));
  }

  /** View of the next `length` bytes. */
  raw(length: number): Uint8Array {
    const offset = this.#claim(length);
    return this.#bytes.subarray(offset, offset + length);
  }

  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  /** Bytes that are not UTF-8 are a RangeError too. */
  text(): string {
    return decodeText(this.bytes());
  }

  #claim(bytes: number): number {
    const offset = this.#offset;
    if (offset + bytes > this.#bytes.length)
      throw new RangeError(`${bytes} bytes at ${offset} run over the end`);
    this.#offset = offset + bytes;
    return offset;
  }
}

/** Throws RangeError on bytes that are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  try {
    // TextDecoder refuses views of shared memory.
    return TEXT.decode(bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice());
  } catch (error) {
    throw new RangeError("text is not UTF-8", { cause: error });
  }
}
