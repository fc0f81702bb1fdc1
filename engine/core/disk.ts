/** Everything durable goes through here: in production RocksDB and files, in the simulator a disk that
 * crashes. Every method may throw StorageError STORAGE_FULL or STORAGE_IO. */
export interface Disk {
  /** Opens the store in directory `path`. What a crash has left at its end is cut off; one that cannot be
   * read stays as it is. Throws StorageError STORAGE_LOCKED while another one has it open, STORAGE_OPEN (also
   * where there is none), STORAGE_STALLED, or CorruptionError. */
  openStore(path: string, options: StoreOptions): Promise<Store>;
  /** The same, and makes the store where there is none. */
  createStore(path: string, options: StoreOptions): Promise<Store>;
  /** Reads the files by which a store that is not open was being written, and changes nothing. */
  checkStore(path: string, kind: StoreOptions["kind"]): Promise<readonly StoreFinding[]>;
  /** Copies a store that is not open, with the other files in its directory, so that the copy can be opened
   * and the store stays as it is. Takes little space: what is never written again is shared. */
  copyStore(path: string, to: string): void;
  /** Takes the lock `path` for this process; it ends with the process, however that ends. Throws
   * StorageError STORAGE_LOCKED while another holder lives, in this process or in another one. */
  lock(path: string): Promise<Lock>;
  /** The whole file, or undefined when there is none. */
  readFile(path: string): Uint8Array | undefined;
  /** Replaces the file as a whole: after a crash either the old or the new bytes are there. Durable on
   * return. */
  writeFile(path: string, bytes: Uint8Array): void;
  /** Opens a file for overwriting in place; it must exist (`writeFile` makes it). */
  openFile(path: string): DiskFile;
  /** Makes the directory and its parents, durably. */
  makeDirectory(path: string): void;
  /** Removes the directory with all that is in it; nothing happens when there is none. */
  removeDirectory(path: string): void;
  /** Names in the directory, sorted; empty when it does not exist. */
  list(path: string): string[];
}

export interface Lock {
  /** Resolves when another one may take it. */
  release(): Promise<void>;
}

/** A file of fixed size. */
export interface DiskFile {
  /** Overwrites bytes within the file's size. After a crash before `sync`, each byte written is either old
   * or new. */
  write(offset: number, bytes: Uint8Array): void;
  /** Returns when everything written is durable. */
  sync(): void;
  close(): void;
}

export interface StoreOptions {
  /** What is kept there: chooses the tuning, and the code of corruption (LOG_CORRUPT or STATE_CORRUPT). */
  readonly kind: "log" | "state";
  /** Columns: key spaces that are written atomically together. All must be named at each open. The first one
   * holds the bulk, the others few bytes. */
  readonly columns: readonly string[];
  /** Memory for unwritten data of the first column; it also bounds the store's own log. */
  readonly memtableBytes: number;
}

/** A place in a file of a store where what was written ends before the file does. */
export interface StoreFinding {
  readonly file: string;
  readonly offset: number;
  /** From there to the end of the file. */
  readonly bytes: number;
  /** `torn`: a write that did not end, which nobody was told of. `garbage`: never written by the store.
   * `unsynced`: torn or damaged, in a store that may lose it. `openStore` cuts these off. `damaged`: it had
   * been written whole; the store is refused. */
  readonly kind: "torn" | "garbage" | "unsynced" | "damaged";
  readonly reason: string;
}

/** Keys with `from` ≤ key < `to`. */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** An ordered key-value store. Single user: the thread that opened it. */
export interface Store {
  get(column: string, key: Uint8Array): Uint8Array | undefined;
  /** A batch that becomes visible and durable as a whole. */
  batch(): StoreBatch;
  /** The rows of the range in key order, as of the call. Close it. */
  scan(column: string, range: KeyRange): StoreCursor;
  /** Deletes a range; not durable by itself (leftovers must be harmless after a crash). */
  clear(column: string, range: KeyRange): void;
  /** After it everything written is durable. */
  close(): Promise<void>;
}

export interface StoreBatch {
  /** Bytes may lie in shared memory; they are copied before the call returns. */
  put(column: string, key: Uint8Array, value: Uint8Array): void;
  delete(column: string, key: Uint8Array): void;
  /** Commits and empties the batch, which may then be used again. With `sync` the call returns when it and
   * all before it are durable. After an error nothing more can be written: close the store. */
  write(options: { readonly sync: boolean }): void;
}

/** Called for each row. `key` and `value` may be kept. */
export type RowVisitor = (key: Uint8Array, value: Uint8Array) => void;

export interface StoreCursor {
  /** Visits up to `rowCountMax` next rows, fewer when they are large; returns how many, 0 at the end. */
  next(rowCountMax: number, visit: RowVisitor): number;
  /** Goes on, or back, to the first row at or after `key`, which lies in the range; what is seen stays as of
   * the scan's call. */
  seek(key: Uint8Array): void;
  close(): void;
}
