import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";
import { limitBytes } from "../raft/log.js";
import { type Entry, entryMemoryBytes } from "../raft/types.js";

/** Entries with `low` ≤ index < `high`. */
export interface EntryRange {
  readonly low: LogIndex;
  readonly high: LogIndex;
}

/** Entries that follow each other. */
interface Run {
  readonly first: number;
  readonly entries: readonly Entry[];
  readonly bytes: number;
}

/** Each member that lags behind wants one range at a time. Who finds no place here asks again. */
const WANTED_COUNT_MAX = 16;

/** Applied entries that were read from the log again, for members that lag behind, and what they still want.
 * The run that was used longest ago is dropped when there are too many bytes; whoever needs it again has it
 * fetched again. */
export class FetchedEntries {
  readonly #bytesMax: number;
  /** The one used last is the last. */
  #runs: Run[] = [];
  #bytes = 0;
  /** In the order in which they were asked for; no two begin at the same index. */
  #wanted: EntryRange[] = [];
  #fetching: EntryRange | undefined;

  constructor(bytesMax: number) {
    assert(bytesMax > 0, "something is kept of what is fetched");
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is to be fetched next; `put` ends it. One after the other. */
  begin(): EntryRange | undefined {
    assert(this.#fetching === undefined, "one range is fetched at a time");
    this.#fetching = this.#wanted.shift();
    return this.#fetching;
  }

  /** The entries from `low` on, as far as they are here and fit `bytesMax`; else they are wanted. */
  find(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "pending" {
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i] as Run;
      const from = low - run.first;
      if (from < 0 || from >= run.entries.length) continue;
      if (i < this.#runs.length - 1) {
        this.#runs.splice(i, 1);
        this.#runs.push(run);
      }
      return limitBytes(run.entries.slice(from, high - run.first), bytesMax);
    }
    const isKnown = this.#wanted.some((range) => range.low === low);
    if (!isKnown && this.#wanted.length < WANTED_COUNT_MAX) this.#wanted.push({ low, high });
    return "pending";
  }

  /** Takes what was fetched; nothing when it is gone from the log. */
  put(entries: readonly Entry[]): void {
    const fetched = this.#fetching;
    assert(fetched !== undefined, "nothing was to be fetched");
    this.#fetching = undefined;
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index === fetched.low, "what was fetched is what was wanted");
    const bytes = entries.reduce((sum, entry) => sum + entryMemoryBytes(entry), 0);
    this.#runs.push({ first: first.index, entries, bytes });
    this.#bytes += bytes;
    const end = first.index + entries.length;
    this.#wanted = this.#wanted.filter(({ low }) => low < first.index || low >= end);
    // The newest is kept in any case, or nobody would get on.
    while (this.#bytes > this.#bytesMax && this.#runs.length > 1) {
      this.#bytes -= (this.#runs.shift() as Run).bytes;
    }
  }

  /** Forgets all: nobody is sent anything any more. What is being fetched still comes. */
  clear(): void {
    this.#runs = [];
    this.#bytes = 0;
    this.#wanted = [];
  }

  /** Entries up to `index` are no longer in the log: nobody asks for them any more. */
  truncate(index: number): void {
    this.#runs = this.#runs.filter((run) => run.first > index);
    this.#bytes = this.#runs.reduce((sum, run) => sum + run.bytes, 0);
    this.#wanted = this.#wanted.filter(({ low }) => low > index);
  }
}
