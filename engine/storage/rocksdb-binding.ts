import { createRequire } from "node:module";

/** Types of what we use of `@nxtedition/rocksdb` 12.2.12, which brings none, read from its source. Only
 * methods that begin with an underscore do their work within the call; the public ones of abstract-level
 * defer it. Declared in a `.ts` file, since `skipLibCheck` hides mistakes in declaration files. */
export interface RocksDb {
  /** Native handles by name; empty until `open` is done. */
  readonly columns: Readonly<Record<string, ColumnHandle>>;
  /** Rejects with LEVEL_DATABASE_NOT_OPEN; the reason is its `cause`. */
  open(): Promise<void>;
  /** Closes iterators and batches, syncs the write-ahead log. */
  close(): Promise<void>;
  _getManySync(keys: readonly Uint8Array[], options: ReadOptions): (Uint8Array | undefined | null)[];
  /** A DeleteRange outside of any batch, not synced; done when the call returns. */
  _clear(options: { readonly gte: Uint8Array; readonly lt: Uint8Array; readonly column: ColumnHandle }): void;
  _chainedBatch(): RocksBatch;
  _iterator(options: IteratorOptions): RocksIterator;
}

/** A raw pointer that is only valid while its database is open. */
export interface ColumnHandle {
  readonly __columnHandle: never;
}

export interface ReadOptions {
  readonly column: ColumnHandle;
  readonly valueEncoding: "buffer";
  readonly fillCache?: boolean;
}

export interface IteratorOptions {
  readonly column: ColumnHandle;
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  readonly keyEncoding: "buffer";
  readonly valueEncoding: "buffer";
  /** A call ends after the row with which it has read more than this. */
  readonly highWaterMarkBytes: number;
}

export interface RocksBatch {
  /** Copies key and value, which may lie in shared memory. */
  _put(key: Uint8Array, value: Uint8Array, options: { readonly column: ColumnHandle }): void;
  _del(key: Uint8Array, options: { readonly column: ColumnHandle }): void;
  _clear(): void;
  _writeSync(options: { readonly sync: boolean }): void;
}

export interface RocksIterator {
  /** Keys and values in turn, each a copy. */
  _nextvSync(rowCountMax: number): { readonly rows: readonly Uint8Array[]; readonly finished: boolean };
  /** The next row read is the first at or after `key`. */
  _seekSync(key: Uint8Array): void;
  close(): Promise<void>;
}

export interface ColumnOptions {
  readonly compaction: "level";
  /** A quarter of it is the write buffer, of which there may be 6. */
  readonly memtableMemoryBudget: number;
  /** Bytes of block cache; 0 = none. */
  readonly cacheSize: number;
  /** Whether a dictionary is trained for each file of levels 2 and up; these are compressed either way. */
  readonly compression: boolean;
}

export interface OpenOptions extends ColumnOptions {
  /** Must name "default" and every column that exists; others are made. */
  readonly columns: Readonly<Record<string, ColumnOptions>>;
  readonly walCompression: boolean;
  readonly parallelism: number;
}

interface RocksDbModule {
  readonly RocksLevel: new (location: string, options: OpenOptions) => RocksDb;
}

/** The binding is CommonJS, and without types an import of it would be an error. */
export const { RocksLevel } = createRequire(import.meta.url)("@nxtedition/rocksdb") as RocksDbModule;
