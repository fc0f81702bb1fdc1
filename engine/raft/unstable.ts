import { assert } from "../core/assert.js";
import { Fifo } from "../core/fifo.js";
import type { LogIndex, Term } from "../core/ids.js";
import { logIndex, term } from "../core/ids.js";
import type { RaftTrace } from "./trace.js";
import type { Entry, EntryId, NodeId, Snapshot } from "./types.js";

/** The tail of the log that is not known to be durable, and a snapshot that is being installed.
 *
 *   LogView … │ in progress: handed out for writing │ next: not handed out yet
 *             offset                                offsetInProgress         offset + count
 *
 * Invariant: offset ≤ offsetInProgress ≤ offset + count. The view may reach beyond `offset`: then the
 * next write replaces what stands there (etcd-io/raft log_unstable.go). */
export class Unstable {
  readonly #id: NodeId;
  readonly #trace: RaftTrace;
  readonly #entries = new Fifo<Entry>();
  /** Index of the first entry of the tail. */
  #offset: number;
  /** Index of the first entry that was not handed out. */
  #offsetInProgress: number;
  /** Ends right before `offset` until entries after it become durable. */
  #snapshot: Snapshot | undefined;
  /** Handed out; never without a snapshot. */
  #snapshotInProgress = false;

  /** `offset` is the index after the view's last. */
  constructor(offset: LogIndex, id: NodeId, trace: RaftTrace) {
    this.#offset = offset;
    this.#offsetInProgress = offset;
    this.#id = id;
    this.#trace = trace;
  }

  get offset(): LogIndex {
    return logIndex(this.#offset);
  }

  get offsetInProgress(): LogIndex {
    return logIndex(this.#offsetInProgress);
  }

  get entryCount(): number {
    return this.#entries.length;
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Undefined when neither entries nor a snapshot say where the log ends. */
  lastIndex(): LogIndex | undefined {
    if (this.#entries.length > 0) return logIndex(this.#offset + this.#entries.length - 1);
    return this.#snapshot?.id.index;
  }

  /** Term at `index`, undefined when the tail does not know it. */
  term(index: LogIndex): Term | undefined {
    if (index < this.#offset) return this.#snapshot?.id.index === index ? this.#snapshot.id.term : undefined;
    return this.#entries.at(index - this.#offset)?.term;
  }

  hasNextEntries(): boolean {
    return this.#offset + this.#entries.length > this.#offsetInProgress;
  }

  /** Entries that were not handed out for writing yet. */
  nextEntries(): readonly Entry[] {
    return this.#entries.slice(this.#offsetInProgress - this.#offset, this.#entries.length);
  }

  /** The snapshot, when it was not handed out yet. */
  nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.#snapshot;
  }

  /** All there is has been handed out for writing. */
  acceptInProgress(): void {
    this.#offsetInProgress = this.#offset + this.#entries.length;
    if (this.#snapshot !== undefined) this.#snapshotInProgress = true;
  }

  /** Everything up to `attested` is durable and no write under way can replace it: the view serves it from
   * now on. When another entry stands at the index now, a later write is still to come and nothing is
   * dropped. */
  stableTo(attested: EntryId): void {
    const found = this.term(attested.index);
    if (found === undefined || attested.index < this.#offset || found !== attested.term) {
      const reason =
        found === undefined ? "missing" : attested.index < this.#offset ? "matchedSnapshot" : "mismatch";
      this.#trace.event(this.#id, { kind: "stableIgnored", reason, attested, found: found ?? term(0) });
      return;
    }
    this.#entries.drop(attested.index + 1 - this.#offset);
    this.#offset = attested.index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset);
  }

  stableSnapshotTo(index: LogIndex): void {
    if (this.#snapshot?.id.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** The log begins anew after `snapshot`. */
  restore(snapshot: Snapshot): void {
    this.#offset = snapshot.id.index + 1;
    this.#offsetInProgress = this.#offset;
    this.#entries.clear();
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Appends `entries` (not empty, indexes in a row), replacing what stands at their indexes and after
   * them. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0];
    assert(first !== undefined, "nothing to append");
    const from = first.index;
    const end = this.#offset + this.#entries.length;
    assert(from <= end, `append at ${from} leaves a gap after ${end - 1}`);
    if (from <= this.#offset && from < end) {
      this.#trace.event(this.#id, { kind: "unstableReplaced", from });
      this.#entries.clear();
      this.#offset = from;
      this.#offsetInProgress = from;
    } else if (from < end) {
      this.#trace.event(this.#id, { kind: "unstableTruncated", from });
      this.#entries.truncate(from - this.#offset);
      this.#offsetInProgress = Math.min(this.#offsetInProgress, from);
    }
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Entries with `low` ≤ index < `high`; all must be here. */
  slice(low: LogIndex, high: LogIndex): readonly Entry[] {
    assert(low <= high, `slice from ${low} to ${high}`);
    assert(low >= this.#offset, `${low} lies before the tail at ${this.#offset}`);
    assert(high <= this.#offset + this.#entries.length, `${high} lies beyond the tail`);
    return this.#entries.slice(low - this.#offset, high - this.#offset);
  }

  checkInvariants(): void {
    assert(this.#offset <= this.#offsetInProgress, "offset ≤ offsetInProgress");
    assert(
      this.#offsetInProgress <= this.#offset + this.#entries.length,
      "no more in progress than there is",
    );
  }
}
