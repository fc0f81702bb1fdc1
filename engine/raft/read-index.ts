import type { LogIndex } from "../core/ids.js";
import type { NodeId, ReadContext } from "./types.js";

/** A request to read, made by `from`, that must see everything up to `index`. */
export interface PendingRead {
  readonly from: NodeId;
  readonly context: ReadContext;
  readonly index: LogIndex;
}

/** Read requests of a leader that wait for a quorum to confirm that it still leads.
 *
 * Requests are numbered from 1. A heartbeat carries the number of the newest one, its answer confirms that
 * one and all before it: so an answer to an old heartbeat never confirms a younger read, however often
 * messages are repeated (etcd-io/raft#397). */
export class PendingReads {
  /** In the order of their numbers, which follow `confirmedCount`; their indexes never fall. */
  #waiting: PendingRead[] = [];
  /** Never falls. */
  #confirmedCount = 0;

  /** Number of the newest request that waits; 0 = none does. */
  get round(): number {
    return this.#waiting.length === 0 ? 0 : this.#confirmedCount + this.#waiting.length;
  }

  /** Number of the newest request of all. */
  get lastRound(): number {
    return this.#confirmedCount + this.#waiting.length;
  }

  add(read: PendingRead): void {
    this.#waiting.push(read);
  }

  /** A quorum confirmed requests up to number `round`; answers those that had waited for it, in order. */
  confirm(round: number): readonly PendingRead[] {
    if (round <= this.#confirmedCount) return [];
    const confirmed = this.#waiting.splice(0, round - this.#confirmedCount);
    this.#confirmedCount = round;
    return confirmed;
  }
}
