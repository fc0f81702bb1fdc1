import { assert } from "../../../engine/core/assert.js";
import type { LogIndex, Term } from "../../../engine/core/ids.js";
import { logIndex } from "../../../engine/core/ids.js";
import { NO_ENTRY } from "../../../engine/raft/log.js";
import type { Entry, EntryId } from "../../../engine/raft/types.js";
import { ENTRY_TYPE } from "../../../engine/raft/types.js";
import { chainOf } from "./chain.js";

/** An entry's place and the hash of everything up to it. */
export interface ChainPoint extends EntryId {
  readonly chain: number;
}

export const NO_POINT: ChainPoint = { ...NO_ENTRY, chain: 0 };

/** Entries after a truncation point, each with its chain value. */
export class ChainedLog {
  #truncated: ChainPoint;
  #entries: Entry[] = [];
  #chains: number[] = [];
  /** Index of the newest change of membership; 0 = none after the truncation point. */
  #lastConfIndex = 0;

  constructor(truncated: ChainPoint) {
    this.#truncated = truncated;
  }

  copy(): ChainedLog {
    const copy = new ChainedLog(this.#truncated);
    copy.#entries = this.#entries.slice();
    copy.#chains = this.#chains.slice();
    copy.#lastConfIndex = this.#lastConfIndex;
    return copy;
  }

  get truncated(): ChainPoint {
    return this.#truncated;
  }

  get lastIndex(): LogIndex {
    return (this.#truncated.index + this.#entries.length) as LogIndex;
  }

  get lastConfIndex(): number {
    return this.#lastConfIndex;
  }

  last(): ChainPoint {
    const count = this.#entries.length;
    if (count === 0) return this.#truncated;
    const { term, index } = this.#entries[count - 1] as Entry;
    return { term, index, chain: this.#chains[count - 1] as number };
  }

  /** Whether the truncation point or an entry is at `index`. */
  has(index: number): boolean {
    return index >= this.#truncated.index && index <= this.lastIndex;
  }

  term(index: number): Term {
    return index === this.#truncated.index ? this.#truncated.term : this.entry(index).term;
  }

  chain(index: number): number {
    if (index === this.#truncated.index) return this.#truncated.chain;
    const chain = this.#chains[index - this.#truncated.index - 1];
    assert(chain !== undefined, `there is no entry ${index}`);
    return chain;
  }

  entry(index: number): Entry {
    const entry = this.#entries[index - this.#truncated.index - 1];
    assert(entry !== undefined, `there is no entry ${index}`);
    return entry;
  }

  slice(low: number, high: number): Entry[] {
    const start = this.#truncated.index + 1;
    return this.#entries.slice(low - start, high - start);
  }

  /** Appends; replaces what stands at the first one's index and after it. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index > this.#truncated.index, "what is truncated is not replaced");
    assert(
      first.index <= this.lastIndex + 1,
      `append at ${first.index} leaves a gap after ${this.lastIndex}`,
    );
    if (first.index <= this.lastIndex) this.cut(first.index - 1);
    let chain = this.last().chain;
    for (const entry of entries) {
      chain = chainOf(chain, entry);
      this.#entries.push(entry);
      this.#chains.push(chain);
      if (entry.type !== ENTRY_TYPE.NORMAL) this.#lastConfIndex = entry.index;
    }
  }

  /** Drops what is after `index`. */
  cut(index: number): void {
    const count = index - this.#truncated.index;
    this.#entries.length = count;
    this.#chains.length = count;
    if (this.#lastConfIndex <= index) return;
    const newest = this.#entries.findLast((entry) => entry.type !== ENTRY_TYPE.NORMAL);
    this.#lastConfIndex = newest?.index ?? 0;
  }

  /** Drops what is up to `index`. */
  truncate(index: number): void {
    if (index <= this.#truncated.index) return;
    const count = index - this.#truncated.index;
    this.#truncated = { term: this.term(index), index: logIndex(index), chain: this.chain(index) };
    this.#entries = this.#entries.slice(count);
    this.#chains = this.#chains.slice(count);
    if (this.#lastConfIndex <= index) this.#lastConfIndex = 0;
  }

  /** Begins anew after a snapshot. */
  restore(point: ChainPoint): void {
    this.#truncated = point;
    this.#entries = [];
    this.#chains = [];
    this.#lastConfIndex = 0;
  }

  /** A flipped bit: the entry is another one, its chain value is still the old one. */
  damage(index: number): void {
    const { payload, ...rest } = this.entry(index);
    const flipped = payload.length === 0 ? new Uint8Array(1) : payload.slice();
    flipped[0] = (flipped[0] as number) ^ 1;
    this.#entries[index - this.#truncated.index - 1] = { ...rest, payload: flipped };
  }

  /** What recovery finds at the first entry that is not whole; undefined when all are. */
  firstDamage(): string | undefined {
    let { index, term, chain } = this.#truncated as { index: number; term: number; chain: number };
    for (let i = 0; i < this.#entries.length; i++) {
      const entry = this.#entries[i] as Entry;
      if (entry.index !== index + 1) return `entry ${entry.index} follows ${index}`;
      if (entry.term < term) return `entry ${entry.index} has term ${entry.term} after ${term}`;
      chain = chainOf(chain, entry);
      if (chain !== this.#chains[i]) return `entry ${entry.index} fails its chain`;
      ({ index, term } = entry);
    }
    return undefined;
  }
}
