import { assert } from "../core/assert.js";
import type { KeyRange, RowVisitor, Store, StoreBatch, StoreCursor, StoreOptions } from "../core/disk.js";
import { watchOpen } from "./open-watchdog.js";
import {
  type ColumnHandle,
  type ColumnOptions,
  type OpenOptions,
  type RocksBatch,
  type RocksDb,
  type RocksIterator,
  RocksLevel,
} from "./rocksdb-binding.js";
import { type ErrorPlace, openError, storageError } from "./storage-error.js";

/** Bytes after which a cursor ends a step early, so that a step over large rows stays short. */
const CURSOR_STEP_BYTES = 4 * 1024 * 1024;
const BLOCK_CACHE_BYTES = 1024 * 1024;
/** For columns of few bytes, and the one that RocksDB insists on and nobody writes. Small, because the sum
 * over all columns sets how far the write-ahead log may grow, about 6 × Σ budgets; and because a log file is
 * kept as long as any column has something of it only in memory: with 16 MB the rows of the hard state kept
 * 290 MB, which a start reads twice. */
const SMALL_COLUMN_BYTES = 1024 * 1024;
/** Flushes and compactions go on behind the writer; two threads keep one waiting for the other rare. */
const BACKGROUND_THREADS = 2;

/** Opens the RocksDB database in directory `path`, creating it. Throws as Disk.openStore does. */
export async function openRocksStore(
  path: string,
  options: StoreOptions,
  watch: OpenWatch,
): Promise<RocksStore> {
  assert(options.columns.length > 0, "a store needs a column");
  const place = { path, kind: options.kind };
  const db = await openDatabase(place, options.columns, options.memtableBytes, watch);
  return new RocksStore(db, place);
}

/** What is known of a database before it is opened, and who wants to know that it takes long. */
export interface OpenWatch {
  readonly walBytes: number;
  readonly onSlow: (seconds: number) => void;
}

/** Opens a database for `NodeDisk.lock` and `openRocksStore`.
 *
 * The binding's defaults are not ours: its write-ahead log is compressed, which only costs time on blobs and
 * pages; its memtables of 256 MB let the log grow to gigabytes, since its own limit for that is broken
 * (`walTotalSizeLimit` is read into the wrong variable). Budgets per column are what bounds it. */
export async function openDatabase(
  place: ErrorPlace,
  columns: readonly string[],
  memtableBytes: number,
  { walBytes, onSlow }: OpenWatch,
): Promise<RocksDb> {
  // Most blobs of the log are gone before a dictionary has paid: training them was half of RocksDB's own CPU.
  const compression = place.kind !== "log";
  const small = columnOptions(SMALL_COLUMN_BYTES, compression);
  const large = columnOptions(memtableBytes, compression);
  const options: OpenOptions = {
    ...small,
    columns: Object.fromEntries([
      ["default", small],
      ...columns.map((name, i): [string, ColumnOptions] => [name, i === 0 ? large : small]),
    ]),
    walCompression: false,
    parallelism: BACKGROUND_THREADS,
  };
  const { path } = place;
  const db = new RocksLevel(path, options);
  try {
    await watchOpen(db, db.open(), { path, walBytes }, onSlow);
  } catch (error) {
    throw openError(error, place);
  }
  return db;
}

function columnOptions(memtableMemoryBudget: number, compression: boolean): ColumnOptions {
  return { compaction: "level", memtableMemoryBudget, cacheSize: BLOCK_CACHE_BYTES, compression };
}

/** A store on RocksDB. Whoever opened it must keep it until `close`: the binding closes a database that is
 * garbage-collected. */
export class RocksStore implements Store {
  readonly #db: RocksDb;
  readonly #place: ErrorPlace;
  #isOpen = true;

  constructor(db: RocksDb, place: ErrorPlace) {
    this.#db = db;
    this.#place = place;
  }

  get(column: string, key: Uint8Array): Uint8Array | undefined {
    const options = { column: this.#column(column), valueEncoding: "buffer" } as const;
    return guard(this.#place, () => this.#db._getManySync([key], options))[0] ?? undefined;
  }

  batch(): StoreBatch {
    assert(this.#isOpen, "the store is closed");
    return new RocksStoreBatch(this.#db._chainedBatch(), (name) => this.#column(name), this.#place);
  }

  scan(column: string, range: KeyRange): StoreCursor {
    const options = {
      column: this.#column(column),
      gte: range.from,
      lt: range.to,
      keyEncoding: "buffer",
      valueEncoding: "buffer",
      highWaterMarkBytes: CURSOR_STEP_BYTES,
    } as const;
    return new RocksStoreCursor(
      guard(this.#place, () => this.#db._iterator(options)),
      this.#place,
    );
  }

  clear(column: string, range: KeyRange): void {
    const options = { column: this.#column(column), gte: range.from, lt: range.to };
    guard(this.#place, () => this.#db._clear(options));
  }

  async close(): Promise<void> {
    assert(this.#isOpen, "the store is closed already");
    this.#isOpen = false;
    try {
      await this.#db.close();
    } catch (error) {
      throw storageError(error, this.#place);
    }
  }

  /** Every use passes here: a handle of a closed database is a dangling pointer. */
  #column(name: string): ColumnHandle {
    assert(this.#isOpen, "the store is closed");
    const column = this.#db.columns[name];
    assert(column !== undefined, `the store has no column ${name}`);
    return column;
  }
}

class RocksStoreBatch implements StoreBatch {
  readonly #batch: RocksBatch;
  readonly #column: (name: string) => ColumnHandle;
  readonly #place: ErrorPlace;
  /** The option object of the column written last, since most batches stay in one. */
  #columnName = "";
  #options: { readonly column: ColumnHandle } | undefined;

  constructor(batch: RocksBatch, column: (name: string) => ColumnHandle, place: ErrorPlace) {
    this.#batch = batch;
    this.#column = column;
    this.#place = place;
  }

  put(column: string, key: Uint8Array, value: Uint8Array): void {
    this.#batch._put(key, value, this.#in(column));
  }

  delete(column: string, key: Uint8Array): void {
    this.#batch._del(key, this.#in(column));
  }

  write(options: { readonly sync: boolean }): void {
    guard(this.#place, () => this.#batch._writeSync(options));
    this.#batch._clear();
  }

  #in(column: string): { readonly column: ColumnHandle } {
    if (this.#options === undefined || this.#columnName !== column) {
      this.#columnName = column;
      this.#options = { column: this.#column(column) };
    }
    return this.#options;
  }
}

class RocksStoreCursor implements StoreCursor {
  readonly #iterator: RocksIterator;
  readonly #place: ErrorPlace;
  #finished = false;

  constructor(iterator: RocksIterator, place: ErrorPlace) {
    this.#iterator = iterator;
    this.#place = place;
  }

  next(rowCountMax: number, visit: RowVisitor): number {
    assert(rowCountMax > 0, "a step must allow for a row");
    if (this.#finished) return 0;
    const { rows, finished } = guard(this.#place, () => this.#iterator._nextvSync(rowCountMax));
    this.#finished = finished;
    for (let i = 0; i < rows.length; i += 2) visit(rows[i] as Uint8Array, rows[i + 1] as Uint8Array);
    return rows.length / 2;
  }

  seek(key: Uint8Array): void {
    guard(this.#place, () => this.#iterator._seekSync(key));
    this.#finished = false;
  }

  close(): void {
    this.#finished = true;
    // The native iterator is gone when this returns; the promise only tells abstract-level's bookkeeping.
    void this.#iterator.close();
  }
}

function guard<T>(place: ErrorPlace, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw storageError(error, place);
  }
}
