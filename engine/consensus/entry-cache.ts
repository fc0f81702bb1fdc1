import { assert } from "../core/assert.js";
import { Fifo } from "../core/fifo.js";
import type { LogIndex, Term } from "../core/ids.js";
import { logIndex } from "../core/ids.js";
import { limitBytes } from "../raft/log.js";
import type { Entry, EntryId, LogView } from "../raft/types.js";
import type { Recovered, TermSpan } from "../storage/recovered.js";

/** The log as main keeps it: the entries that are not applied yet, and the terms of all.
 *
 *   │ truncated │ applied: only terms │ entries │
 *                          released ─►│          last
 */
export class EntryCache implements LogView {
  #truncated: EntryId;
  /** Ascending; the first covers `truncated`, unless that is index 0. */
  #terms: TermSpan[];
  /** Entries up to here were let go. */
  #released: number;
  readonly #entries = new Fifo<Entry>();

  constructor(recovered: Pick<Recovered, "truncated" | "last" | "terms" | "tail" | "hardState">) {
    const { truncated, last, tail, hardState } = recovered;
    this.#truncated = { term: truncated.term, index: truncated.index };
    this.#terms = [{ term: truncated.term, firstIndex: truncated.index }];
    for (const span of recovered.terms) {
      if (span.term !== this.#lastTerm) this.#terms.push(span);
    }
    this.#released = hardState.commit;
    for (const entry of tail) this.#entries.push(entry);
    assert(this.lastIndex === last.index, "the tail ends where the log ends");
    assert(this.#lastTerm === last.term, "the terms end as the log ends");
  }

  get truncated(): EntryId {
    return this.#truncated;
  }

  get lastIndex(): LogIndex {
    return logIndex(this.#released + this.#entries.length);
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
    if (low <= this.#released) return "pending";
    const start = this.#released + 1;
    return limitBytes(this.#entries.slice(low - start, high - start), bytesMax);
  }

  /** A lone voter sends nobody its state. */
  snapshot(): "pending" {
    return "pending";
  }

  /** Takes entries that are handed out for writing; they replace what stands at their indexes and after. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index > this.#released, "what is applied is never replaced");
    assert(first.index <= this.lastIndex + 1, "no gap in the log");
    if (first.index <= this.lastIndex) {
      this.#entries.truncate(first.index - this.#released - 1);
      while (this.#terms.length > 1 && (this.#terms.at(-1) as TermSpan).firstIndex >= first.index) {
        this.#terms.pop();
      }
    }
    for (const entry of entries) {
      if (entry.term !== this.#lastTerm) {
        this.#terms.push({ term: entry.term, firstIndex: entry.index });
      }
      this.#entries.push(entry);
    }
  }

  /** Entries up to `index` are applied. */
  release(index: LogIndex): void {
    assert(index <= this.lastIndex, "only what is there is released");
    if (index <= this.#released) return;
    this.#entries.drop(index - this.#released);
    this.#released = index;
  }

  /** Entries up to `index`, all applied, are no longer in the log. */
  truncate(index: LogIndex): void {
    assert(index <= this.#released, "what is not applied stays in the log");
    if (index <= this.#truncated.index) return;
    const truncatedTerm = this.term(index);
    const kept = this.#terms.filter((span) => span.firstIndex > index);
    this.#truncated = { term: truncatedTerm, index };
    this.#terms = [{ term: truncatedTerm, firstIndex: index }, ...kept];
  }
}
