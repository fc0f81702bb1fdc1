import type { Store, StoreCursor } from "../core/disk.js";
import { logIndex } from "../core/ids.js";
import { ENTRY_TYPE, type Entry, type EntryType } from "../raft/types.js";
import { BlobReader, entryCorrupt, indexOfLogKey, LOG_COLUMN, logKey } from "./log-format.js";
import type { Truncation } from "./log-meta.js";
import type { LogPoint, TermSpan } from "./recovered.js";

/** Blobs read in one step; a step also ends after some megabytes. */
const STEP_BLOBS = 256;

const ENTRY_TYPES = new Set<number>(Object.values(ENTRY_TYPE));

/** The blobs of the log from the one with first index `fromIndex` on. */
export function scanBlobs(store: Store, epoch: number, fromIndex: number): StoreCursor {
  return store.scan(LOG_COLUMN, { from: logKey(epoch, fromIndex), to: logKey(epoch + 1, 0) });
}

/** Reads the whole log from its truncation point on and proves that it is whole: every checksum, every index,
 * terms that do not fall, and the chain (raft.md §12). Blobs that truncation has left over are passed by. */
export class LogWalk {
  readonly #cursor: StoreCursor;
  readonly #truncated: LogPoint;
  readonly #reader = new BlobReader();
  readonly #blobFirstIndexes: number[] = [];
  readonly #terms: TermSpan[] = [];
  readonly #watchIndex: number;
  #last: LogPoint;
  #watched: LogPoint | undefined;

  /** `watchIndex`: entry whose chain is to be remembered. */
  constructor(store: Store, truncation: Truncation, watchIndex: number) {
    this.#cursor = scanBlobs(store, truncation.epoch, 0);
    this.#truncated = truncation.truncated;
    this.#last = truncation.truncated;
    this.#watchIndex = watchIndex;
    if (watchIndex === this.#last.index) this.#watched = this.#last;
  }

  /** Reads on; false at the end. Throws CorruptionError LOG_CORRUPT. */
  step(): boolean {
    return this.#cursor.next(STEP_BLOBS, (key, blob) => this.#walkBlob(key, blob)) > 0;
  }

  close(): void {
    this.#cursor.close();
  }

  /** The last entry that was read. */
  get last(): LogPoint {
    return this.#last;
  }

  get terms(): readonly TermSpan[] {
    return this.#terms;
  }

  /** The watched entry; undefined while it was not seen. */
  get watched(): LogPoint | undefined {
    return this.#watched;
  }

  blobFirstIndexes(): Float64Array {
    return Float64Array.from(this.#blobFirstIndexes);
  }

  #walkBlob(key: Uint8Array, blob: Uint8Array): void {
    const firstIndex = indexOfLogKey(key);
    const expected = this.#last.index + 1;
    // Only the blob that truncation cut through, and leftovers before it, may begin earlier.
    const mayOverlap = this.#blobFirstIndexes.length === 0;
    if (firstIndex > expected) throw entryCorrupt(expected, `missing: the next one is ${firstIndex}`);
    if (firstIndex < expected && !mayOverlap) throw entryCorrupt(firstIndex, "stored twice");
    const reader = this.#reader;
    reader.reset(blob, firstIndex, firstIndex === expected ? this.#last.chain : undefined);
    if (!reader.next()) throw entryCorrupt(firstIndex, "its batch is empty");
    do this.#walkEntry(reader);
    while (reader.next());
    if (this.#last.index >= expected) this.#blobFirstIndexes.push(firstIndex);
  }

  #walkEntry(reader: BlobReader): void {
    const { index, term, type, chain } = reader;
    const { index: truncatedIndex, chain: truncatedChain } = this.#truncated;
    if (index < truncatedIndex) return;
    if (index === truncatedIndex) {
      if (chain !== truncatedChain) throw entryCorrupt(index, "differs from where the log was truncated");
      return;
    }
    if (term < this.#last.term) throw entryCorrupt(index, `term ${term} after ${this.#last.term}`);
    if (!ENTRY_TYPES.has(type)) throw entryCorrupt(index, `unknown type ${type}`);
    if (term !== this.#terms.at(-1)?.term) this.#terms.push({ term, firstIndex: index });
    this.#last = { index, term, chain };
    if (index === this.#watchIndex) this.#watched = this.#last;
  }
}

/** Reads entries again from `fromIndex` on, which lies in the blob with first index `blobFirstIndex`. */
export class EntryScan {
  readonly #cursor: StoreCursor;
  readonly #fromIndex: number;
  readonly #reader = new BlobReader();

  constructor(
    store: Store,
    epoch: number,
    from: { readonly blobFirstIndex: number; readonly index: number },
  ) {
    this.#cursor = scanBlobs(store, epoch, from.blobFirstIndex);
    this.#fromIndex = from.index;
  }

  /** Visits the entries of the next blobs, which may be kept; false at the end. */
  step(visit: (entry: Entry) => void): boolean {
    const visitBlob = (key: Uint8Array, blob: Uint8Array): void => {
      const reader = this.#reader;
      reader.reset(blob, indexOfLogKey(key), undefined);
      while (reader.next()) {
        const { index, term } = reader;
        if (index < this.#fromIndex) continue;
        visit({ index, term, type: reader.type as EntryType, payload: reader.payload() });
      }
    };
    return this.#cursor.next(STEP_BLOBS, visitBlob) > 0;
  }

  close(): void {
    this.#cursor.close();
  }
}

/** Term and chain of entry `index` within `blob`; what follows it is not read. Returns where it ends. */
export function findInBlob(
  blob: Uint8Array,
  firstIndex: number,
  index: number,
): { point: LogPoint; end: number } {
  const reader = new BlobReader();
  reader.reset(blob, logIndex(firstIndex), undefined);
  while (reader.next()) {
    if (reader.index === index) {
      return { point: { index: reader.index, term: reader.term, chain: reader.chain }, end: reader.end };
    }
  }
  throw entryCorrupt(index, "missing in its batch");
}
