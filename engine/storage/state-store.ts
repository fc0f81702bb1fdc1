import { assert } from "../core/assert.js";
import type { Disk, Store, StoreBatch, StoreCursor, StoreOptions } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import { crc32 } from "./crc32.js";
import { readIdentity, requireIdentity, writeIdentity } from "./identity.js";
import type { StorageIdentity } from "./recovered.js";
import { seal, unseal } from "./sealed-row.js";

/** Bytes of the state store: keys are table u8 ‖ key, a value ends in the checksum of its row. What the rows
 * hold is the business of the state machine, whose meta row carries a format of its own. */
export const STATE_FORMAT_VERSION = 1;

/** Everything lies in one column, so that one cursor sees one state (raft.md §9). */
const ROWS_COLUMN = "rows";

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

export const STATE_CHECKSUM_BYTES = 4;

/** Checksum over key and value. */
export function rowChecksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value, 0, value.length, crc32(key, 0, key.length));
}

/** Gathers one flush and commits it as a whole. Belongs to the state thread. */
export class StateStore {
  readonly #store: Store;
  readonly #batch: StoreBatch;

  /** Throws StorageError STORAGE_FORMAT, STATE_MISSING or STORAGE_IDS_DIFFER, CorruptionError STATE_CORRUPT. */
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

  private constructor(store: Store) {
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

  /** Commits what was gathered. With `durable` the call returns when it and all before it survive a loss of
   * power. Throws StorageError. */
  commit(durable: boolean): void {
    this.#batch.write({ sync: durable });
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
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

/** Throws StorageError STATE_MISSING when the store is new, STORAGE_IDS_DIFFER when it is not `expected`'s. */
export function requireStateIdentity(store: Store, path: string, expected: StorageIdentity): void {
  const found = readStateIdentity(store, path);
  if (found === undefined) throw new StrataError("STATE_MISSING", { path });
  requireIdentity(path, found, expected);
}

/** Called for each row; `key` is without the table. Both may be kept. */
export type StateRowVisitor = (table: number, key: Uint8Array, value: Uint8Array) => void;

/** Reads all rows in order of their keys and checks each. */
export class StateScan {
  readonly #cursor: StoreCursor;
  readonly #onCorrupt: (error: StrataError) => void;

  /** `onCorrupt` gets the error of each damaged row, which is then passed by; without it the error is
   * thrown. */
  constructor(store: Store, onCorrupt: (error: StrataError) => void = throwError) {
    this.#cursor = store.scan(ROWS_COLUMN, { from: Uint8Array.of(1), to: Uint8Array.of(255, 255, 255) });
    this.#onCorrupt = onCorrupt;
  }

  /** Visits up to `rowCountMax` next rows; returns how many were read, 0 at the end. Throws CorruptionError
   * STATE_CORRUPT. */
  step(rowCountMax: number, visit: StateRowVisitor): number {
    return this.#cursor.next(rowCountMax, (key, stored) => {
      const end = stored.length - STATE_CHECKSUM_BYTES;
      if (end < 0) {
        this.#onCorrupt(rowCorrupt(key, "cut off"));
        return;
      }
      const value = stored.subarray(0, end);
      const checksum = new DataView(stored.buffer, stored.byteOffset, stored.length).getUint32(end, true);
      if (checksum === rowChecksum(key, value)) visit(key[0]!, key.subarray(1), value);
      else this.#onCorrupt(rowCorrupt(key, "checksum mismatch"));
    });
  }

  close(): void {
    this.#cursor.close();
  }
}

function throwError(error: StrataError): void {
  throw error;
}

function rowCorrupt(key: Uint8Array, reason: string): StrataError {
  const name = Buffer.from(key.subarray(1)).toString("hex");
  return new StrataError("STATE_CORRUPT", { where: `table ${key[0]} key ${name}`, reason });
}
