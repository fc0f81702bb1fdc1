import type { ReloadTarget, StateMachine } from "../cluster/state-machine.js";
import type { ChainCallback } from "../consensus/append-pipeline.js";
import type { SnapshotSender } from "../consensus/snapshots.js";
import type { Clock } from "../core/clock.js";
import type { StrataError } from "../core/errors.js";
import type { LogIndex } from "../core/ids.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Snap } from "../raft/message.js";
import type { NodeId, Snapshot } from "../raft/types.js";
import { OpenSnapshots } from "./open-snapshots.js";
import { OutgoingSnapshot } from "./outgoing-snapshot.js";
import type { SnapshotDialer } from "./snapshot-link.js";
import type { SnapshotStore } from "./snapshot-store.js";

/** A member that has its snapshot still has to install it and to be sent what follows, which may be more than
 * the log keeps otherwise: it is kept this long from where the member has got to, or another snapshot would
 * begin. */
const CATCH_UP_MS_MAX = 60_000;

export interface StreamingSenderParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Main's end of the state thread. */
  readonly store: SnapshotStore;
  readonly machine: Pick<ReloadTarget & StateMachine, "headKey" | "readHead" | "confState">;
  readonly dialer: SnapshotDialer;
  /** `AppendPipeline.chainAt`. */
  chainAt(index: LogIndex, onChain: ChainCallback): void;
  /** The log begins after it. */
  truncatedIndex(): LogIndex;
  /** There is a snapshot now: the core may try again. */
  onOpened(): void;
  /** A snapshot could not be opened or read here. */
  onFailed(error: StrataError): void;
}

/** Sends members the state as of the last flush, which the state thread holds open meanwhile (raft.md §9). */
export class StreamingSender implements SnapshotSender {
  readonly #parts: StreamingSenderParts;
  readonly #open: OpenSnapshots;
  readonly #outgoing = new Map<NodeId, OutgoingSnapshot>();
  /** Delivered not long ago. */
  readonly #delivered = new Map<NodeId, { readonly index: LogIndex; readonly untilMs: number }>();

  constructor(parts: StreamingSenderParts) {
    this.#parts = parts;
    this.#open = new OpenSnapshots(parts);
  }

  neededIndex(matchOf: (member: NodeId) => LogIndex | undefined): LogIndex | undefined {
    let needed: LogIndex | undefined;
    const need = (index: LogIndex): void => {
      if (needed === undefined || index < needed) needed = index;
    };
    for (const { snapshot } of this.#outgoing.values()) need(snapshot.head.index);
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [member, { index, untilMs }] of this.#delivered) {
      if (untilMs > nowMs) need(laterOf(index, matchOf(member)));
      else this.#delivered.delete(member);
    }
    return needed;
  }

  snapshot(): Snapshot | "pending" {
    const snapshot = this.#open.usable();
    if (snapshot === undefined) {
      this.#open.open();
      return "pending";
    }
    const { index, term, confState } = snapshot.head;
    return { id: { index, term }, confState, payload: NO_PAYLOAD };
  }

  send(message: Snap, onEnd: (isDelivered: boolean) => void): void {
    const { to } = message;
    this.#cancel(to);
    const snapshot = this.#open.retain(message.snapshot.id);
    if (snapshot === undefined) {
      this.#parts.scheduler.endOfTurn(() => onEnd(false));
      return;
    }
    const { clock, scheduler, store, dialer } = this.#parts;
    const outgoing = new OutgoingSnapshot(
      {
        clock,
        scheduler,
        store,
        dialer,
        onEnd: (isDelivered, error) => {
          this.#outgoing.delete(to);
          if (isDelivered) this.#noteDelivered(to, snapshot.head.index);
          if (error !== undefined) {
            this.#open.drop(snapshot);
            this.#parts.onFailed(error);
          }
          this.#open.release(snapshot);
          onEnd(isDelivered);
        },
      },
      snapshot,
      message,
    );
    this.#outgoing.set(to, outgoing);
  }

  cancelAll(): void {
    for (const member of [...this.#outgoing.keys()]) this.#cancel(member);
    this.#delivered.clear();
  }

  stop(): void {
    this.cancelAll();
    this.#open.stop();
  }

  #cancel(member: NodeId): void {
    const outgoing = this.#outgoing.get(member);
    if (outgoing === undefined) return;
    this.#outgoing.delete(member);
    outgoing.cancel();
    this.#open.release(outgoing.snapshot);
  }

  #noteDelivered(member: NodeId, index: LogIndex): void {
    const untilMs = this.#parts.clock.monotonicMs() + CATCH_UP_MS_MAX;
    this.#delivered.set(member, { index, untilMs });
  }
}

const NO_PAYLOAD = new Uint8Array(0);

function laterOf(index: LogIndex, other: LogIndex | undefined): LogIndex {
  return other !== undefined && other > index ? other : index;
}
