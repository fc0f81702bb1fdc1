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
  /** Set once, by who makes decisions: something about the container was decided while its proposal was
   * under way, which ended so and may have changed nothing. */
  onMissed: (containerId: number, end: ProposalEnd) => void = () => undefined;
  /** Whether something was decided about the container meanwhile. */
  #underWay = new Map<number, boolean>();

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

  /** Whether a proposal is under way. What the caller has decided is dropped then, and decided anew when it
   * is over. */
  holdsBack(containerId: number): boolean {
    if (!this.#underWay.has(containerId)) return false;
    this.#underWay.set(containerId, true);
    return true;
  }

  /** Proposes all of them in this turn, so that they stand one behind the other in the log. */
  start(containerId: number, operations: readonly Operation[], onEnd: (end: ProposalEnd) => void): void {
    const underWay = this.#underWay;
    assert(!underWay.has(containerId), `container ${containerId} has a proposal under way`);
    underWay.set(containerId, false);
    let left = operations.length;
    let end: ProposalEnd = "done";
    for (const operation of operations) {
      this.#propose(operation, (outcome) => {
        if (outcome instanceof StrataError) end = "unanswered";
        else if (outcome.error !== 0 && end === "done") end = "refused";
        left--;
        if (left > 0) return;
        const hasMissed = underWay.get(containerId) === true;
        underWay.delete(containerId);
        // In a later term nobody waits for it.
        if (underWay !== this.#underWay) return;
        onEnd(end);
        if (hasMissed) this.onMissed(containerId, end);
      });
    }
  }

  /** The term is over. */
  forget(): void {
    this.#underWay = new Map();
  }
}
