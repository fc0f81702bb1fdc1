import type { Operation } from "../cluster/operation.js";
import type { StateMachine } from "../cluster/state-machine.js";
import { assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { LogIndex } from "../core/ids.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { ConfChange, NodeId, RaftStatus } from "../raft/types.js";
import { ROLE } from "../raft/types.js";
import type { ApplyQueue } from "./apply-queue.js";
import type { GroupCallback } from "./consensus.js";
import type { LeadershipState } from "./leadership.js";
import { LeadershipTransfer } from "./leadership-transfer.js";
import type { ProposalQueue, SealedBatch } from "./proposal-queue.js";
import type { ReadQueue } from "./read-queue.js";

export interface OfficeParts {
  readonly clock: Clock;
  readonly core: RaftCore;
  readonly leadership: LeadershipState;
  readonly stateMachine: StateMachine;
  readonly proposals: ProposalQueue;
  readonly applying: ApplyQueue;
  readonly reads: ReadQueue;
  /** As in RaftHostParts. */
  readonly seed: () => Operation | undefined;
  /** Something was proposed or may be now: look at the end of the turn. */
  readonly scheduleTurn: () => void;
}

interface PendingChange {
  readonly index: LogIndex;
  readonly onOutcome: GroupCallback;
  /** Of the empty entry after it, once that is proposed. */
  sealIndex: LogIndex | undefined;
}

const NOTHING = new Uint8Array(0);

/** What a term of office is about: when it begins to serve, changes of membership, handing it over, and who
 * is to be told what when it is lost. */
export class Office {
  readonly #parts: OfficeParts;
  readonly #transfer: LeadershipTransfer;
  #change: PendingChange | undefined;
  /** The seed operation is under way: nobody may serve before it. */
  #isSeeding = false;

  constructor(parts: OfficeParts, electionTimeoutMs: number) {
    this.#parts = parts;
    this.#transfer = new LeadershipTransfer(parts, electionTimeoutMs);
  }

  /** Leadership is being handed over: proposals wait. */
  get isBeingHandedOver(): boolean {
    return this.#transfer.isUnderWay;
  }

  /** Why this node takes no requests now. */
  refusal(): StrataError | undefined {
    const { term, isLeader, leaderReady } = this.#parts.leadership;
    if (leaderReady) return undefined;
    return isLeader
      ? new StrataError("NOT_READY", { step: "election" })
      : new StrataError("NOT_LEADER", { term });
  }

  /** See GroupControl. */
  changeMembers(change: ConfChange, onOutcome: GroupCallback): void {
    const { core } = this.#parts;
    const status = core.status();
    // A message of this turn may have ended our term: then the core would send the change on to the next
    // leader, which may carry it out without anybody's knowledge.
    if (this.#isLostBy(status)) {
      onOutcome(new StrataError("NOT_LEADER", { term: status.hardState.term }));
      return;
    }
    const isBusy = this.#change !== undefined || status.confState.votersOutgoing.length > 0;
    const result = isBusy ? undefined : core.proposeConfChange(change);
    if (result?.kind === "accepted") this.#change = { index: result.first, onOutcome, sealIndex: undefined };
    else onOutcome(new StrataError("MEMBERSHIP_BUSY"));
  }

  /** See GroupControl. */
  transfer(target: NodeId, onOutcome: GroupCallback): void {
    if (this.isBeingHandedOver) {
      onOutcome(new StrataError("OVERLOADED", { reason: "leadership is being handed over" }));
      return;
    }
    this.#transfer.start(target, (refusal) => {
      onOutcome(refusal);
      // What was held back goes on.
      this.#parts.scheduleTurn();
    });
  }

  /** The core may have another role or term than before. */
  note(status: RaftStatus): void {
    const { leadership } = this.#parts;
    const { hardState, softState } = status;
    const isLeader = softState.role === ROLE.LEADER;
    const isLost = leadership.isLeader && this.#isLostBy(status);
    leadership.update({ term: hardState.term, leaderId: softState.leader, isLeader });
    if (isLost) this.#lost();
  }

  /** After what could be applied was. */
  step(): void {
    const { leadership, stateMachine, applying } = this.#parts;
    this.#endChange(stateMachine.appliedIndex);
    this.#transfer.step(applying.expectedCount + (this.#change === undefined ? 0 : 1));
    const { isLeader, leaderReady, term } = leadership;
    // The first entry of the term is the leader's own empty one, after all of earlier terms.
    if (isLeader && !leaderReady && !this.#isSeeding && stateMachine.appliedTerm === term)
      this.#becomeReady();
  }

  /** Answers with `error` what was asked of the group and has no outcome. */
  stop(error: StrataError): void {
    const change = this.#change;
    this.#change = undefined;
    change?.onOutcome(error);
    this.#transfer.stop(error);
  }

  #becomeReady(): void {
    const { leadership, proposals, seed, scheduleTurn } = this.#parts;
    const operation = seed();
    if (operation === undefined) {
      leadership.becomeReady();
      return;
    }
    this.#isSeeding = true;
    const refusal = proposals.add(operation, (outcome) => {
      this.#isSeeding = false;
      if (outcome instanceof StrataError) return;
      assert(outcome.error === 0, `the seed was refused with error ${outcome.error}`);
      leadership.becomeReady();
    });
    assert(refusal === undefined, "nothing else is in flight before the seed");
    scheduleTurn();
  }

  /** A change is done when another entry follows it on a quorum, and with it the knowledge that the change
   * is committed. Whoever is told so may destroy the machine that left; if the others forgot in a crash that
   * they may decide without it, they would wait for it for ever. */
  #endChange(appliedIndex: LogIndex): void {
    const change = this.#change;
    if (change === undefined || appliedIndex < change.index) return;
    const { core, applying, scheduleTurn } = this.#parts;
    // The core puts an empty entry in the place of a change that it finds illegal.
    if (applying.confIndex < change.index) {
      this.#change = undefined;
      change.onOutcome(new StrataError("MEMBERSHIP_BUSY"));
      return;
    }
    if (change.sealIndex === undefined) {
      const result = core.propose([NOTHING]);
      // While leadership is handed over it waits, for the next tick.
      if (result.kind !== "accepted") return;
      change.sealIndex = result.first;
      scheduleTurn();
    } else if (appliedIndex >= change.sealIndex) {
      this.#change = undefined;
      change.onOutcome(undefined);
    }
  }

  /** The core does not lead in the term any more that was noted last. */
  #isLostBy({ hardState, softState }: RaftStatus): boolean {
    return softState.role !== ROLE.LEADER || hardState.term !== this.#parts.leadership.term;
  }

  /** What is in the log may still be committed by the next leader, or be replaced: nobody here will know
   * whose it was. What only waited will not happen. */
  #lost(): void {
    const { leadership, proposals, applying, reads } = this.#parts;
    const inLog = applying.takeExpected();
    const waiting = proposals.take();
    const change = this.#change;
    this.#change = undefined;
    const unknown = new StrataError("OUTCOME_UNKNOWN");
    const notLeader = new StrataError("NOT_LEADER", { term: leadership.term });
    for (const batch of inLog) this.#fail(batch, unknown);
    for (const batch of waiting) this.#fail(batch, notLeader);
    change?.onOutcome(unknown);
    reads.failAll(notLeader);
  }

  #fail(batch: SealedBatch, error: StrataError): void {
    this.#parts.proposals.settle(batch);
    for (const callback of batch.callbacks) callback(error);
  }
}
