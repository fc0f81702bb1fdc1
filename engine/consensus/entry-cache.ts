import { assert } from "../core/assert.js";
import { Fifo } from "../core/fifo.js";
import type { LogIndex, Term } from "../core/ids.js";
import { logIndex } from "../core/ids.js";
import type { Entry, EntryId, LogView, Snapshot } from "../raft/types.js";
import { entryBytes, entryMemoryBytes } from "../raft/types.js";
import type { Recovered, TermSpan } from "../storage/recovered.js";
import { FetchedEntries } from "./fetched-entries.js";

/** What the cache needs to know of a recovery. */
export type CachedLog = Pick<Recovered, "truncated" | "last" | "terms" | "tail" | "hardState">;

export interface EntryCacheLimits {
  /** Bytes of the log's end that are kept, also after they were applied; what is not applied is always kept.
   * 0 for a lone voter, who has nobody to send them to. */
  readonly bytesMax: number;
  /** Bytes of older entries that were fetched for members that lag behind. */
  readonly fetchedBytesMax: number;
}

/** The log as main keeps it: its last entries, and the terms of all.
 *
 *   │ truncated │ on disk only │ applied entries │ entries not applied │
 *                      dropped ─►│       applied ─►│               last
 *                 └ fetched ┘
 *
 * What is older than the entries kept answers "pending" and is noted; `LogFetcher` has it read by the log
 * thread. */
export class EntryCache implements LogView {
  #truncated: EntryId;
  /** Ascending; the first covers `truncated`, unless that is index 0. */
  #terms: TermSpan[];
  /** Entries up to here are not kept. */
  #dropped: number;
  #applied: number;
  readonly #entries = new Fifo<Entry>();
  /** They and their overhead. */
  #bytes = 0;
  #bytesMax: number;
  readonly fetched: FetchedEntries;
  readonly #snapshots: Pick<LogView, "snapshot"> | undefined;

  /** @param snapshots who makes them, when somebody does. */
  constructor(recovered: CachedLog, limits: EntryCacheLimits, snapshots?: Pick<LogView, "snapshot">) {
    const { truncated, last, tail, hardState } = recovered;
    this.#bytesMax = limits.bytesMax;
    this.fetched = new FetchedEntries(limits.fetchedBytesMax);
    this.#snapshots = snapshots;
    this.#truncated = { term: truncated.term, index: truncated.index };
    this.#terms = [{ term: truncated.term, firstIndex: truncated.index }];
    for (const span of recovered.terms) {
      if (span.term !== this.#lastTerm) this.#terms.push(span);
    }
    this.#dropped = hardState.commit;
    this.#applied = hardState.commit;
    for (const entry of tail) this.#push(entry);
    assert(this.lastIndex === last.index, "the tail ends where the log ends");
    assert(this.#lastTerm === last.term, "the terms end as the log ends");
  }

  get truncated(): EntryId {
    return this.#truncated;
  }

  get lastIndex(): LogIndex {
    return logIndex(this.#dropped + this.#entries.length);
  }

  /** Bytes of the entries kept, with what they take beyond their payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  get #lastTerm(): Term {
    return (this.#terms.at(-1) as TermSpan).term;
  }

  term(index: LogIndex): Term {
    assert(index >= this.#truncated.index, `the term of ${index} is gone`);
    assert(index <= this.lastIndex, `there is no entry ${index}`);
    // Nearly always the last span is asked for.
    for (let i = this.#terms.length - 1; ; i--) {
      const span = this.#terms[i];
      assert(span !== undefined, `no term covers ${index}`);
      if (span.firstIndex <= index) return span.term;
    }
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "pending" {
    assert(low > this.#truncated.index, `entry ${low} is truncated`);
    assert(high <= this.lastIndex + 1, `there is no entry ${high - 1}`);
    if (low <= this.#dropped) {
      const cut = high <= this.#dropped ? high : logIndex(this.#dropped + 1);
      return this.fetched.find(low, cut, bytesMax);
    }
    return this.#kept(low - this.#dropped - 1, high - this.#dropped - 1, bytesMax);
  }

  snapshot(): Snapshot | "pending" {
    return this.#snapshots?.snapshot() ?? "pending";
  }

  /** Takes entries that are handed out for writing; they replace what stands at their indexes and after. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index > this.#applied, "what is applied is never replaced");
    assert(first.index <= this.lastIndex + 1, "no gap in the log");
    if (first.index <= this.lastIndex) {
      this.#dropTail(first.index);
      while (this.#terms.length > 1 && (this.#terms.at(-1) as TermSpan).firstIndex >= first.index) {
        this.#terms.pop();
      }
    }
    for (const entry of entries) {
      if (entry.term !== this.#lastTerm) {
        this.#terms.push({ term: entry.term, firstIndex: entry.index });
      }
      this.#push(entry);
    }
    this.#dropOldest();
  }

  /** Entries up to `index` are applied: they go when their memory is needed. */
  release(index: LogIndex): void {
    assert(index <= this.lastIndex, "only what is there is applied");
    if (index <= this.#applied) return;
    this.#applied = index;
    this.#dropOldest();
  }

  /** Changes how much is kept: a member has been added, or this one is alone again. */
  keep(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#dropOldest();
  }

  /** Entries up to `index`, all applied, are no longer in the log. */
  truncate(index: LogIndex): void {
    assert(index <= this.#applied, "what is not applied stays in the log");
    if (index <= this.#truncated.index) return;
    const truncatedTerm = this.term(index);
    const kept = this.#terms.filter((span) => span.firstIndex > index);
    this.#truncated = { term: truncatedTerm, index };
    this.#terms = [{ term: truncatedTerm, firstIndex: index }, ...kept];
    this.fetched.truncate(index);
    this.#dropTo(index);
  }

  /** A snapshot has taken the place of the log, which is empty after it, whatever it held. */
  restore({ term, index }: EntryId): void {
    assert(index > this.#truncated.index, "a snapshot does not go back");
    this.#truncated = { term, index };
    this.#terms = [{ term, firstIndex: index }];
    this.#entries.clear();
    this.#bytes = 0;
    this.#dropped = index;
    this.#applied = index;
    this.fetched.truncate(index);
  }

  /** As many of the entries kept as fit, at least one. A member far behind asks for all of them each time, so
   * only what it gets is copied. */
  #kept(from: number, to: number, bytesMax: number): readonly Entry[] {
    let end = from;
    for (let bytes = 0; end < to; end++) {
      bytes += entryBytes(this.#entries.at(end) as Entry);
      if (bytes > bytesMax && end > from) break;
    }
    return this.#entries.slice(from, end);
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entryMemoryBytes(entry);
  }

  #dropTail(from: number): void {
    const kept = from - this.#dropped - 1;
    for (let i = kept; i < this.#entries.length; i++)
      this.#bytes -= entryMemoryBytes(this.#entries.at(i) as Entry);
    this.#entries.truncate(kept);
  }

  #dropOldest(): void {
    const appliedCount = this.#applied - this.#dropped;
    let count = 0;
    for (; this.#bytes > this.#bytesMax && count < appliedCount; count++) {
      this.#bytes -= entryMemoryBytes(this.#entries.at(count) as Entry);
    }
    this.#entries.drop(count);
    this.#dropped += count;
  }

  #dropTo(index: number): void {
    const count = index - this.#dropped;
    if (count <= 0) return;
    for (let i = 0; i < count; i++) this.#bytes -= entryMemoryBytes(this.#entries.at(i) as Entry);
    this.#entries.drop(count);
    this.#dropped = index;
  }
}
