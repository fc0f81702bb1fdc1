import type { ChainCallback } from "../consensus/append-pipeline.js";
import type { SnapshotSender } from "../consensus/snapshots.js";
import { AssertionError } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import type { LogIndex } from "../core/ids.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Snap } from "../raft/message.js";
import type { Snapshot } from "../raft/types.js";
import type { SnapshotDialer } from "./snapshot-link.js";
import type { SnapshotStore } from "./snapshot-store.js";

export interface StreamingSenderParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Main's end of the state thread. */
  readonly store: SnapshotStore;
  readonly dialer: SnapshotDialer;
  /** `AppendPipeline.chainAt`. */
  chainAt(index: LogIndex, onChain: ChainCallback): void;
  /** The log begins after it. */
  truncatedIndex(): LogIndex;
  /** There is a snapshot now: the core may try again. */
  onOpened(): void;
}

export class StreamingSender implements SnapshotSender {
  readonly #parts: StreamingSenderParts;

  constructor(parts: StreamingSenderParts) {
    this.#parts = parts;
  }

  get neededIndex(): LogIndex | undefined {
    return undefined;
  }

  snapshot(): Snapshot | "pending" {
    return "pending";
  }

  send(message: Snap, _onEnd: (isDelivered: boolean) => void): void {
    throw new AssertionError(`no way to send ${message.kind} yet, log ${this.#parts.truncatedIndex()}`);
  }

  cancelAll(): void {}

  stop(): void {}
}
