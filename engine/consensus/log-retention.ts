import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";
import { logIndex } from "../core/ids.js";
import type { Entry } from "../raft/types.js";
import { entryBytes } from "../raft/types.js";

export interface LogRetentionLimits {
  /** Entries kept once they are in the state store: for members that lag behind. */
  readonly logEntryCountMax: number;
  /** Bytes kept, for the same reason; a start reads and checks them all. */
  readonly logBytesMax: number;
}

/** For whom the log is kept besides this member's own start. */
export interface LogReaders {
  /** Up to here the slowest of the other members that are alive has the log; undefined when there are none,
   * or this one does not lead. */
  readonly slowestMatch: LogIndex | undefined;
  /** What follows this index is needed, because a member is being filled with a snapshot up to it, or goes on
   * from one; undefined when none does. */
  readonly neededIndex: LogIndex | undefined;
}

const NO_READERS: LogReaders = { slowestMatch: undefined, neededIndex: undefined };

/** Truncating costs two synced writes, so the log is cut by pieces of at least this share of its limits. */
const PIECES = 16;
/** This share of the limits is kept even when all members that are alive have it: one that is started anew
 * takes seconds, and would else need a snapshot for a few entries. */
const RESERVE_SHARE = 1 / 4;

interface Mark {
  /** Bytes appended before this entry. */
  readonly index: LogIndex;
  readonly bytes: number;
}

/** Says up to where the log is not needed any more (architecture.md §3): what all live members have may go
 * but for a reserve, what is beyond the limits goes in any case, since whoever lacks it gets a snapshot;
 * unless it is to follow a snapshot that is under way. What stood in the log at start counts by its entries
 * only. */
export class LogRetention {
  readonly #limits: LogRetentionLimits;
  readonly #pieceCount: number;
  readonly #pieceBytes: number;
  #bytes = 0;
  /** Ascending, a piece of bytes apart. */
  #marks: Mark[] = [];

  constructor(limits: LogRetentionLimits) {
    assert(limits.logEntryCountMax >= PIECES, "the log keeps some entries");
    assert(limits.logBytesMax >= PIECES, "the log keeps some bytes");
    this.#limits = limits;
    this.#pieceCount = limits.logEntryCountMax / PIECES;
    this.#pieceBytes = limits.logBytesMax / PIECES;
  }

  /** `entries` were appended; what stood at their indexes and after is replaced. */
  onAppended(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    for (let last = this.#marks.at(-1); last !== undefined; last = this.#marks.at(-1)) {
      if (last.index < first.index) break;
      // Less than a piece of what is replaced stays counted.
      this.#marks.pop();
      this.#bytes = last.bytes;
    }
    for (const entry of entries) {
      const lastMark = this.#marks.at(-1);
      if (lastMark === undefined || this.#bytes - lastMark.bytes >= this.#pieceBytes) {
        this.#marks.push({ index: entry.index, bytes: this.#bytes });
      }
      this.#bytes += entryBytes(entry);
    }
  }

  /** Entries up to here may go, when the state store holds them durably; `truncated` when it is not worth
   * it yet. */
  droppableIndex(truncated: LogIndex, last: LogIndex, readers: LogReaders = NO_READERS): LogIndex {
    const { slowestMatch = 0, neededIndex = last } = readers;
    const beyondReserve = Math.min(slowestMatch, this.#indexBeyond(last, RESERVE_SHARE));
    const droppable = Math.min(neededIndex, Math.max(beyondReserve, this.#indexBeyond(last, 1)));
    return this.#inPieces(truncated, droppable);
  }

  onTruncated(index: LogIndex): void {
    this.#marks = this.#marks.filter((mark) => mark.index > index);
  }

  /** What is before this index and at it exceeds `share` of the limits. */
  #indexBeyond(last: LogIndex, share: number): number {
    let index = Math.max(0, last - this.#limits.logEntryCountMax * share);
    for (const mark of this.#marks) {
      if (this.#bytes - mark.bytes < this.#limits.logBytesMax * share) break;
      index = Math.max(index, mark.index - 1);
    }
    return Math.floor(index);
  }

  /** The last end of a piece up to `droppable`. */
  #inPieces(truncated: LogIndex, droppable: number): LogIndex {
    if (droppable - truncated >= this.#pieceCount) return logIndex(droppable);
    let end: number = truncated;
    for (const { index } of this.#marks) {
      if (index - 1 > droppable) break;
      end = Math.max(end, index - 1);
    }
    return logIndex(end);
  }
}
