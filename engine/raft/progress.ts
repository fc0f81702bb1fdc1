import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";
import { logIndex } from "../core/ids.js";
import { Inflights } from "./inflights.js";
import type { NodeId, ProgressStatus } from "./types.js";

export const PROGRESS_STATE = { PROBE: 0, REPLICATE: 1, SNAPSHOT: 2 } as const;
export type ProgressState = (typeof PROGRESS_STATE)[keyof typeof PROGRESS_STATE];

export interface InflightLimits {
  readonly countMax: number;
  readonly bytesMax: number;
}

/** What a leader knows about one member, and how it sends to it:
 *
 *            ┌── acknowledged ──►┌───────────┐
 *      ┌─────┴─┐                 │ replicate │  pipelined: `next` runs ahead of what is acknowledged
 *      │ probe │◄── rejected ────└─────┬─────┘
 *      └─▲─────┘  one append at a time │ entries are gone
 *        │        ┌──────────┐         │
 *        └────────┤ snapshot │◄────────┘  nothing is sent
 *                 └──────────┘
 *
 * Invariant: 0 ≤ match < next (etcd-io/raft tracker/progress.go). */
export class Progress {
  readonly id: NodeId;
  /** Empty but in `replicate`; all of it lies above `match` and below `next`. */
  readonly inflights: Inflights;
  isLearner: boolean;
  /** Heard from since the last check of the quorum. */
  isRecentlyActive: boolean;
  #state: ProgressState = PROGRESS_STATE.PROBE;
  /** Never falls while the leader's term lasts. */
  #match = logIndex(0);
  /** Above `match`. In `replicate` it runs ahead of what is acknowledged. */
  #next: LogIndex;
  /** Highest commit index sent; in `snapshot` the snapshot's. */
  #sentCommit = logIndex(0);
  /** Not 0 only in `snapshot`. */
  #pendingSnapshot = logIndex(0);
  /** Until the next acknowledgement or heartbeat's answer. */
  #isFlowPaused = false;

  constructor(
    id: NodeId,
    options: {
      readonly next: LogIndex;
      readonly isLearner: boolean;
      readonly isRecentlyActive: boolean;
      readonly inflights: Inflights;
    },
  ) {
    assert(options.next > 0, "match < next");
    this.id = id;
    this.#next = options.next;
    this.isLearner = options.isLearner;
    this.isRecentlyActive = options.isRecentlyActive;
    this.inflights = options.inflights;
  }

  /** For a member that was just added. It counts as active, or the next check of the quorum could depose the
   * leader before the newcomer had a chance to answer. */
  static added(id: NodeId, isLearner: boolean, lastIndex: LogIndex, limits: InflightLimits): Progress {
    const next = lastIndex > 0 ? lastIndex : logIndex(1);
    return new Progress(id, { next, isLearner, isRecentlyActive: true, inflights: new Inflights(limits) });
  }

  /** A copy that shares the window of messages in flight, for a table that takes this one's place. */
  copy(): Progress {
    const copy = new Progress(this.id, {
      next: this.#next,
      isLearner: this.isLearner,
      isRecentlyActive: this.isRecentlyActive,
      inflights: this.inflights,
    });
    copy.#state = this.#state;
    copy.#match = this.#match;
    copy.#sentCommit = this.#sentCommit;
    copy.#pendingSnapshot = this.#pendingSnapshot;
    copy.#isFlowPaused = this.#isFlowPaused;
    return copy;
  }

  get state(): ProgressState {
    return this.#state;
  }

  /** Up to here its log is known to equal ours and to be durable. */
  get match(): LogIndex {
    return this.#match;
  }

  /** The next entry to send. */
  get next(): LogIndex {
    return this.#next;
  }

  /** The snapshot that was sent, in state `snapshot`, else 0. */
  get pendingSnapshot(): LogIndex {
    return this.#pendingSnapshot;
  }

  /** Nothing is sent now: a probe is under way, the window is full, or a snapshot is being installed. */
  get isPaused(): boolean {
    return this.#state === PROGRESS_STATE.SNAPSHOT || this.#isFlowPaused;
  }

  becomeProbe(): void {
    // After a snapshot that arrived, what follows it is tried first.
    const afterSnapshot = this.#state === PROGRESS_STATE.SNAPSHOT ? this.#pendingSnapshot + 1 : 0;
    this.#enter(PROGRESS_STATE.PROBE);
    this.#next = logIndex(Math.max(this.#match + 1, afterSnapshot));
    this.#lowerSentCommit();
  }

  becomeReplicate(): void {
    this.#enter(PROGRESS_STATE.REPLICATE);
    this.#next = logIndex(this.#match + 1);
  }

  becomeSnapshot(index: LogIndex): void {
    this.#enter(PROGRESS_STATE.SNAPSHOT);
    this.#pendingSnapshot = index;
    this.#next = logIndex(index + 1);
    this.#sentCommit = index;
  }

  /** The snapshot that was sent did not arrive: probing starts from what is known to be there. */
  forgetSnapshot(): void {
    this.#pendingSnapshot = logIndex(0);
  }

  /** An append with `entryCount` entries from `next` on was sent; 0 for one that only tells the commit
   * index. */
  sentEntries(entryCount: number, bytes: number): void {
    assert(this.#state !== PROGRESS_STATE.SNAPSHOT, "no appends during a snapshot");
    if (this.#state === PROGRESS_STATE.PROBE) {
      if (entryCount > 0) this.#isFlowPaused = true;
      return;
    }
    if (entryCount > 0) {
      this.#next = logIndex(this.#next + entryCount);
      this.inflights.add(logIndex(this.#next - 1), bytes);
    }
    // One that fills the window is the last for now, and an empty one with a full window is a probe.
    this.#isFlowPaused = this.inflights.isFull;
  }

  sentCommit(commit: LogIndex): void {
    this.#sentCommit = commit;
  }

  /** Whether telling `commit` can move the member's commit index: it cannot go beyond `next` − 1. */
  canRaiseCommit(commit: LogIndex): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.#next - 1;
  }

  /** A heartbeat was answered: one more append may be sent, in case those in flight were lost. */
  resumeFlow(): void {
    this.#isFlowPaused = false;
  }

  /** Waits for a heartbeat's answer before the next append. */
  pauseFlow(): void {
    this.#isFlowPaused = true;
  }

  /** The member has everything up to `index`; false when that is no news. */
  acknowledged(index: LogIndex): boolean {
    if (index <= this.#match) return false;
    this.#match = index;
    if (this.#next <= index) this.#next = logIndex(index + 1);
    this.#isFlowPaused = false;
    return true;
  }

  /** The member has no entry of ours at `rejected`; `hint` is where its log may match. False when that is
   * an old answer: messages may be repeated and overtake each other. */
  rejected(rejected: LogIndex, hint: LogIndex): boolean {
    if (this.#state === PROGRESS_STATE.REPLICATE) {
      if (rejected <= this.#match) return false;
      this.#next = logIndex(this.#match + 1);
      this.#lowerSentCommit();
      return true;
    }
    // In a probe only the entry before `next` was asked for.
    if (this.#next - 1 !== rejected) return false;
    this.#next = logIndex(Math.max(Math.min(rejected, hint + 1), this.#match + 1));
    this.#lowerSentCommit();
    this.#isFlowPaused = false;
    return true;
  }

  status(): ProgressStatus {
    return {
      id: this.id,
      state: this.#state,
      match: this.#match,
      next: this.#next,
      isLearner: this.isLearner,
      isRecentlyActive: this.isRecentlyActive,
      isPaused: this.isPaused,
      pendingSnapshot: this.#pendingSnapshot,
      inflightCount: this.inflights.count,
      isInflightFull: this.inflights.isFull,
    };
  }

  checkInvariants(): void {
    assert(this.#match < this.#next, "match < next");
    const isSnapshot = this.#state === PROGRESS_STATE.SNAPSHOT;
    assert(isSnapshot || this.#pendingSnapshot === 0, "a pending snapshot only in its state");
    assert(
      this.#state === PROGRESS_STATE.REPLICATE || this.inflights.count === 0,
      "a window only to replicate",
    );
    this.inflights.checkInvariants(this.#match, this.#next);
  }

  #enter(state: ProgressState): void {
    this.#state = state;
    this.#isFlowPaused = false;
    this.#pendingSnapshot = logIndex(0);
    this.inflights.clear();
  }

  /** What was sent beyond `next` − 1 may be lost. */
  #lowerSentCommit(): void {
    if (this.#sentCommit > this.#next - 1) this.#sentCommit = logIndex(this.#next - 1);
  }
}

/** Of a member in a table sorted by id. */
export function progressOf(table: readonly Progress[], id: NodeId): Progress | undefined {
  for (const progress of table) if (progress.id === id) return progress;
  return undefined;
}
