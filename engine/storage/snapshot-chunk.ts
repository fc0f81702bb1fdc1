import { assert } from "../core/assert.js";
import { crc32c } from "./crc32c.js";

/** Rows of a chunk, one behind the other: keyBytes u16, storedBytes u32, then the key with its table, then
 * the value with the row's checksum, both as they stand in the state store. */
const ROW_HEADER_BYTES = 6;

/** Gathers rows up to a limit of bytes. Reused. */
export class ChunkWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  rowCount = 0;

  constructor(initialBytes: number) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  reset(): void {
    this.#length = 0;
    this.rowCount = 0;
  }

  /** Adds a row, unless it is not the first and would make the chunk longer than `bytesMax`. */
  add(key: Uint8Array, stored: Uint8Array, bytesMax: number): boolean {
    const end = this.#length + ROW_HEADER_BYTES + key.length + stored.length;
    if (end > bytesMax && this.rowCount > 0) return false;
    if (end > this.#bytes.length) this.#grow(end);
    assert(key.length <= 0xffff, "a key's length has 16 bits");
    this.#view.setUint16(this.#length, key.length, true);
    this.#view.setUint32(this.#length + 2, stored.length, true);
    this.#bytes.set(key, this.#length + ROW_HEADER_BYTES);
    this.#bytes.set(stored, end - stored.length);
    this.#length = end;
    this.rowCount++;
    return true;
  }

  /** Valid until the next `add` or `reset`. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(bytesMin: number): void {
    const grown = new Uint8Array(Math.max(bytesMin, 2 * this.#bytes.length));
    grown.set(this.view());
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Visits the rows of a chunk in order; key and value are views of it. Throws RangeError on bytes that no
 * ChunkWriter makes. */
export function visitChunk(chunk: Uint8Array, visit: (key: Uint8Array, stored: Uint8Array) => void): number {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  let offset = 0;
  let rowCount = 0;
  while (offset < chunk.length) {
    if (offset + ROW_HEADER_BYTES > chunk.length) throw new RangeError("a row is cut off");
    const keyStart = offset + ROW_HEADER_BYTES;
    const valueStart = keyStart + view.getUint16(offset, true);
    const end = valueStart + view.getUint32(offset + 2, true);
    if (valueStart === keyStart) throw new RangeError("a row has no key");
    if (end > chunk.length) throw new RangeError("a row is cut off");
    visit(chunk.subarray(keyStart, valueStart), chunk.subarray(valueStart, end));
    offset = end;
    rowCount++;
  }
  return rowCount;
}

/** Checksum of a chunk's bytes on its way. */
export function chunkCrc(chunk: Uint8Array): number {
  return crc32c(chunk, 0, chunk.length);
}

/** Checksum over the whole snapshot, continued row by row, so that it does not depend on where chunks are
 * cut: that of the checksums which the rows end in. */
export function continueTotal(total: number, stored: Uint8Array): number {
  return crc32c(stored, stored.length - ROW_CHECKSUM_BYTES, stored.length, total);
}

const ROW_CHECKSUM_BYTES = 4;
