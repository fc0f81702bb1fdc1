import { assert } from "../core/assert.js";
import type { ByteReader } from "../core/byte-reader.js";
import type { ByteWriter } from "../core/byte-writer.js";
import { compareBytes } from "../core/compare-bytes.js";
import { DISK_TABLE_MIN } from "../core/disk-tables.js";
import { countFrom } from "./count-from.js";
import type { DrainTarget, FlushPart } from "./flush-part.js";
import { HashSum } from "./hash-sum.js";
import type { Tail, TailRow } from "./state-machine.js";
import { TailRows } from "./tail-rows.js";

/** Changes that one page may have to go through for each row that it shows: bounds what deletions cost. */
const CHANGES_PER_ROW_MAX = 4;

const CHANGE = { PUT_KEY: 0, PUT_VALUE: 1, DELETE: 2, DELETE_BELOW: 3 } as const;
const CHANGE_KINDS = 4;
const SEED_PERIOD = 2 ** 29;

const NO_KEY = new Uint8Array(0);

/** A table whose rows live on disk alone (architecture §3): for large collections that nobody looks up by key
 * on a hot path. `apply` puts and deletes blindly, it never reads; changed rows wait in memory until they are
 * flushed; readers scan on the state thread, over which `tail` lays what is not there yet.
 *
 *   put, delete ─► dirty ─freeze─► frozen ─drain, commit, flushed─► gone from memory
 *                    └──────┬──────┘
 *                         tail, read by scans; a dirty change covers a frozen one
 *
 * Its hash is that of all changes in their order, since taking the old row out of a sum of rows, as the other
 * tables do, needs the old row. Two SCMs that applied the same log agree on it; it says nothing about rows on
 * disk, which have checksums of their own. */
export class DiskTable implements FlushPart {
  readonly #table: number;
  #dirty = new TailRows();
  #frozen = new TailRows();
  /** At the first of `#frozen` that is not drained. */
  #next = this.#frozen.cursor(NO_KEY);
  /** Rows before it are deleted. */
  #first: Uint8Array = NO_KEY;
  /** The flush that is frozen must have rows before its `#first` deleted. */
  #frozenFirst: Uint8Array | undefined;
  #isFirstDirty = false;
  #changeCount = 0;
  readonly #hash = new HashSum();

  constructor(table: number) {
    assert(table >= DISK_TABLE_MIN, "the table's number says that a start reads it");
    this.#table = table;
  }

  /** Takes both over. */
  put(key: Uint8Array, value: Uint8Array): void {
    assert(compareBytes(key, this.#first) >= 0, "rows before the first one are deleted for good");
    this.#changeCount++;
    this.#hash.addBytes(key, this.#seed(CHANGE.PUT_KEY));
    this.#hash.addBytes(value, this.#seed(CHANGE.PUT_VALUE));
    this.#dirty.set({ key, value });
  }

  /** Takes `key` over. The row need not exist. */
  delete(key: Uint8Array): void {
    this.#changeCount++;
    this.#hash.addBytes(key, this.#seed(CHANGE.DELETE));
    this.#dirty.set({ key, value: null });
  }

  /** Deletes all rows before `key`, for good. Takes it over. */
  deleteBelow(key: Uint8Array): void {
    assert(compareBytes(key, this.#first) >= 0, "the first row goes forward");
    this.#changeCount++;
    this.#hash.addBytes(key, this.#seed(CHANGE.DELETE_BELOW));
    this.#first = key;
    this.#isFirstDirty = true;
  }

  /** What a start must know of the table without reading it; part of the state hash. */
  write(writer: ByteWriter): void {
    writer.f64(this.#changeCount);
    this.#hash.write(writer);
    writer.bytes(this.#first);
  }

  /** Throws RangeError. */
  read(reader: ByteReader): void {
    this.#changeCount = countFrom(reader);
    this.#hash.read(reader);
    this.#first = reader.bytes().slice();
  }

  /** Nothing waits to be written: a snapshot with all rows has come, and `read` follows. */
  clear(): void {
    this.#dirty = new TailRows();
    this.#isFirstDirty = false;
    this.#frozenFirst = undefined;
    this.flushed();
  }

  tail(from: Uint8Array, to: Uint8Array | undefined, rowCountMax: number): Tail {
    const start = compareBytes(from, this.#first) < 0 ? this.#first : from;
    const rows: TailRow[] = [];
    const frozen = this.#frozen.cursor(start);
    const dirty = this.#dirty.cursor(start);
    let putCount = 0;
    for (;;) {
      const older = frozen.row;
      const newer = dirty.row;
      const order = older === undefined ? 1 : newer === undefined ? -1 : compareBytes(older.key, newer.key);
      const row = order < 0 ? older : newer;
      if (row === undefined || (to !== undefined && compareBytes(row.key, to) >= 0)) {
        return { rows, from: start, isComplete: true };
      }
      if (putCount >= rowCountMax || rows.length >= rowCountMax * CHANGES_PER_ROW_MAX) {
        return { rows, from: start, isComplete: false };
      }
      rows.push(row);
      if (row.value !== null) putCount++;
      if (order <= 0) frozen.next();
      if (order >= 0) dirty.next();
    }
  }

  dirtyBytes(): number {
    return this.#dirty.bytes + (this.#next.row === undefined ? 0 : this.#frozen.bytes);
  }

  freeze(): number {
    assert(this.#frozen.length === 0, "the flush before is not committed");
    const frozen = this.#dirty;
    this.#dirty = this.#frozen;
    this.#frozen = frozen;
    this.#next = frozen.cursor(NO_KEY);
    this.#frozenFirst = this.#isFirstDirty ? this.#first : undefined;
    this.#isFirstDirty = false;
    return frozen.length + (this.#frozenFirst === undefined ? 0 : 1);
  }

  drain(target: DrainTarget): boolean {
    for (let row = this.#next.row; row !== undefined; row = this.#next.row) {
      const { key, value } = row;
      const isTaken = value === null ? target.delete(this.#table, key) : target.put(this.#table, key, value);
      if (!isTaken) return false;
      this.#next.next();
    }
    if (this.#frozenFirst === undefined) return true;
    if (!target.deleteBelow(this.#table, this.#frozenFirst)) return false;
    this.#frozenFirst = undefined;
    return true;
  }

  /** The drained rows are on disk: scans find them there. */
  flushed(): void {
    this.#frozen = new TailRows();
    this.#next = this.#frozen.cursor(NO_KEY);
  }

  #seed(kind: number): number {
    return (this.#changeCount % SEED_PERIOD) * CHANGE_KINDS + kind;
  }
}
