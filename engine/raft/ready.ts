import type { Message } from "./message.js";
import type { Entry, HardState, ReadState, Snapshot, SoftState } from "./types.js";

/** What the core wants done, in one piece. The arrays are the caller's to keep and never change.
 *
 * With storage written by others (`asyncStorageWrites`) `messages` holds all work: those to
 * LOCAL_APPEND_THREAD and LOCAL_APPLY_THREAD go to the two writers, each in order, the rest to the peers
 * at once.
 *
 * Otherwise the caller writes hardState, entries and snapshot (synced when `mustSync`), then sends
 * `messages`, applies `committedEntries`, and calls `advance` before the next `ready`. */
export interface Ready {
  /** Undefined when it has not changed; so are hardState and snapshot. */
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  readonly snapshot: Snapshot | undefined;
  readonly entries: readonly Entry[];
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Reads of this node that are confirmed, in the order of their requests. */
  readonly readStates: readonly ReadState[];
  /** Term, vote or entries are new; a commit index alone need not be synced. */
  readonly mustSync: boolean;
}
