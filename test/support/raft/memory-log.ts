import { assert } from "../../../engine/core/assert.js";
import type { LogIndex, Term } from "../../../engine/core/ids.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import { limitBytes } from "../../../engine/raft/log.js";
import type { Entry, EntryId, LogView, Snapshot } from "../../../engine/raft/types.js";
import { ENTRY_TYPE } from "../../../engine/raft/types.js";

/** A log in memory, as a stand-in for what the host keeps. */
export class MemoryLog implements LogView {
  truncated: EntryId;
  /** What `snapshot` answers. */
  served: Snapshot | "pending" = "pending";
  #entries: Entry[] = [];

  constructor(truncated: EntryId = { term: term(0), index: logIndex(0) }, entries: readonly Entry[] = []) {
    this.truncated = truncated;
    this.write(entries);
  }

  get lastIndex(): LogIndex {
    return logIndex(this.truncated.index + this.#entries.length);
  }

  term(index: LogIndex): Term {
    if (index === this.truncated.index) return this.truncated.term;
    const entry = this.#entries[index - this.truncated.index - 1];
    assert(entry !== undefined, `no entry ${index}`);
    return entry.term;
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] {
    assert(low > this.truncated.index, `entry ${low} is truncated`);
    assert(high <= this.lastIndex + 1, `entry ${high - 1} was not written`);
    const start = this.truncated.index + 1;
    return limitBytes(this.#entries.slice(low - start, high - start), bytesMax);
  }

  snapshot(): Snapshot | "pending" {
    return this.served;
  }

  /** Appends, replacing what stands at the same indexes and after them. */
  write(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index <= this.lastIndex + 1, `gap before ${first.index}`);
    this.#entries.length = first.index - this.truncated.index - 1;
    this.#entries.push(...entries);
  }

  /** Begins anew after `snapshot`. */
  restore(snapshot: Snapshot): void {
    this.truncated = snapshot.id;
    this.#entries = [];
    this.served = snapshot;
  }

  truncate(index: LogIndex): void {
    const truncated = { term: this.term(index), index };
    this.#entries.splice(0, index - this.truncated.index);
    this.truncated = truncated;
  }
}

/** An entry whose payload has `payloadBytes` bytes. */
export function makeEntry(termNumber: number, index: number, payloadBytes = 0): Entry {
  return {
    term: term(termNumber),
    index: logIndex(index),
    type: ENTRY_TYPE.NORMAL,
    payload: new Uint8Array(payloadBytes).fill(index & 0xff),
  };
}

/** One entry for each of `terms`, from index `first` on. */
export function makeEntries(first: number, terms: readonly number[], payloadBytes = 0): Entry[] {
  return terms.map((termNumber, i) => makeEntry(termNumber, first + i, payloadBytes));
}
