import type { ReloadTarget, StateHead, StateMachine } from "../cluster/state-machine.js";
import type { ChainCallback } from "../consensus/append-pipeline.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { LogIndex } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { EntryId, NodeId } from "../raft/types.js";
import { isSameMembers } from "./snapshot-payload.js";
import type { SnapshotStore } from "./snapshot-store.js";

/** A state that nobody is sent any more is held open this long: for a member whose connection was lost, and
 * for the next one that needs it. What is held open keeps space on the disk. */
const KEEP_MS = 60_000;
/** The log may be truncated between the look at the state and the look at the log. */
const OPEN_ATTEMPTS_MAX = 3;

/** Where a chunk ended. */
export interface ChunkEnd {
  readonly lastKey: Uint8Array;
  /** Of all rows up to there. */
  readonly rowCount: number;
  readonly total: number;
}

/** A state that the state thread holds open. */
export interface OpenSnapshot {
  readonly reader: number;
  readonly head: StateHead;
  /** Chain value of the log at the last entry that it holds. */
  readonly chain: number;
  /** Ends of the chunks that each member was sent. */
  readonly chunks: Map<NodeId, ChunkEnd[]>;
}

interface Held extends OpenSnapshot {
  userCount: number;
  usedMs: number;
}

export interface OpenSnapshotsParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly store: SnapshotStore;
  readonly machine: Pick<ReloadTarget & StateMachine, "headKey" | "readHead" | "confState">;
  chainAt(index: LogIndex, onChain: ChainCallback): void;
  truncatedIndex(): LogIndex;
  onOpened(): void;
  /** It cannot be opened: the disk. */
  onFailed(error: StrataError): void;
}

/** The states that are held open for sending. Members that need one at about the same time get the same. */
export class OpenSnapshots {
  readonly #parts: OpenSnapshotsParts;
  /** The last one is the newest. */
  #held: Held[] = [];
  #isOpening = false;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(parts: OpenSnapshotsParts) {
    this.#parts = parts;
  }

  /** The newest one, if it is of use to whoever needs one now. */
  usable(): OpenSnapshot | undefined {
    const newest = this.#held.at(-1);
    return newest !== undefined && this.#isUsable(newest.head) ? newest : undefined;
  }

  /** The log must go on from there. And a member that was added later is not in it: its core would pass by a
   * state of a group that it does not belong to, however often it is sent. */
  #isUsable({ index, confState }: StateHead): boolean {
    const { machine, truncatedIndex } = this.#parts;
    return index >= truncatedIndex() && isSameMembers(confState, machine.confState);
  }

  /** Opens another one; `onOpened` follows. */
  open(): void {
    if (this.#isOpening || this.#isStopped) return;
    this.#isOpening = true;
    this.#tryOpen(OPEN_ATTEMPTS_MAX);
  }

  /** It is being sent until it is released. */
  retain({ index, term }: EntryId): OpenSnapshot | undefined {
    const held = this.#held.findLast(({ head }) => head.index === index && head.term === term);
    if (held !== undefined) held.userCount++;
    return held;
  }

  release(snapshot: OpenSnapshot): void {
    const held = snapshot as Held;
    held.userCount--;
    held.usedMs = this.#parts.clock.monotonicMs();
    this.#closeUnused();
  }

  /** It cannot be read any more. */
  drop(snapshot: OpenSnapshot): void {
    if (!this.#held.includes(snapshot as Held)) return;
    this.#held = this.#held.filter((held) => held !== snapshot);
    this.#parts.store.close(snapshot.reader);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const { reader } of this.#held) this.#parts.store.close(reader);
    this.#held = [];
  }

  #tryOpen(attemptsLeft: number): void {
    const { store, machine } = this.#parts;
    const request = { source: "present", tables: "all", rowKey: machine.headKey } as const;
    const reader = store.open(request, (row) => {
      if (row instanceof StrataError) {
        this.#opened(undefined, row);
        return;
      }
      const head = row === undefined ? undefined : this.#headOf(row);
      if (head === undefined || head instanceof StrataError) {
        store.close(reader);
        this.#opened(undefined, head);
        return;
      }
      this.#parts.chainAt(head.index, (chain) => {
        if (chain !== undefined && !this.#isUsable(head)) {
          // The present membership is not flushed yet. The core asks again with the next heartbeat.
          store.close(reader);
          this.#opened(undefined);
          return;
        }
        if (chain !== undefined && !this.#isStopped) {
          this.#opened({ reader, head, chain, chunks: new Map(), userCount: 0, usedMs: 0 });
          return;
        }
        store.close(reader);
        if (attemptsLeft > 1 && !this.#isStopped) this.#tryOpen(attemptsLeft - 1);
        else this.#opened(undefined);
      });
    });
  }

  #headOf(row: Uint8Array): StateHead | StrataError {
    try {
      return this.#parts.machine.readHead(row);
    } catch (error) {
      if (error instanceof StrataError) return error;
      throw error;
    }
  }

  #opened(held: Held | undefined, error?: StrataError): void {
    this.#isOpening = false;
    if (error !== undefined) this.#parts.onFailed(error);
    if (held === undefined) return;
    held.usedMs = this.#parts.clock.monotonicMs();
    this.#held.push(held);
    this.#closeUnused();
    this.#parts.onOpened();
  }

  /** One that is neither in use nor the newest is closed at once, the newest after a while. */
  #closeUnused(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const newest = this.#held.at(-1);
    for (const held of [...this.#held]) {
      if (held.userCount === 0 && (held !== newest || nowMs - held.usedMs >= KEEP_MS)) this.drop(held);
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    if (newest === undefined || newest.userCount > 0 || this.#isStopped) return;
    const leftMs = Math.max(1, newest.usedMs + KEEP_MS - nowMs);
    if (this.#held.includes(newest))
      this.#timer = this.#parts.scheduler.after(leftMs, () => this.#closeUnused());
  }
}
