import { assert } from "../core/assert.js";
import { type LogIndex, logIndex } from "../core/ids.js";
import { type Entry, type EntryType, entryMemoryBytes } from "../raft/types.js";
import { BlobReader, entryCorrupt } from "./log-format.js";
import type { LogStore } from "./log-store.js";

/** Entries with `low` ≤ index < `high`, as many as fit `bytesMax` of memory, at least one. */
interface FetchRange {
  readonly low: LogIndex;
  readonly high: LogIndex;
  readonly bytesMax: number;
}

/** Reads stored entries again, in order, with pauses in which the log may be appended to, truncated or go
 * over to a snapshot. It ends early where entries are truncated or not durable. Its checksum proves each
 * entry.
 *
 * The blob that was read last stays in memory, so that a range which follows the one before goes on in it. */
export class EntryFetch {
  readonly #store: LogStore;
  readonly #reader = new BlobReader();
  /** Of the store when the blob was read; −1 = none was. */
  #rewriteCount = -1;
  #next = logIndex(0);
  #high = logIndex(0);
  #bytesLeft = 0;
  #entryCount = 0;
  #entry: Entry | undefined;

  constructor(store: LogStore) {
    this.#store = store;
  }

  /** Entries that were read and passed since `begin`. */
  get entryCount(): number {
    return this.#entryCount;
  }

  begin({ low, high, bytesMax }: FetchRange): void {
    assert(low < high, "a range to fetch is not empty");
    this.#next = low;
    this.#high = high;
    this.#bytesLeft = bytesMax;
    this.#entryCount = 0;
    this.#entry = undefined;
  }

  /** The entry to read now, undefined at the end; `pass` moves on. Its payload is a view of what was read.
   * Throws CorruptionError LOG_CORRUPT. */
  entry(): Entry | undefined {
    const { rewriteCount, truncated } = this.#store;
    if (rewriteCount !== this.#rewriteCount || this.#next <= truncated.index) this.#entry = undefined;
    this.#entry ??= this.#read();
    return this.#entry;
  }

  /** Moves behind the entry that `entry` told. */
  pass(): void {
    assert(this.#entry !== undefined, "there is no entry to pass");
    this.#bytesLeft -= entryMemoryBytes(this.#entry);
    this.#entryCount++;
    this.#next = logIndex(this.#next + 1);
    this.#entry = undefined;
  }

  #read(): Entry | undefined {
    const index = this.#next;
    if (index >= this.#high) return undefined;
    if (index <= this.#store.truncated.index || index > this.#store.last.index) return undefined;
    this.#moveTo(index);
    const { term, type } = this.#reader;
    const entry = { index, term, type: type as EntryType, payload: this.#reader.payload() };
    return entryMemoryBytes(entry) > this.#bytesLeft && this.#entryCount > 0 ? undefined : entry;
  }

  #moveTo(index: LogIndex): void {
    const reader = this.#reader;
    if (this.#rewriteCount === this.#store.rewriteCount) {
      // The limit of bytes may have stopped at this entry.
      if (reader.index === index) return;
      if (reader.index === index - 1 && reader.next()) return;
    }
    const { firstIndex, blob } = this.#store.blobOf(index);
    reader.reset(blob, firstIndex, undefined);
    this.#rewriteCount = this.#store.rewriteCount;
    while (reader.next()) {
      if (reader.index === index) return;
    }
    throw entryCorrupt(index, "missing in its batch");
  }
}
