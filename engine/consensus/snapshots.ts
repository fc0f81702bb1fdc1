import type { LogIndex } from "../core/ids.js";
import type { Snap } from "../raft/message.js";
import type { NodeId, Snapshot } from "../raft/types.js";
import type { ChainCallback } from "./append-pipeline.js";

/** The sending side of snapshots: what a member gets that needs entries which are truncated (raft.md §9). */
export interface SnapshotSender {
  /** For `LogView.snapshot`: the state as of the last flush, held open for reading. "pending" while it is
   * being opened; `onOpened` of the parts is called then, and the host lets the core try again. */
  snapshot(): Snapshot | "pending";
  /** The core wants `message.snapshot` delivered to `message.to`. Streams it, then the SNAP message itself,
   * and calls back exactly once. A second call for the same member replaces the first. */
  send(message: Snap, onEnd: (isDelivered: boolean) => void): void;
  /** The log must keep what follows this index, because a member is being filled up to it, or goes on from
   * there; undefined when none does. `matchOf`: up to where a member is known to have the log. */
  neededIndex(matchOf: (member: NodeId) => LogIndex | undefined): LogIndex | undefined;
  /** Gives up what is under way, for example when this SCM does not lead any more. */
  cancelAll(): void;
}

/** What snapshots need of their host. */
export interface SnapshotHost {
  /** Chain value of the log at `index`; see AppendPipeline. */
  chainAt(index: LogIndex, onChain: ChainCallback): void;
  /** The log begins after it. */
  truncatedIndex(): LogIndex;
  /** There is a snapshot now: the core may try again. */
  onOpened(): void;
  /** No flush may begin from now on; calls back when none is under way. */
  suspendFlushes(onIdle: () => void): void;
  resumeFlushes(): void;
}

/** Both sides, on one SCM. */
export interface Snapshots {
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  /** A record of the state thread; false when it is not about snapshots. */
  onStateRecord(kind: number, offset: number): boolean;
  /** Ends all that is under way; nobody is called back any more. */
  stop(): void;
}

/** A snapshot that has arrived: all rows are in a state store of its own, durably, and checked. */
export interface ArrivedSnapshot {
  readonly message: Snap;
  /** Chain value of the log at the snapshot's last entry (raft.md §11). */
  readonly chain: number;
  /** Name within the state directory. */
  readonly stateDirectory: string;
}

/** The receiving side. */
export interface SnapshotReceiver {
  /** Set by the host. It steps the message into the core, which may take the snapshot (then `Ready.snapshot`
   * names it and the host calls `install`) or not (then the host calls `discard`). */
  onArrived: (arrived: ArrivedSnapshot) => void;
  /** Goes over to the arrived snapshot: has the state machine's tables loaded anew from its store over
   * several turns, makes the state thread write there from now on, and calls back when both are done. The
   * log's own switch is a record in the log channel (`AppendPipeline.install`), which the host has written
   * before and whose answer it has. */
  install(arrived: ArrivedSnapshot, onInstalled: () => void): void;
  discard(arrived: ArrivedSnapshot): void;
  /** Members of whom a snapshot is arriving, for status pages. */
  readonly sources: readonly NodeId[];
}
