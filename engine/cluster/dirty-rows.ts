import { assert } from "../core/assert.js";
import { ByteWriter } from "../core/byte-writer.js";
import type { DrainTarget, FlushPart } from "./flush-part.js";

/** How a table of keyed rows stands on disk. */
export interface RowEncoder<K> {
  readonly table: number;
  /** For the estimate of dirty bytes. */
  readonly typicalRowBytes: number;
  writeKey(writer: ByteWriter, key: K): void;
  /** False when there is no such row (any more). */
  writeRow(writer: ByteWriter, key: K): boolean;
}

/** Keeps which rows differ from the disk, and what they were when the present flush was frozen:
 *
 *   change ─► dirty ─freeze─► frozen ─drain─► gone
 *                              │ change: its bytes are kept for drain, and it is dirty again
 *
 * A freeze takes the same moment however many rows are dirty. */
export class DirtyRows<K> implements FlushPart {
  readonly #encoder: RowEncoder<K>;
  #dirty = new Set<K>();
  /** Not yet drained. */
  #frozen = new Set<K>();
  /** Bytes of those frozen rows that were changed since; `null` for a row that did not exist. */
  readonly #kept = new Map<K, Uint8Array | null>();
  #epoch = 1;
  readonly #key = new ByteWriter(32);
  readonly #row = new ByteWriter(1024);

  constructor(encoder: RowEncoder<K>) {
    this.#encoder = encoder;
  }

  /** Grows with each freeze. A row that was touched in this epoch needs no second `touch`: hot rows remember
   * it. */
  get epoch(): number {
    return this.#epoch;
  }

  /** All rows are on disk as they will be loaded. */
  reset(): void {
    this.#dirty.clear();
    this.#frozen.clear();
    this.#kept.clear();
    this.#epoch++;
  }

  /** To be called before the row of `key` is added, changed or removed. */
  touch(key: K): void {
    this.#dirty.add(key);
    if (this.#frozen.has(key) && !this.#kept.has(key)) {
      this.#row.reset();
      this.#kept.set(key, this.#encoder.writeRow(this.#row, key) ? this.#row.take() : null);
    }
  }

  dirtyBytes(): number {
    return (this.#dirty.size + this.#frozen.size) * this.#encoder.typicalRowBytes;
  }

  freeze(): number {
    assert(this.#frozen.size === 0, "the flush before is not drained");
    const frozen = this.#dirty;
    this.#dirty = this.#frozen;
    this.#frozen = frozen;
    this.#epoch++;
    return frozen.size;
  }

  drain(target: DrainTarget): boolean {
    for (const key of this.#frozen) {
      if (!this.#hand(key, target)) return false;
      this.#kept.delete(key);
      this.#frozen.delete(key);
    }
    return true;
  }

  #hand(key: K, target: DrainTarget): boolean {
    const kept = this.#kept.get(key);
    this.#key.reset();
    this.#encoder.writeKey(this.#key, key);
    let row = kept;
    if (row === undefined) {
      this.#row.reset();
      row = this.#encoder.writeRow(this.#row, key) ? this.#row.view() : null;
    }
    if (row === null) return target.delete(this.#encoder.table, this.#key.view());
    return target.put(this.#encoder.table, this.#key.view(), row);
  }
}
