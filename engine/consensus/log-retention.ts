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

/** Truncating costs two synced writes, so the log is cut by pieces of at least this share of its limits. */
const PIECES = 16;

interface Mark {
  /** Bytes appended before this entry. */
  readonly index: LogIndex;
  readonly bytes: number;
}

/** Says up to where the log is not needed any more. What stood in it at start counts by its entries only. */
export class LogRetention {
  readonly #limits: LogRetentionLimits;
  #bytes = 0;
  /** Ascending, a piece of bytes apart. */
  #marks: Mark[] = [];

  constructor(limits: LogRetentionLimits) {
    assert(limits.logEntryCountMax >= PIECES, "the log keeps some entries");
    assert(limits.logBytesMax >= PIECES, "the log keeps some bytes");
    this.#limits = limits;
  }

  /** `entries` were appended. */
  onAppended(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const lastMark = this.#marks.at(-1);
      if (lastMark === undefined || this.#bytes - lastMark.bytes >= this.#limits.logBytesMax / PIECES) {
        this.#marks.push({ index: entry.index, bytes: this.#bytes });
      }
      this.#bytes += entryBytes(entry);
    }
  }

  /** Entries up to here may go, when the state store holds them durably; `truncated` when it is not worth
   * it yet. */
  droppableIndex(truncated: LogIndex, last: LogIndex): LogIndex {
    let droppable: number = truncated;
    const byCount = last - this.#limits.logEntryCountMax;
    if (byCount - truncated >= this.#limits.logEntryCountMax / PIECES) droppable = byCount;
    for (const mark of this.#marks) {
      if (this.#bytes - mark.bytes < this.#limits.logBytesMax) break;
      droppable = Math.max(droppable, mark.index - 1);
    }
    return logIndex(droppable);
  }

  onTruncated(index: LogIndex): void {
    this.#marks = this.#marks.filter((mark) => mark.index > index);
  }
}
