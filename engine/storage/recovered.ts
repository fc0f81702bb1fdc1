import type { LogIndex, Term } from "../core/ids.js";
import type { Uuid } from "../core/uuid.js";
import type { ConfState, Entry, HardState, NodeId } from "../raft/types.js";

/** A place in the log with what proves that two logs agree up to it. */
export interface LogPoint {
  readonly index: LogIndex;
  readonly term: Term;
  /** Running checksum over all entries up to here (raft.md §11); 0 at index 0. */
  readonly chain: number;
}

/** Whose directories these are. The same in the log store, in the state store and in VERSION. */
export interface StorageIdentity {
  /** As given or made by `--init`: `CID-<uuid>`, or a bare UUID. */
  readonly clusterId: string;
  readonly scmId: Uuid;
  /** This SCM's number in the Raft group. */
  readonly nodeId: NodeId;
}

/** From where ids and terms of this cluster start, fixed by `--init` (architecture §6). */
export interface Floors {
  /** The sequence `localId` starts above this: the floor that was given, else 1 January of the next year
   * (spec 07 §12.4). Proposed once, by the first leader. */
  readonly localIdFloor: bigint;
  /** Terms start above this; 0 when none was given. The hard state began with it. */
  readonly termFloor: Term;
  /** True when both were given: then containers of an older cluster may be imported. */
  readonly given: boolean;
}

/** The log store's state between two opens; plain data, so that it can be handed to the log thread. */
export interface LogPosition {
  readonly epoch: number;
  /** Entries up to here are gone, and in the state store. */
  readonly truncated: LogPoint;
  readonly last: LogPoint;
  readonly hardState: HardState;
  readonly confState: ConfState;
  /** Name of the present state store, a directory within the state directory: another one after a snapshot
   * was installed. */
  readonly stateDirectory: string;
  /** Index of the first entry of each stored blob, ascending. */
  readonly blobFirstIndexes: Float64Array;
  /** The watermark as it is on disk. */
  readonly mark: MarkPosition;
}

export interface MarkPosition {
  readonly lastIndex: LogIndex;
  readonly sequence: number;
  readonly nextSlot: number;
}

/** Where each term begins: entries from `firstIndex` on have `term`, up to the next span. */
export interface TermSpan {
  readonly term: Term;
  readonly firstIndex: LogIndex;
}

/** What a start finds on disk, after the committed entries were applied to the state machine. */
export interface Recovered {
  readonly identity: StorageIdentity;
  /** SCM that founded the cluster and keeps its root certificate. */
  readonly primaryScmId: Uuid;
  readonly floors: Floors;
  /** `commit` is at least the state machine's applied index, which it equals now. */
  readonly hardState: HardState;
  /** Membership as of `hardState.commit`. */
  readonly confState: ConfState;
  readonly truncated: LogPoint;
  readonly last: LogPoint;
  /** Terms of the stored entries, ascending; empty when there are none. */
  readonly terms: readonly TermSpan[];
  /** Entries after `hardState.commit`: durable, not yet known to be committed. */
  readonly tail: readonly Entry[];
  /** For the log thread. */
  readonly log: LogPosition;
  /** The state store, for the state thread. */
  readonly statePath: string;
}

/** Where recovery stands: reading the log, loading rows of the state, applying entries. */
export interface RecoveryStep {
  readonly name: "log" | "state" | "replay";
  /** Entries, rows, entries so far. */
  readonly count: number;
  /** True in the last call of each step. */
  readonly isDone: boolean;
}

/** Awaited many times within each step: the place to report progress and to let the event loop turn. */
export type OnRecoveryStep = (step: RecoveryStep) => Promise<void> | void;
