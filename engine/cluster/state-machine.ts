import type { LogIndex, Term } from "../core/ids.js";
import type { ConfState } from "../raft/types.js";

/** Outcome of one operation. `error` is a wire number of the error table, 0 = done. `body` is the
 * operation's own encoding of its result (or of the error's details); immutable, since sessions keep it. */
export interface OperationResult {
  readonly error: number;
  readonly body: Uint8Array;
}

/** Called for each operation of an entry in order; `position` counts from 0. */
export type ResultSink = (position: number, result: OperationResult) => void;

/** What consensus drives: a pure function of state and entries. */
export interface StateMachine {
  /** Applies one committed entry's payload (a turn's batch of operations). Deterministic: depends on
   * nothing but the state and the payload. `index` is exactly one above the previous one; an empty payload
   * only moves the index. */
  apply(index: LogIndex, term: Term, payload: Uint8Array, onResult: ResultSink | undefined): void;
  /** Applies a committed change of membership, which the consensus core has turned into `confState`;
   * `context` is what the proposer gave along (`ConfChange.context`). The index moves as in `apply`. */
  applyConfChange(index: LogIndex, term: Term, confState: ConfState, context: Uint8Array): void;
  readonly appliedIndex: LogIndex;
  readonly appliedTerm: Term;
  /** Membership as of `appliedIndex`: what a restarted core and a snapshot begin with (raft.md §11). */
  readonly confState: ConfState;
  /** Throws CorruptionError INVARIANT_BROKEN. O(n). */
  checkInvariants(): void;
  /** Hash over all replicated state, 16 hex digits, kept incrementally: O(1). */
  hash(): string;
}

/** Where a flush goes: the state thread's channel. Each call copies the bytes out before it returns, and
 * answers false when there is no room now; the same item is then offered again later. */
export interface FlushSink {
  put(table: number, key: Uint8Array, value: Uint8Array): boolean;
  delete(table: number, key: Uint8Array): boolean;
  /** Deletes all rows of a disk-resident table before `key`, at any time after the flush is committed: nobody
   * reads there any more. */
  deleteBelow(table: number, key: Uint8Array): boolean;
}

/** Pages and rows that differ from the disk. One flush at a time: `freeze` → `drain` until true → (state
 * thread commits) → `flushed` → `freeze` … Between `freeze` and the end of `drain`, `apply` copies a frozen
 * page or row before it changes it, so that the flush shows the state as of `freeze`. */
export interface FlushSource {
  /** Bytes that wait to be flushed, frozen or not. */
  dirtyBytes(): number;
  /** Freezes all that is dirty now; returns the number of items. The meta row (applied index and term,
   * hash, time, counters) is always the last of them. */
  freeze(): number;
  /** Hands frozen items to `sink` until about `bytesMax` were taken or it has no room. True when none is
   * left. */
  drain(sink: FlushSink, bytesMax: number): boolean;
  /** What was drained is committed. */
  flushed(): void;
}

/** A row of a disk-resident table, or with `null` that it was deleted. Bytes are never changed. */
export interface TailRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** What a scan must lay over the rows on disk: all changes of its range that may not be there, by ascending
 * key. */
export interface Tail {
  readonly rows: readonly TailRow[];
  /** Rows before this key are gone, whatever the disk holds: the scan begins here. */
  readonly from: Uint8Array;
  /** There are no more changes in the range than `rows`. Else nothing is known beyond the last of them. */
  readonly isComplete: boolean;
}

/** Disk-resident tables as far as they are in memory. */
export interface TailSource {
  /** Its tables are being loaded anew from a snapshot: nothing may be read. */
  readonly isReloading: boolean;
  /** Changes to rows with `from` ≤ key < `to` since the last flush that is known to be committed, enough of
   * them for a page of `rowCountMax` rows. Without `to` up to the end of the table. */
  tail(table: number, from: Uint8Array, to: Uint8Array | undefined, rowCountMax: number): Tail;
}

/** How rows come back at boot, in key order. `table` and `key` are as given to FlushSink. */
export interface LoadTarget {
  /** `value` is only valid during the call. Throws CorruptionError STATE_CORRUPT. */
  load(table: number, key: Uint8Array, value: Uint8Array): void;
  /** After the last row: rebuilds indexes, checks the meta row. Without any row the state is that of index
   * 0, and the members are `firstMembers`. */
  loaded(firstMembers: ConfState): void;
}

/** What the rows of a state say of it as a whole. */
export interface StateHead {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
  readonly hash: string;
}

/** A LoadTarget that can begin anew, when a snapshot takes the place of what it holds. */
export interface ReloadTarget extends LoadTarget {
  /** Key, with its table, of the row from whose value `readHead` reads. */
  readonly headKey: Uint8Array;
  /** Throws CorruptionError STATE_CORRUPT, StorageError STORAGE_FORMAT. */
  readHead(value: Uint8Array): StateHead;
  /** Empties every table in place; whoever listens to them stays. Until `loaded` nothing is applied, flushed
   * or read. Memory that others look at is cleared by `clearStep`. */
  beginReload(): void;
  /** Goes on with clearing; true when all is clear. Then come `load` … `loaded`. */
  clearStep(): boolean;
}
