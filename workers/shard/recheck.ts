import { STRIPE_ROWS } from "../shared/container-layout.js";
import type { DecisionSender } from "./decision-sender.js";
import type { ReplicaKeeper } from "./replica-keeper.js";
import type { ShardCounters } from "./shard-counters.js";
import type { SideReplicas } from "./side-replicas.js";
import { replicaCount } from "./stripe.js";
import type { StripeDirectory } from "./stripe-directory.js";

/** Containers looked at in one step: about a millisecond. */
const STEP_ROWS = 8192;

export interface RecheckParts {
  readonly stripes: StripeDirectory;
  readonly keeper: ReplicaKeeper;
  readonly side: SideReplicas;
  readonly decisions: DecisionSender;
  readonly counters: ShardCounters;
}

/** Looks at every container with replicas anew, in steps between the records: after the container table was
 * replaced, when this SCM becomes leader, and after decisions were dropped for want of room. It stops where
 * the channel to main is full, and goes on there. */
export class Recheck {
  readonly #parts: RecheckParts;
  /** Next row, counted over all stripes in order of arrival. */
  #nextRow = Number.POSITIVE_INFINITY;
  /** Next entry of the side table. */
  #sideNode = Number.POSITIVE_INFINITY;
  #sideIndex = 0;

  constructor(parts: RecheckParts) {
    this.#parts = parts;
  }

  begin(): void {
    this.#nextRow = 0;
    this.#sideNode = 0;
    this.#sideIndex = 0;
    this.#endWhenDone();
  }

  /** False when there was nothing to do. */
  step(): boolean {
    const { decisions } = this.#parts;
    // One that is under way gets to its end first: else it might never.
    if (!this.#isUnderWay && decisions.takeRecheckDue()) this.begin();
    if (!this.#isUnderWay || !decisions.hasRoom) return false;
    if (this.#nextRow < this.#rowsEnd) this.#lookAtRows();
    else this.#lookAtSide();
    this.#endWhenDone();
    return true;
  }

  /** What comes into the tables later is looked at when it comes. */
  #endWhenDone(): void {
    if (this.#isUnderWay) return;
    this.#nextRow = Number.POSITIVE_INFINITY;
    this.#sideNode = Number.POSITIVE_INFINITY;
  }

  get #rowsEnd(): number {
    return this.#parts.stripes.count * STRIPE_ROWS;
  }

  get #isUnderWay(): boolean {
    const { decisions, side } = this.#parts;
    return this.#nextRow < this.#rowsEnd || (decisions.sendsUnknown && this.#sideNode < side.nodeLimit);
  }

  #lookAtRows(): void {
    const { stripes, keeper, decisions, counters } = this.#parts;
    const stripe = stripes.at(Math.floor(this.#nextRow / STRIPE_ROWS));
    const first = this.#nextRow % STRIPE_ROWS;
    const end = Math.min(STRIPE_ROWS, first + STEP_ROWS);
    let offset = first;
    for (; offset < end && decisions.hasRoom; offset++) {
      if (replicaCount(stripe, offset) > 0) counters.recheckedCount++;
      keeper.recheck(stripe, offset);
    }
    this.#nextRow += offset - first;
  }

  #lookAtSide(): void {
    const { side, decisions } = this.#parts;
    const node = this.#sideNode;
    while (this.#sideIndex < side.count(node) && decisions.hasRoom) side.recheck(node, this.#sideIndex++);
    if (this.#sideIndex < side.count(node)) return;
    this.#sideNode++;
    this.#sideIndex = 0;
  }
}
