import type { LogIndex, Term } from "../../../engine/core/ids.js";
import { limitBytes } from "../../../engine/raft/log.js";
import type { Entry, EntryId, LogView, Snapshot } from "../../../engine/raft/types.js";
import type { ChainedLog } from "./chained-log.js";

export interface ReplicaLogParts {
  readonly log: ChainedLog;
  /** Whether entries from `low` on must be fetched first; then that was begun. */
  fetches(low: LogIndex, high: LogIndex): boolean;
  /** State for a member that needs truncated entries. */
  snapshot(): Snapshot | "pending";
}

/** The log as a replica's main thread keeps it: everything that was handed out for writing. */
export class ReplicaLog implements LogView {
  readonly #parts: ReplicaLogParts;
  readonly #log: ChainedLog;

  constructor(parts: ReplicaLogParts) {
    this.#parts = parts;
    this.#log = parts.log;
  }

  get truncated(): EntryId {
    return this.#log.truncated;
  }

  get lastIndex(): LogIndex {
    return this.#log.lastIndex;
  }

  term(index: LogIndex): Term {
    return this.#log.term(index);
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "pending" {
    if (this.#parts.fetches(low, high)) return "pending";
    return limitBytes(this.#log.slice(low, high), bytesMax);
  }

  snapshot(): Snapshot | "pending" {
    return this.#parts.snapshot();
  }
}
