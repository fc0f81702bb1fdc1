/** Memory that is kept; what does not fit gets some of its own. */
const BYTES = 256 * 1024;

/** Copies of bytes for as long as a turn lasts, all in one piece of memory: to allocate and free a buffer for
 * each answer costs more than to copy it. */
export class TurnBytes {
  readonly #bytes = new Uint8Array(BYTES);
  #used = 0;

  /** A copy that stays until `clear`. */
  keep(bytes: Uint8Array): Uint8Array {
    const start = this.#used;
    const end = start + bytes.length;
    if (end > BYTES) return bytes.slice();
    this.#used = end;
    this.#bytes.set(bytes, start);
    return this.#bytes.subarray(start, end);
  }

  /** The copies are not used any more. */
  clear(): void {
    this.#used = 0;
  }
}
