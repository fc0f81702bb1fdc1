import { isSnapshotRecord } from "../../workers/shared/snapshot-records.js";
import type { WorkerLink } from "../../workers/shared/worker-link.js";
import type { ReloadTarget, StateMachine } from "../cluster/state-machine.js";
import type { SnapshotHost, Snapshots } from "../consensus/snapshots.js";
import type { Clock } from "../core/clock.js";
import type { StrataError } from "../core/errors.js";
import type { Scheduler } from "../core/scheduler.js";
import type { EntryId, NodeId } from "../raft/types.js";
import type { SnapshotAcceptor, SnapshotDialer } from "./snapshot-link.js";
import { StoringReceiver } from "./snapshot-receiver.js";
import { StreamingSender } from "./snapshot-sender.js";
import { SnapshotStore } from "./snapshot-store.js";

export interface MemberSnapshotsParts {
  readonly nodeId: NodeId;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Link to the state thread; the host hears its records. */
  readonly state: WorkerLink;
  readonly machine: ReloadTarget & StateMachine;
  readonly dialer: SnapshotDialer;
  /** The container table is another one now: what the shards derived from it must be checked. */
  recheckContainers(): void;
  /** A snapshot cannot be read here to be sent. */
  onSendFailed(error: StrataError): void;
  /** A snapshot that `from` sent could not be taken in. */
  onRefused(from: NodeId, error: StrataError): void;
  /** One that `from` sent is of no use here. */
  onUnwanted(from: NodeId, id: EntryId): void;
  /** The state is damaged: the process must end. */
  onFatal(error: StrataError): void;
}

/** Snapshots of one SCM: those that it sends and those that it gets. */
export class MemberSnapshots implements Snapshots {
  readonly sender: StreamingSender;
  readonly receiver: StoringReceiver;
  readonly #store: SnapshotStore;

  constructor(host: SnapshotHost, parts: MemberSnapshotsParts) {
    const { clock, scheduler, machine, dialer, nodeId } = parts;
    const store = new SnapshotStore(parts.state, scheduler);
    this.#store = store;
    this.sender = new StreamingSender({
      clock,
      scheduler,
      store,
      machine,
      dialer,
      chainAt: (index, onChain) => host.chainAt(index, onChain),
      truncatedIndex: () => host.truncatedIndex(),
      onOpened: () => host.onOpened(),
      onFailed: (error) => parts.onSendFailed(error),
    });
    this.receiver = new StoringReceiver({
      nodeId,
      scheduler,
      store,
      machine,
      suspendFlushes: (onIdle) => host.suspendFlushes(onIdle),
      resumeFlushes: () => host.resumeFlushes(),
      recheckContainers: () => parts.recheckContainers(),
      onRefused: (from, error) => parts.onRefused(from, error),
      onUnwanted: (from, id) => parts.onUnwanted(from, id),
      onFatal: (error) => parts.onFatal(error),
    });
  }

  /** For the peers: a member has dialled. */
  readonly accept: SnapshotAcceptor = (connection) => this.receiver.accept(connection);

  onStateRecord(kind: number, offset: number): boolean {
    if (!isSnapshotRecord(kind)) return false;
    this.#store.onRecord(kind, offset);
    return true;
  }

  stop(): void {
    this.sender.stop();
    this.receiver.stop();
    // Last: the others tell the state thread what they do not need any more.
    this.#store.stop();
  }
}
