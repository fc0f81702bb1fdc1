import {
  LOG_ENTRY_HEADER_BYTES,
  LOG_RECORD,
  LogRecordWriter,
  readEntryIndex,
  readEntryTerm,
  readEntryType,
  readFetchedCount,
} from "../../workers/shared/log-records.js";
import type { WorkerLink } from "../../workers/shared/worker-link.js";
import { assert } from "../core/assert.js";
import type { Entry, EntryType } from "../raft/types.js";
import type { EntryCache } from "./entry-cache.js";
import type { EntryRange } from "./fetched-entries.js";

/** Has the log thread read what the cache does not hold any more, one range after the other, for members that
 * lag behind.
 *
 *   core ─entries─► EntryCache: pending, noted ─pump─► FETCH ─► log thread
 *   core ◄─onEntriesFetched─ host ◄─onFetched─ EntryCache ◄─ FETCHED_ENTRY …, FETCHED
 *
 * Only applied entries are fetched, and those are never replaced. They may be truncated meanwhile, also by a
 * snapshot: then nothing of it is kept, and the core finds that the member needs a snapshot. */
export class LogFetcher {
  readonly #link: WorkerLink;
  readonly #writer: LogRecordWriter;
  readonly #cache: EntryCache;
  readonly #bytesMax: number;
  readonly #onFetched: () => void;
  /** The range under way. */
  #range: EntryRange | undefined;
  #isAsked = false;
  #arrived: Entry[] = [];

  /** @param bytesMax of entries in one fetch; a larger entry comes alone.
   * @param onFetched lets the core go on: `RaftCore.onEntriesFetched`. */
  constructor(link: WorkerLink, cache: EntryCache, bytesMax: number, onFetched: () => void) {
    assert(bytesMax > 0, "bytesMax must be positive");
    this.#link = link;
    this.#writer = new LogRecordWriter(link.sender);
    this.#cache = cache;
    this.#bytesMax = bytesMax;
    this.#onFetched = onFetched;
  }

  get isFetching(): boolean {
    return this.#range !== undefined;
  }

  /** Asks for what is wanted next, when nothing is under way. Once per turn, before records are published.
   * When the channel is full it asks in a later turn: what fills it has answers, and they make one. */
  pump(): void {
    if (this.#isAsked) return;
    this.#range ??= this.#cache.fetched.begin();
    if (this.#range === undefined) return;
    this.#isAsked = this.#writer.fetch({ ...this.#range, bytesMax: this.#bytesMax });
  }

  /** Takes a record of the log thread; false when it is not for the fetcher. */
  onRecord(kind: number, offset: number, payloadBytes: number): boolean {
    if (kind === LOG_RECORD.FETCHED_ENTRY) this.#onEntry(offset, payloadBytes);
    else if (kind === LOG_RECORD.FETCHED) this.#onEnd(offset);
    else return false;
    return true;
  }

  #onEntry(offset: number, payloadBytes: number): void {
    assert(this.#isAsked && this.#range !== undefined, "the log thread sends what was never asked for");
    const { view, bytes } = this.#link.receiver;
    const index = readEntryIndex(view, offset);
    const term = readEntryTerm(view, offset);
    assert(index === this.#range.low + this.#arrived.length, "fetched entries come in order");
    assert(index < this.#range.high, "no more is fetched than was asked for");
    // What is truncated by now is dropped at the end.
    const isInLog = index > this.#cache.truncated.index;
    assert(!isInLog || this.#cache.term(index) === term, `entry ${index} was written with another term`);
    const payload = bytes.slice(offset + LOG_ENTRY_HEADER_BYTES, offset + payloadBytes);
    this.#arrived.push({ index, term, type: readEntryType(view, offset) as EntryType, payload });
  }

  #onEnd(offset: number): void {
    const range = this.#range;
    assert(this.#isAsked && range !== undefined, "the log thread answers what was never asked");
    assert(readFetchedCount(this.#link.receiver.view, offset) === this.#arrived.length, "no entry is lost");
    const isGone = range.low <= this.#cache.truncated.index;
    assert(isGone || this.#arrived.length > 0, `the log does not hold entry ${range.low}`);
    const entries = isGone ? [] : this.#arrived;
    this.#range = undefined;
    this.#isAsked = false;
    this.#arrived = [];
    this.#cache.fetched.put(entries);
    this.#onFetched();
  }
}
