import { assert } from "../core/assert.js";
import { ByteReader } from "../core/byte-reader.js";
import { ByteWriter } from "../core/byte-writer.js";
import type { RowEncoder } from "./dirty-rows.js";
import { DirtyRows } from "./dirty-rows.js";
import { HashSum } from "./hash-sum.js";

/** Encoding of one table's keys and rows; one row has one encoding. `read…` throw RangeError. */
export interface RowCodec<K, R> {
  readonly table: number;
  readonly typicalRowBytes: number;
  writeKey(writer: ByteWriter, key: K): void;
  readKey(reader: ByteReader): K;
  writeRow(writer: ByteWriter, row: R): void;
  readRow(reader: ByteReader): R;
}

/** Keyed rows of the replicated state: small tables whose rows are plain, frozen objects. Keeps hash and
 * flush state with every change. Nothing may depend on the order of iteration. */
export class RowSet<K extends string | number, R> {
  readonly #codec: RowCodec<K, R>;
  readonly #rows = new Map<K, R>();
  readonly #scratch = new ByteWriter(1024);
  readonly hash = new HashSum();
  readonly dirty: DirtyRows<K>;

  constructor(codec: RowCodec<K, R>) {
    this.#codec = codec;
    const encoder: RowEncoder<K> = {
      table: codec.table,
      typicalRowBytes: codec.typicalRowBytes,
      writeKey: (writer, key) => codec.writeKey(writer, key),
      writeRow: (writer, key) => {
        const row = this.#rows.get(key);
        if (row !== undefined) codec.writeRow(writer, row);
        return row !== undefined;
      },
    };
    this.dirty = new DirtyRows(encoder);
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: K): R | undefined {
    return this.#rows.get(key);
  }

  keys(): IterableIterator<K> {
    return this.#rows.keys();
  }

  values(): IterableIterator<R> {
    return this.#rows.values();
  }

  entries(): IterableIterator<[K, R]> {
    return this.#rows.entries();
  }

  set(key: K, row: R): void {
    this.dirty.touch(key);
    this.#put(key, row);
  }

  /** Takes an existing row away. */
  delete(key: K): void {
    const old = this.#rows.get(key);
    assert(old !== undefined, `no row ${key}`);
    this.dirty.touch(key);
    this.hash.subtractBytes(this.#hashed(key, old), this.#codec.table);
    this.#rows.delete(key);
  }

  /** Bytes of a row as they would be stored; valid until the next call of this table. */
  encode(row: R): Uint8Array {
    this.#scratch.reset();
    this.#codec.writeRow(this.#scratch, row);
    return this.#scratch.view();
  }

  /** Empties the table, before it is loaded anew. */
  clear(): void {
    this.#rows.clear();
    this.hash.clear();
    this.dirty.reset();
  }

  /** At boot, or after `clear`. Throws RangeError when the bytes are no row of this table. */
  load(key: Uint8Array, value: Uint8Array): void {
    const keyReader = new ByteReader(key);
    const rowReader = new ByteReader(value);
    const loadedKey = this.#codec.readKey(keyReader);
    const row = this.#codec.readRow(rowReader);
    if (keyReader.remaining > 0) throw new RangeError("key is too long");
    if (rowReader.remaining > 0) throw new RangeError("row is too long");
    if (this.#rows.has(loadedKey)) throw new RangeError("key occurs twice");
    this.#put(loadedKey, row);
  }

  /** What `hash` must be, from scratch. O(n). */
  rehash(): HashSum {
    const hash = new HashSum();
    for (const [key, row] of this.#rows) hash.addBytes(this.#hashed(key, row), this.#codec.table);
    return hash;
  }

  #put(key: K, row: R): void {
    const old = this.#rows.get(key);
    if (old !== undefined) this.hash.subtractBytes(this.#hashed(key, old), this.#codec.table);
    this.#rows.set(key, row);
    this.hash.addBytes(this.#hashed(key, row), this.#codec.table);
  }

  #hashed(key: K, row: R): Uint8Array {
    this.#scratch.reset();
    this.#codec.writeKey(this.#scratch, key);
    this.#codec.writeRow(this.#scratch, row);
    return this.#scratch.view();
  }
}
