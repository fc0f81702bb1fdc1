import type { WorkerLink } from "../../workers/shared/worker-link.js";
import type { Operation } from "../cluster/operation.js";
import type { FlushSource, StateMachine, TailSource } from "../cluster/state-machine.js";
import type { Clock } from "../core/clock.js";
import type { Random } from "../core/random.js";
import type { Scheduler } from "../core/scheduler.js";
import type { RaftTrace } from "../raft/trace.js";
import type { Peers, PeersHandler } from "./peers.js";
import type { RecoveredLog } from "./recovered-log.js";
import type { SnapshotHost, Snapshots } from "./snapshots.js";

export interface RaftHostParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Links to the two storage threads. The host sets their handlers. */
  readonly log: WorkerLink;
  readonly state: WorkerLink;
  /** As recovery left it: everything up to `recovered.hardState.commit` is applied. */
  readonly stateMachine: StateMachine & FlushSource & TailSource;
  readonly recovered: RecoveredLog;
  readonly trace: RaftTrace;
  /** Connects to the other members; called once, by `start`. */
  peers(handler: PeersHandler): Peers;
  /** Since when the oldest thing has waited, outside of the two threads, that a disk must do before this node
   * can serve as a leader; undefined when nothing waits. */
  waitingSinceMs(): number | undefined;
  /** Called once, by the constructor. */
  snapshots(host: SnapshotHost): Snapshots;
  /** The operation that an empty state needs first, undefined when it has had it. Asked by each new leader
   * before it serves. */
  seed(): Operation | undefined;
}

export interface ProposalCounters {
  /** Operations given to `propose`. */
  proposed: number;
  /** Refused as OVERLOADED. */
  overloaded: number;
  /** Operations with an outcome from `apply`. */
  applied: number;
  /** Entries that were proposed. */
  entries: number;
  /** Turns in which proposals waited for the state to be written. */
  heldTurns: number;
}
