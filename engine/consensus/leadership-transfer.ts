import { assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { NodeId } from "../raft/types.js";
import type { GroupCallback, Leadership } from "./consensus.js";

interface Transfer {
  readonly target: NodeId;
  readonly onOutcome: GroupCallback;
  /** Until then the target must lead. */
  deadlineMs: number;
  hasBegun: boolean;
}

/** Hands leadership to another member without leaving anybody in doubt: new proposals are held back, those
 * under way get their outcomes, then the target is told to campaign. What was held goes on here when it
 * fails, and is refused as NOT_LEADER when it succeeds. */
export class LeadershipTransfer {
  readonly #clock: Clock;
  readonly #core: Pick<RaftCore, "transferLeadership" | "isTransferring">;
  readonly #leadership: Leadership;
  readonly #limitMs: number;
  #transfer: Transfer | undefined;

  /** `limitMs`: the election timeout, after which the core gives up as well. */
  constructor(
    parts: {
      readonly clock: Clock;
      readonly core: Pick<RaftCore, "transferLeadership" | "isTransferring">;
      readonly leadership: Leadership;
    },
    limitMs: number,
  ) {
    this.#clock = parts.clock;
    this.#core = parts.core;
    this.#leadership = parts.leadership;
    this.#limitMs = limitMs;
  }

  /** Proposals wait. */
  get isUnderWay(): boolean {
    return this.#transfer !== undefined;
  }

  start(target: NodeId, onOutcome: GroupCallback): void {
    assert(this.#transfer === undefined, "one transfer at a time");
    const deadlineMs = this.#clock.monotonicMs() + this.#limitMs;
    this.#transfer = { target, onOutcome, deadlineMs, hasBegun: false };
  }

  /** Looks whether it can go on or has ended; each turn and each tick. `pendingCount`: batches in the log
   * and changes of membership, without an outcome. */
  step(pendingCount: number): void {
    const transfer = this.#transfer;
    if (transfer === undefined) return;
    const { isLeader, leaderId } = this.#leadership;
    const nowMs = this.#clock.monotonicMs();
    // The core gives up a target that is no voter any more, and forgets it when its term of office ends.
    const isGivenUp = isLeader && transfer.hasBegun && !this.#core.isTransferring;
    if (!isLeader && leaderId === transfer.target) this.#end(undefined);
    else if (isGivenUp || nowMs >= transfer.deadlineMs) this.#end("it did not take over in time");
    else if (isLeader && !transfer.hasBegun && pendingCount === 0) {
      transfer.hasBegun = true;
      transfer.deadlineMs = nowMs + this.#limitMs;
      this.#core.transferLeadership(transfer.target);
    }
  }

  /** Nobody will look any more. */
  stop(error: StrataError): void {
    const transfer = this.#transfer;
    this.#transfer = undefined;
    transfer?.onOutcome(error);
  }

  #end(reason: string | undefined): void {
    const { onOutcome, target } = this.#transfer as Transfer;
    this.#transfer = undefined;
    onOutcome(
      reason === undefined ? undefined : new StrataError("TRANSFER_FAILED", { member: target, reason }),
    );
  }
}
