import type { RecordCodec } from "../../protocol/codec/codec.js";

/** Longer bodies are decoded every time. */
const BODY_BYTES_MAX = 512;

/** Decodes the bodies of an operation that is asked again and again with the same words: a body that is the
 * same as the one before, byte for byte, means the same value, which nobody changes. Not for schemas with
 * `bytes`, whose values are views of their message. */
export class RepeatedBody {
  readonly #bytes = new Uint8Array(BODY_BYTES_MAX);
  #length = -1;
  #value: unknown;

  /** @throws StrataError as `RecordCodec.decode` */
  decode(codec: RecordCodec<unknown>, message: Uint8Array, start: number, end: number): unknown {
    const length = end - start;
    if (length === this.#length && this.#isSame(message, start)) return this.#value;
    const value = codec.decode(message, start, end);
    if (length <= BODY_BYTES_MAX) {
      for (let i = 0; i < length; i++) this.#bytes[i] = message[start + i] as number;
      this.#length = length;
      this.#value = value;
    }
    return value;
  }

  #isSame(message: Uint8Array, start: number): boolean {
    const bytes = this.#bytes;
    for (let i = 0; i < this.#length; i++) if (bytes[i] !== message[start + i]) return false;
    return true;
  }
}
