import { decodeText } from "./byte-reader.js";

/** Decodes texts of which many in a row are the same: then the one before is given again. */
export class RepeatedText {
  #bytes = new Uint8Array(0);
  #text = "";

  /** Of the UTF-8 in [start … end). Throws RangeError when it is none. */
  text(bytes: Uint8Array, start: number, end: number): string {
    if (!this.#isSame(bytes, start, end)) {
      const own = bytes.slice(start, end);
      this.#text = decodeText(own);
      this.#bytes = own;
    }
    return this.#text;
  }

  #isSame(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== this.#bytes.length) return false;
    for (let i = 0; i < this.#bytes.length; i++) if (this.#bytes[i] !== bytes[start + i]) return false;
    return true;
  }
}
