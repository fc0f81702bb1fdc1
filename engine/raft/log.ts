import { assert } from "../core/assert.js";
import type { LogIndex, Term } from "../core/ids.js";
import { logIndex, term } from "../core/ids.js";
import type { RaftTrace } from "./trace.js";
import type { Entry, EntryId, LogView, NodeId, Snapshot } from "./types.js";
import { ENTRY_TYPE, entryBytes } from "./types.js";
import { Unstable } from "./unstable.js";

export interface RaftLogOptions {
  readonly id: NodeId;
  readonly applied: LogIndex;
  readonly commit: LogIndex;
  readonly committedBytesPerReadyMax: number;
  readonly trace: RaftTrace;
}

/** The log as the core sees it: what the view holds, the unstable tail behind it, and how far it is
 * committed, handed out for applying, and applied.
 *
 * Invariant: truncated ≤ applied ≤ applying ≤ commit ≤ last (etcd-io/raft log.go). */
export class RaftLog {
  readonly unstable: Unstable;
  readonly #id: NodeId;
  readonly #trace: RaftTrace;
  readonly #view: LogView;
  readonly #applyingBytesMax: number;
  /** A quorum has everything up to here. Never falls. */
  #commit: LogIndex;
  /** Handed out for applying up to here. */
  #applying: LogIndex;
  /** In the state up to here. Never falls. */
  #applied: LogIndex;
  /** Of entries handed out for applying and not acknowledged. */
  #applyingBytes = 0;
  /** No more is handed out until some of it is acknowledged. */
  #applyingPaused = false;

  constructor(view: LogView, options: RaftLogOptions) {
    assert(options.committedBytesPerReadyMax > 0, "committedBytesPerReadyMax must be positive");
    this.#id = options.id;
    this.#trace = options.trace;
    this.#view = view;
    this.unstable = new Unstable(logIndex(view.lastIndex + 1), options.id, options.trace);
    this.#applyingBytesMax = options.committedBytesPerReadyMax;
    this.#commit = options.commit;
    this.#applying = options.applied;
    this.#applied = options.applied;
    this.checkInvariants();
  }

  get commit(): LogIndex {
    return this.#commit;
  }

  get applying(): LogIndex {
    return this.#applying;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  get truncated(): EntryId {
    return this.unstable.snapshot?.id ?? this.#view.truncated;
  }

  get lastIndex(): LogIndex {
    return this.unstable.lastIndex() ?? this.#view.lastIndex;
  }

  lastId(): EntryId {
    const index = this.lastIndex;
    const lastTerm = this.term(index);
    assert(lastTerm !== undefined, "the last entry's term is known");
    return { term: lastTerm, index };
  }

  /** Term of the entry at `index`; undefined before the truncated one and after the last. */
  term(index: LogIndex): Term | undefined {
    const unstableTerm = this.unstable.term(index);
    if (unstableTerm !== undefined) return unstableTerm;
    if (index < this.truncated.index || index > this.lastIndex) return undefined;
    return this.#view.term(index);
  }

  /** Whether an entry with this id stands in the log. */
  matches(id: EntryId): boolean {
    return this.term(id.index) === id.term;
  }

  /** Appends entries that a leader made itself. What is committed is never replaced. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    assert(first !== undefined, "nothing to append");
    assert(first.index > this.#commit, `append at ${first.index} would replace committed entries`);
    this.unstable.truncateAndAppend(entries);
  }

  /** Takes a leader's `entries`, which follow `previous`, when the log holds `previous`: what is there
   * already stays, what conflicts is replaced. The index of the last of them, or undefined when it does not
   * hold it. */
  tryAppend(previous: EntryId, entries: readonly Entry[], leaderCommit: LogIndex): LogIndex | undefined {
    if (!this.matches(previous)) return undefined;
    const firstNew = this.#firstNew(entries);
    if (firstNew < entries.length) this.append(firstNew === 0 ? entries : entries.slice(firstNew));
    const last = logIndex(previous.index + entries.length);
    // The leader may have committed more; what follows `last` here is not known to be the leader's.
    this.commitTo(leaderCommit < last ? leaderCommit : last);
    return last;
  }

  /** The highest entry at or before `index` whose term is at most `atMost`: the best guess where a log with
   * that term at `index` agrees with this one. Term 0 when it is not known. `index` ≤ last. O(log n), since
   * terms never fall along a log: a divergent tail may be long. */
  lastWithTermAtMost(index: LogIndex, atMost: Term): EntryId {
    if (index === 0) return NO_ENTRY;
    const last = this.term(index);
    if (last === undefined) return { index, term: term(0) };
    if (last <= atMost) return { index, term: last };
    let { index: low, term: termAtLow } = this.truncated;
    if (termAtLow > atMost) return low <= 1 ? NO_ENTRY : { index: logIndex(low - 1), term: term(0) };
    for (let high = index; high - low > 1; ) {
      const middle = logIndex(Math.floor((low + high) / 2));
      const found = this.term(middle);
      assert(found !== undefined, `the term of ${middle} is known`);
      if (found > atMost) {
        high = middle;
      } else {
        low = middle;
        termAtLow = found;
      }
    }
    return { index: low, term: termAtLow };
  }

  /** Whether a log that ends in `last` holds all that can be committed here (paper §5.4.1). */
  isUpToDate(last: EntryId): boolean {
    const own = this.lastId();
    return last.term > own.term || (last.term === own.term && last.index >= own.index);
  }

  /** Entries from `low` on for a member, as many as fit `bytesMax`, at least one if there is any; "pending"
   * when they are not at hand. They must not be truncated. */
  entriesFrom(low: LogIndex, bytesMax: number): readonly Entry[] | "pending" {
    return low > this.lastIndex ? [] : this.#slice(low, logIndex(this.lastIndex + 1), bytesMax);
  }

  /** State for a member that needs what is truncated. */
  snapshot(): Snapshot | "pending" {
    return this.unstable.snapshot ?? this.#view.snapshot();
  }

  /** The log begins anew after `snapshot`, which is committed. */
  restore(snapshot: Snapshot): void {
    this.#trace.event(this.#id, {
      kind: "logRestoring",
      snapshot: snapshot.id,
      commit: this.#commit,
      applied: this.#applied,
      applying: this.#applying,
      unstableOffset: this.unstable.offset,
      unstableOffsetInProgress: this.unstable.offsetInProgress,
      unstableCount: this.unstable.entryCount,
    });
    this.#commit = snapshot.id.index;
    this.unstable.restore(snapshot);
  }

  /** Commits up to `id` when it is in the log; false when nothing moved. A leader passes its own term:
   * entries of earlier terms are only committed by one of its own after them (thesis §3.6.2). */
  maybeCommit(id: EntryId): boolean {
    if (id.term === 0 || id.index <= this.#commit || !this.matches(id)) return false;
    this.commitTo(id.index);
    return true;
  }

  /** Never goes back. */
  commitTo(index: LogIndex): void {
    if (index <= this.#commit) return;
    assert(index <= this.lastIndex, `commit ${index} lies beyond the last entry ${this.lastIndex}`);
    this.#commit = index;
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false;
    return this.#applying < this.#appliableIndex(allowUnstable);
  }

  /** Committed entries to apply next, within the bytes that may be under way. With `allowUnstable` also
   * those that are not durable here: only right when the caller writes them before it applies. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return [];
    const bytesMax = this.#applyingBytesMax - this.#applyingBytes;
    assert(bytesMax > 0, "applying is paused when its bytes are used up");
    return this.slice(
      logIndex(this.#applying + 1),
      logIndex(this.#appliableIndex(allowUnstable) + 1),
      bytesMax,
    );
  }

  /** `entries` were handed out for applying. Pauses when the bytes under way are used up, also when the
   * limit cut the entries short: what comes next would not fit. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries.at(-1);
    assert(last !== undefined, "nothing to apply");
    assert(last.index <= this.#commit, "only committed entries are applied");
    this.#applying = last.index;
    this.#applyingBytes += bytesOf(entries);
    this.#applyingPaused =
      this.#applyingBytes >= this.#applyingBytesMax || last.index < this.#appliableIndex(allowUnstable);
  }

  /** Everything up to `index` is in the state; `bytes` of what was under way are done. */
  appliedTo(index: LogIndex, bytes: number): void {
    assert(index >= this.#applied, `applied goes back from ${this.#applied} to ${index}`);
    assert(index <= this.#commit, `applied ${index} overtakes commit ${this.#commit}`);
    this.#applied = index;
    if (this.#applying < index) this.#applying = index;
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.#applyingBytesMax;
  }

  /** Entries with `low` ≤ index < `high`, cut to `bytesMax` but at least one. All must be in the log;
   * those in the view must be at hand, which holds for everything not applied yet. */
  slice(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] {
    const entries = this.#slice(low, high, bytesMax);
    assert(entries !== "pending", `entry ${low} is not applied and must be at hand`);
    return entries;
  }

  #slice(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "pending" {
    assert(low > this.truncated.index, `entry ${low} is truncated`);
    assert(high <= this.lastIndex + 1, `entry ${high - 1} lies beyond the last`);
    if (low >= high) return [];
    const offset = this.unstable.offset;
    if (low >= offset) return limitBytes(this.unstable.slice(low, high), bytesMax);
    const cut = high < offset ? high : offset;
    const stored = this.#view.entries(low, cut, bytesMax);
    if (stored === "pending") return stored;
    if (high <= offset || stored.length < cut - low) return stored;
    const bytes = bytesOf(stored);
    if (bytes >= bytesMax) return stored;
    const tail = limitBytes(this.unstable.slice(offset, high), bytesMax - bytes);
    // The limit lets the first one through even when it does not fit; here it is not the first.
    if (tail.length === 1 && bytes + bytesOf(tail) > bytesMax) return stored;
    return stored.concat(tail);
  }

  /** Whether a change of membership is committed but not in effect: until then nobody may campaign, or two
   * majorities that do not meet could each elect a leader. */
  hasUnappliedConfChange(): boolean {
    let low = logIndex(this.#applied + 1);
    while (low <= this.#commit) {
      const page = this.slice(low, logIndex(this.#commit + 1), this.#applyingBytesMax);
      if (page.some((entry) => entry.type !== ENTRY_TYPE.NORMAL)) return true;
      low = logIndex(low + page.length);
    }
    return false;
  }

  checkInvariants(): void {
    // A snapshot that is being installed is ahead of what is applied until it is reported.
    assert(
      this.unstable.snapshot !== undefined || this.truncated.index <= this.#applied,
      "truncated ≤ applied",
    );
    assert(this.#applied <= this.#applying, "applied ≤ applying");
    assert(this.#applying <= this.#commit, "applying ≤ commit");
    assert(this.#commit <= this.lastIndex, "commit ≤ last");
    this.unstable.checkInvariants();
  }

  /** Position of the first of `entries` that is not in the log. */
  #firstNew(entries: readonly Entry[]): number {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      const existing = this.term(entry.index);
      if (existing === entry.term) continue;
      if (existing !== undefined) {
        this.#trace.event(this.#id, { kind: "conflictFound", conflicting: entry, existing });
        assert(entry.index > this.#commit, `entry ${entry.index} conflicts with a committed one`);
      }
      return i;
    }
    return entries.length;
  }

  #appliableIndex(allowUnstable: boolean): LogIndex {
    const offset = this.unstable.offset;
    return allowUnstable || this.#commit < offset ? this.#commit : logIndex(offset - 1);
  }
}

export function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

export function payloadBytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.payload.length;
  return bytes;
}

/** The longest prefix within `bytesMax`, but at least one entry. */
export function limitBytes(entries: readonly Entry[], bytesMax: number): readonly Entry[] {
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) {
    bytes += entryBytes(entries[i] as Entry);
    if (bytes > bytesMax) return entries.slice(0, Math.max(1, i));
  }
  return entries;
}

/** Index and term of nothing. */
export const NO_ENTRY: EntryId = { term: term(0), index: logIndex(0) };
