import type { Operation } from "../cluster/operation.js";
import type { ProposalCallback } from "../consensus/consensus.js";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";

/** How a container's operations ended: `unanswered` means that one of them found no room or no leader, and
 * may be tried again; `refused` that the state does not allow one of them (any more). */
export type ProposalEnd = "done" | "refused" | "unanswered";

/** Operations that this SCM proposes on its own account, one piece of work for each container at a time:
 * what else is decided meanwhile rests on a state that may be over. Kept for one term of office. */
export class ContainerProposals {
  /** Containers with a proposal under way at a time. */
  readonly limit: number;
  readonly #propose: (operation: Operation, onOutcome: ProposalCallback) => void;
  #underWay = new Set<number>();

  constructor(limit: number, propose: (operation: Operation, onOutcome: ProposalCallback) => void) {
    this.limit = limit;
    this.#propose = propose;
  }

  get count(): number {
    return this.#underWay.size;
  }

  get isFull(): boolean {
    return this.#underWay.size >= this.limit;
  }

  has(containerId: number): boolean {
    return this.#underWay.has(containerId);
  }

  /** Proposes all of them in this turn, so that they stand one behind the other in the log. */
  start(containerId: number, operations: readonly Operation[], onEnd: (end: ProposalEnd) => void): void {
    const underWay = this.#underWay;
    assert(!underWay.has(containerId), `container ${containerId} has a proposal under way`);
    underWay.add(containerId);
    let left = operations.length;
    let end: ProposalEnd = "done";
    for (const operation of operations) {
      this.#propose(operation, (outcome) => {
        if (outcome instanceof StrataError) end = "unanswered";
        else if (outcome.error !== 0 && end === "done") end = "refused";
        left--;
        if (left > 0) return;
        underWay.delete(containerId);
        // In a later term nobody waits for it.
        if (underWay === this.#underWay) onEnd(end);
      });
    }
  }

  /** The term is over. */
  forget(): void {
    this.#underWay = new Set();
  }
}
