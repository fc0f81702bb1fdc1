/** Everything durable goes through here: in production RocksDB and files, in the simulator a disk that
 * crashes. */
export interface Disk {
  /** Opens the store in directory `path`, creating it. Throws CorruptionError or StorageError. */
  openStore(path: string, options: StoreOptions): Promise<Store>;
  /** Takes the lock file `path` for this process. Throws StorageError STORAGE_LOCKED when another one holds
   * it. */
  lock(path: string): Lock;
  /** The whole file, or undefined when there is none. */
  readFile(path: string): Uint8Array | undefined;
  /** Replaces the file as a whole: after a crash either the old or the new bytes are there. Durable on
   * return. */
  writeFile(path: string, bytes: Uint8Array): void;
  makeDirectory(path: string): void;
  removeDirectory(path: string): void;
  /** Names in the directory, sorted; empty when it does not exist. */
  list(path: string): string[];
}

export interface Lock {
  release(): void;
}

export interface StoreOptions {
  /** Columns: key spaces that are written atomically together. All must be named at each open. */
  readonly columns: readonly string[];
  /** Memory for unwritten data per column; it also bounds the store's own log. */
  readonly memtableBytes: number;
}

/** An ordered key-value store. Single user: the thread that opened it. */
export interface Store {
  get(column: string, key: Uint8Array): Uint8Array | undefined;
  /** A batch that becomes visible and durable as a whole. */
  batch(): StoreBatch;
  /** Rows with `from` ≤ key < `to` in key order, as of the call. Close it. */
  scan(column: string, range: { readonly from: Uint8Array; readonly to: Uint8Array }): StoreCursor;
  /** Deletes a range; not durable by itself (leftovers must be harmless after a crash). */
  clear(column: string, range: { readonly from: Uint8Array; readonly to: Uint8Array }): Promise<void>;
  close(): Promise<void>;
}

export interface StoreBatch {
  /** Bytes may lie in shared memory; they are copied before the call returns. */
  put(column: string, key: Uint8Array, value: Uint8Array): void;
  delete(column: string, key: Uint8Array): void;
  /** Commits. With `sync` the call returns when the batch and all before it are durable. Throws
   * StorageError. */
  write(options: { readonly sync: boolean }): void;
}

export interface StoreCursor {
  /** Up to `rowCountMax` next rows; an empty array at the end. Arrays are the caller's. */
  next(rowCountMax: number): { readonly key: Uint8Array; readonly value: Uint8Array }[];
  close(): void;
}
