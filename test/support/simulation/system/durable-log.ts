import type { Store } from "../../../../engine/core/disk.js";
import { BlobReader, indexOfLogKey, LOG_COLUMN, META_COLUMN } from "../../../../engine/storage/log-format.js";
import { type LogMeta, readLogMeta } from "../../../../engine/storage/log-meta.js";
import type { SimDisk, StoreChange } from "../sim-disk.js";

/** What of one SCM's log is durable: what it may answer for (raft.md §6). Follows the disk below it, and
 * knows nothing of what the SCM thinks. */
export class DurableLog {
  readonly #disk: SimDisk;
  readonly #path: string;
  readonly #reader = new BlobReader();
  /** By index; of truncated entries as long as they were seen. */
  #terms: number[] = [];
  #lastIndex = 0;
  #epoch = 0;
  #meta: LogMeta | undefined;
  /** Made when it is asked for. */
  #isStale = true;

  constructor(disk: SimDisk, path: string) {
    this.#disk = disk;
    this.#path = path;
    disk.onDurable = (changed, changes) => {
      if (changed === path) this.#changed(changes);
    };
  }

  get lastIndex(): number {
    this.#refresh();
    return this.#lastIndex;
  }

  get hardState(): LogMeta["hardState"] | undefined {
    this.#refresh();
    return this.#meta?.hardState;
  }

  get truncatedIndex(): number {
    this.#refresh();
    return this.#meta?.truncation.truncated.index ?? 0;
  }

  /** Undefined when there is no entry. */
  term(index: number): number | undefined {
    this.#refresh();
    return index <= this.#lastIndex ? this.#terms[index] : undefined;
  }

  /** The entry is there, or state that covers it. */
  has(index: number, term: number): boolean {
    this.#refresh();
    if (index <= this.truncatedIndex) return true;
    return index <= this.#lastIndex && this.#terms[index] === term;
  }

  #changed(changes: readonly StoreChange[] | undefined): void {
    if (changes === undefined || this.#isStale) {
      this.#isStale = true;
      return;
    }
    if (changes.some(({ column }) => column === META_COLUMN)) this.#readMeta();
    const blobs: (readonly [string, Uint8Array])[] = [];
    for (const change of changes) {
      if (change.column === LOG_COLUMN && change.kind === "put") blobs.push([change.key, change.value]);
    }
    this.#takeAll(blobs);
  }

  #refresh(): void {
    if (!this.#isStale || !this.#disk.hasStore(this.#path)) return;
    this.#isStale = false;
    this.#terms = [];
    this.#lastIndex = 0;
    this.#epoch = 0;
    this.#readMeta();
    this.#takeAll([...this.#disk.rows(this.#path, LOG_COLUMN)]);
  }

  #takeAll(blobs: (readonly [string, Uint8Array])[]): void {
    blobs.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, blob] of blobs) this.#take(key, blob);
  }

  /** Meta rows are only ever written in synced batches. */
  #readMeta(): void {
    const rows = this.#disk.rows(this.#path, META_COLUMN);
    const get = (_: string, key: Uint8Array) => rows.get(Buffer.from(key).toString("latin1"));
    this.#meta = readLogMeta({ get } as unknown as Store, this.#path);
    const { epoch, truncated } = this.#meta.truncation;
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#terms = [];
    this.#lastIndex = truncated.index;
  }

  /** What is written at an index takes the place of everything from there on. */
  #take(keyText: string, blob: Uint8Array): void {
    const key = Buffer.from(keyText, "latin1");
    if (key.readUInt32BE(0) !== this.#epoch) return;
    const reader = this.#reader;
    reader.reset(blob, indexOfLogKey(key), undefined);
    while (reader.next()) {
      this.#terms[reader.index] = reader.term;
      this.#lastIndex = reader.index;
    }
  }
}
