import type { ReloadTarget, StateMachine } from "../cluster/state-machine.js";
import type { ArrivedSnapshot, SnapshotReceiver } from "../consensus/snapshots.js";
import { AssertionError } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import type { StrataError } from "../core/errors.js";
import type { Scheduler } from "../core/scheduler.js";
import type { NodeId } from "../raft/types.js";
import type { SnapshotConnection, SnapshotConnectionHandler } from "./snapshot-link.js";
import type { SnapshotStore } from "./snapshot-store.js";

export interface StoringReceiverParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Main's end of the state thread. */
  readonly store: SnapshotStore;
  readonly machine: ReloadTarget & StateMachine;
  /** `StateFlusher`: no flush may begin while tables are loaded; calls back when none is under way. */
  suspendFlushes(onIdle: () => void): void;
  resumeFlushes(): void;
  /** The container table is another one now: what the shards derived from it must be checked. */
  recheckContainers(): void;
  /** A snapshot could not be taken in: the disk, or what the sender sent. The sender knows, too. */
  onRefused(from: NodeId, error: StrataError): void;
  /** The state is damaged: the process must end. */
  onFatal(error: Error): void;
}

export class StoringReceiver implements SnapshotReceiver {
  readonly #parts: StoringReceiverParts;
  onArrived: (arrived: ArrivedSnapshot) => void = () => {};

  constructor(parts: StoringReceiverParts) {
    this.#parts = parts;
  }

  get sources(): readonly NodeId[] {
    return [];
  }

  /** A `SnapshotAcceptor`. */
  accept(_connection: SnapshotConnection): SnapshotConnectionHandler {
    throw new AssertionError("no way to take a snapshot yet");
  }

  install(_arrived: ArrivedSnapshot, onInstalled: () => void): void {
    this.#parts.suspendFlushes(onInstalled);
  }

  discard(_arrived: ArrivedSnapshot): void {}

  stop(): void {}
}
