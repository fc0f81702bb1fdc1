import { compareBytes } from "../core/compare-bytes.js";
import type { Disk, Store, StoreBatch } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import type { StorageIdentity } from "./recovered.js";
import { chunkCrc, continueTotal, visitChunk } from "./snapshot-chunk.js";
import type { StateReader } from "./state-reader.js";
import { checkedValue, ROWS_COLUMN } from "./state-rows.js";
import { openStateReader, STATE_STORE_OPTIONS, writeStateIdentity } from "./state-store.js";

/** Rows of table 0, which belongs to the store, do not travel: this one has its own. */
const BEFORE_ALL_ROWS: Uint8Array = Uint8Array.of(0, 255);

export interface ReceivedChunk {
  /** 1, 2, 3 … */
  readonly number: number;
  readonly rowCount: number;
  readonly crc: number;
  /** May lie in shared memory. */
  readonly rows: Uint8Array;
}

/** A state store in the making: the rows of a snapshot as they arrive. Nothing of it counts before `finish`,
 * and before the log names its directory a start removes it. */
export class ReceivedStore {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #store: Store;
  readonly #batch: StoreBatch;
  #lastKey = BEFORE_ALL_ROWS;
  #chunkCount = 0;
  #rowCount = 0;
  #total = 0;

  /** Makes the store anew at `path`, as one of this SCM, whatever lies there. Throws StorageError. */
  static async create(disk: Disk, path: string, identity: StorageIdentity): Promise<ReceivedStore> {
    disk.removeDirectory(path);
    try {
      const store = await disk.createStore(path, STATE_STORE_OPTIONS);
      try {
        writeStateIdentity(store, identity);
      } catch (error) {
        await store.close();
        throw error;
      }
      return new ReceivedStore(disk, path, store);
    } catch (error) {
      disk.removeDirectory(path);
      throw error;
    }
  }

  private constructor(disk: Disk, path: string, store: Store) {
    this.#disk = disk;
    this.#path = path;
    this.#store = store;
    this.#batch = store.batch();
  }

  get path(): string {
    return this.#path;
  }

  /** For whoever takes it over after `finish`. */
  get store(): Store {
    return this.#store;
  }

  /** Writes a chunk, not synced. Throws ProtocolError SNAPSHOT_INVALID when it is not what the sender read,
   * or not the next one; StorageError. Discard the store then. */
  write({ number, rowCount, crc, rows }: ReceivedChunk): void {
    if (number !== this.#chunkCount + 1) throw invalid(`chunk ${number} after ${this.#chunkCount}`);
    if (chunkCrc(rows) !== crc) throw invalid(`checksum of chunk ${number}`);
    let lastKey = this.#lastKey;
    let total = this.#total;
    let count: number;
    try {
      count = visitChunk(rows, (key, stored) => {
        if (compareBytes(key, lastKey) <= 0) throw new RangeError("keys do not ascend");
        checkedValue(key, stored);
        total = continueTotal(total, stored);
        this.#batch.put(ROWS_COLUMN, key, stored);
        lastKey = key;
      });
    } catch (error) {
      if (!(error instanceof RangeError || isCorruption(error))) throw error;
      throw invalid(`chunk ${number}: ${(error as Error).message}`);
    }
    if (count !== rowCount) throw invalid(`chunk ${number} has ${count} rows, not ${rowCount}`);
    this.#batch.write({ sync: false });
    this.#lastKey = lastKey.slice();
    this.#chunkCount = number;
    this.#rowCount += rowCount;
    this.#total = total;
  }

  /** Makes all of it durable, when it is all. Throws as `write`. */
  finish({ rowCount, total }: { readonly rowCount: number; readonly total: number }): void {
    if (rowCount !== this.#rowCount) throw invalid(`${this.#rowCount} rows of ${rowCount}`);
    if (total !== this.#total) throw invalid("checksum of all rows");
    this.#batch.write({ sync: true });
  }

  openReader(tables: "memory" | "all"): StateReader {
    return openStateReader(this.#store, tables);
  }

  /** Leaves it where it is. */
  async close(): Promise<void> {
    await this.#store.close();
  }

  /** Ends it with all that is in it. A directory that cannot be removed is removed by the next start. */
  async discard(): Promise<void> {
    try {
      await this.#store.close();
    } finally {
      this.#disk.removeDirectory(this.#path);
    }
  }
}

function isCorruption(error: unknown): boolean {
  return error instanceof StrataError && error.class === "CorruptionError";
}

function invalid(reason: string): StrataError {
  return new StrataError("SNAPSHOT_INVALID", { reason });
}
