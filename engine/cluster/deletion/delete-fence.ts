import { assert } from "../../core/assert.js";
import type { NodeSlot } from "../../core/ids.js";

/** From the decision for a command until no datanode starts it any more: the SCM's own deadline, twice what
 * the datanode is given (spec 04 §8.4). */
export const COMMAND_LIFETIME_MS = 12 * 60_000;

/** Keeps a new leader from deleting a replica while a delete of an earlier leader, of which it knows nothing,
 * may still take away another one of the same container (architecture, leader change).
 *
 * A datanode that has seen this term runs no command of an earlier one any more; when it then says that no
 * delete waits or runs, none is left. So a container's replicas may be deleted when each holder has done
 * both in this order, or when every delete of an earlier term is past its deadline.
 *
 * Pure: times are passed in, in ms of the monotonic clock. */
export class DeleteFence {
  readonly #lifetimeMs: number;
  readonly #clear = new Set<NodeSlot>();
  #term = 0;
  #openAtMs = Number.POSITIVE_INFINITY;

  constructor(lifetimeMs = COMMAND_LIFETIME_MS) {
    assert(lifetimeMs >= 0, "a command does not end before it began");
    this.#lifetimeMs = lifetimeMs;
  }

  /** This SCM leads in a new term, in which it has not sent a command yet. */
  startTerm(term: number, nowMs: number): void {
    assert(term > this.#term, `term ${term} begins after term ${this.#term}`);
    this.#term = term;
    this.#clear.clear();
    this.#openAtMs = nowMs + this.#lifetimeMs;
  }

  /** This SCM does not lead any more: it deletes nothing. */
  endTerm(): void {
    this.#clear.clear();
    this.#openAtMs = Number.POSITIVE_INFINITY;
  }

  /** A command-queue report. `termSeen`: the highest term that the datanode had seen when it wrote it,
   * undefined when it did not tell. `deleteCount`: deletes that waited or ran on it then. */
  reported(node: NodeSlot, termSeen: number | undefined, deleteCount: number): void {
    if (termSeen !== undefined && termSeen >= this.#term && deleteCount === 0) this.#clear.add(node);
  }

  /** The datanode registered: if it was started anew it has forgotten which terms it has seen. */
  registered(node: NodeSlot): void {
    this.#clear.delete(node);
  }

  /** Whether one of these datanodes may be told to delete its replica. `holders`: all that have one. */
  mayDelete(holders: Iterable<NodeSlot>, nowMs: number): boolean {
    if (this.#term === 0) return false;
    if (nowMs >= this.#openAtMs) return true;
    for (const holder of holders) if (!this.#clear.has(holder)) return false;
    return this.#openAtMs !== Number.POSITIVE_INFINITY;
  }
}
