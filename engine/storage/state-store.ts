import { assert } from "../core/assert.js";
import type { Disk, KeyRange, Store, StoreBatch, StoreCursor, StoreOptions } from "../core/disk.js";
import { DISK_TABLE_MIN } from "../core/disk-tables.js";
import { StrataError } from "../core/errors.js";
import { crc32 } from "./crc32.js";
import { readIdentity, requireIdentity, writeIdentity } from "./identity.js";
import type { StorageIdentity } from "./recovered.js";
import { seal, unseal } from "./sealed-row.js";
import { StateReader } from "./state-reader.js";
import { checkedValue, ROWS_COLUMN, STATE_CHECKSUM_BYTES, scanTables } from "./state-rows.js";

/** Bytes of the state store: keys are table u8 ‖ key, a value ends in the checksum of its row. What the rows
 * hold is the business of the state machine, whose meta row carries a format of its own. */
export const STATE_FORMAT_VERSION = 1;

/** A quarter of it is one write buffer. Also bounds what RocksDB reads again after a crash: its
 * write-ahead log holds about a flush or three such buffers, whichever is more. */
const STATE_MEMTABLE_BYTES = 64 * 1024 * 1024;

export const STATE_STORE_OPTIONS: StoreOptions = {
  kind: "state",
  columns: [ROWS_COLUMN],
  memtableBytes: STATE_MEMTABLE_BYTES,
};

/** Table 0 belongs to the store: one row says whose it is. */
const IDENTITY_KEY = Uint8Array.of(0, 1);

/** Gathers one flush and commits it as a whole. Belongs to the state thread. */
export class StateStore {
  readonly #store: Store;
  readonly #batch: StoreBatch;
  /** Of the flush that is gathered. */
  #clears: KeyRange[] = [];

  /** Throws StorageError STORAGE_FORMAT, STATE_MISSING or STORAGE_IDS_DIFFER, CorruptionError
   * STATE_CORRUPT. */
  static async open(disk: Disk, path: string, identity: StorageIdentity): Promise<StateStore> {
    const store = await disk.openStore(path, STATE_STORE_OPTIONS);
    try {
      requireStateIdentity(store, path, identity);
    } catch (error) {
      await store.close();
      throw error;
    }
    return new StateStore(store);
  }

  /** A store that is open already and whose identity was checked or written. */
  constructor(store: Store) {
    this.#store = store;
    this.#batch = store.batch();
  }

  /** Adds a row to the flush. Key and value lie in `bytes` one after the other, `bytes[valueStart − keyBytes,
   * valueStart)` and up to `valueEnd`; the checksum is written behind them, in place. */
  put(bytes: Uint8Array, view: DataView, row: RowRange): void {
    const { keyStart, valueStart, valueEnd } = row;
    view.setUint32(valueEnd, crc32(bytes, keyStart, valueEnd), true);
    const key = bytes.subarray(keyStart, valueStart);
    this.#batch.put(ROWS_COLUMN, key, bytes.subarray(valueStart, valueEnd + STATE_CHECKSUM_BYTES));
  }

  delete(key: Uint8Array): void {
    assert(key[0] !== 0, "table 0 belongs to the store");
    this.#batch.delete(ROWS_COLUMN, key);
  }

  /** Deletes all rows of the table before `key`, with the commit or soon after it: a batch cannot hold a
   * range. What a crash in between leaves behind is below where any reader begins, and goes next time. */
  deleteBelow(key: Uint8Array): void {
    assert((key[0] as number) >= DISK_TABLE_MIN, "only a disk-resident table is cut off");
    this.#clears.push({ from: key.slice(0, 1), to: key.slice() });
  }

  /** Commits what was gathered. With `durable` the call returns when it and all before it survive a loss of
   * power. Throws StorageError. */
  commit(durable: boolean): void {
    this.#batch.write({ sync: durable });
    for (const range of this.#clears) this.#store.clear(ROWS_COLUMN, range);
    this.#clears = [];
  }

  /** Visits committed rows with `from` ≤ key < `to` in order, until one of the limits is reached; keys are
   * with the table. Returns false then, true when the range has no more rows. Throws CorruptionError
   * STATE_CORRUPT. */
  scan({ from, to, rowCountMax, bytesMax }: ScanRange, visit: StateRowVisitor): boolean {
    assert(rowCountMax > 0, "a page has a row");
    const cursor = this.#store.scan(ROWS_COLUMN, { from, to });
    let rowCount = 0;
    let bytes = 0;
    try {
      while (rowCount < rowCountMax && bytes < bytesMax) {
        const step = cursor.next(Math.min(rowCountMax - rowCount, SCAN_STEP_ROWS), (key, stored) => {
          bytes += key.length + stored.length;
          visit(key[0] as number, key.subarray(1), checkedValue(key, stored));
        });
        if (step === 0) return true;
        rowCount += step;
      }
      return false;
    } finally {
      cursor.close();
    }
  }

  /** Holds the state open as it is now, for a snapshot. Close it before the store. */
  openReader(tables: "memory" | "all"): StateReader {
    return openStateReader(this.#store, tables);
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}

/** Rows read at once; bounds how far a page overshoots its bytes. */
const SCAN_STEP_ROWS = 16;

export interface ScanRange extends KeyRange {
  readonly rowCountMax: number;
  readonly bytesMax: number;
}

/** Where a row's parts lie; `valueStart` is also the end of the key. */
export interface RowRange {
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Makes `store` the state store of `identity`, durably. */
export function writeStateIdentity(store: Store, identity: StorageIdentity): void {
  const batch = store.batch();
  batch.put(ROWS_COLUMN, IDENTITY_KEY, encodeStateIdentity(identity));
  batch.write({ sync: true });
}

function encodeStateIdentity(identity: StorageIdentity): Uint8Array {
  return seal((writer) => writeIdentity(writer, STATE_FORMAT_VERSION, identity));
}

/** Whose store it is; undefined for one that was never initialised. */
export function readStateIdentity(store: Store, path: string): StorageIdentity | undefined {
  const row = store.get(ROWS_COLUMN, IDENTITY_KEY);
  if (row === undefined) return undefined;
  return unseal(
    row,
    (reader) => readIdentity(reader, STATE_FORMAT_VERSION, path),
    (reason) => new StrataError("STATE_CORRUPT", { where: "identity", reason }),
  );
}

/** Throws StorageError STATE_MISSING when the store is new, STORAGE_IDS_DIFFER when it is another SCM's than
 * `expected`. */
export function requireStateIdentity(store: Store, path: string, expected: StorageIdentity): void {
  const found = readStateIdentity(store, path);
  if (found === undefined) throw new StrataError("STATE_MISSING", { path });
  requireIdentity(path, found, expected);
}

/** Called for each row; `key` is without the table. Both may be kept. */
export type StateRowVisitor = (table: number, key: Uint8Array, value: Uint8Array) => void;

export type OnCorruptRow = (error: StrataError, table: number) => void;

/** Reads the rows that a start needs, or all, in order of their keys and checks each. */
export class StateScan {
  readonly #cursor: StoreCursor;
  readonly #onCorrupt: OnCorruptRow;

  /** With `memory` disk-resident tables are passed by. `onCorrupt` gets the error of each damaged row, which
   * is then passed by; without it the error is thrown. */
  constructor(store: Store, tables: "memory" | "all", onCorrupt: OnCorruptRow = throwError) {
    this.#cursor = scanTables(store, tables);
    this.#onCorrupt = onCorrupt;
  }

  /** Visits up to `rowCountMax` next rows; returns how many were read, 0 at the end. Throws CorruptionError
   * STATE_CORRUPT. */
  step(rowCountMax: number, visit: StateRowVisitor): number {
    return this.#cursor.next(rowCountMax, (key, stored) => {
      let value: Uint8Array;
      try {
        value = checkedValue(key, stored);
      } catch (error) {
        if (!(error instanceof StrataError)) throw error;
        this.#onCorrupt(error, key[0]!);
        return;
      }
      visit(key[0]!, key.subarray(1), value);
    });
  }

  close(): void {
    this.#cursor.close();
  }
}

/** Holds the state in `store` open as it is now. */
export function openStateReader(store: Store, tables: "memory" | "all"): StateReader {
  return new StateReader(scanTables(store, tables));
}

function throwError(error: StrataError): void {
  throw error;
}
