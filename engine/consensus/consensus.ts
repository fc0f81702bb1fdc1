import type { OperationResult } from "../cluster/state-machine.js";
import type { StrataError } from "../core/errors.js";
import type { Term } from "../core/ids.js";
import type { ConfChange, NodeId, RaftStatus } from "../raft/types.js";

/** How a proposal ends; called exactly once for each.
 *
 * An `OperationResult` is what `apply` answered, after the entry was durable on a quorum: `error` 0 or a
 * refusal by the state. A `StrataError` says that `apply` did not answer: NOT_LEADER, NOT_READY and
 * OVERLOADED come before the operation was put into the log, possibly within the call of `propose`, and
 * it will not happen; OUTCOME_UNKNOWN (leadership was lost) and SHUTTING_DOWN may hit an operation that
 * is in the log already, so it is repeated only within its session. */
export type ProposalCallback = (outcome: OperationResult | StrataError) => void;

/** Takes mutations of the replicated state. `O` is the union of operations. */
export interface Consensus<O> {
  readonly leadership: Leadership;
  /** Encodes `operation` into the batch of this event-loop turn. Callbacks are called in the order of
   * proposals. */
  propose(operation: O, onOutcome: ProposalCallback): void;
  /** For linearizable reads on the leader: calls back once everything that was acknowledged to anybody before
   * this call is applied here, with this SCM still leading then; or with why a read here would not be right:
   * NOT_LEADER, NOT_READY, OVERLOADED, SHUTTING_DOWN. All barriers of a turn share one round of heartbeats.
   * Possibly called back within the call. */
  readBarrier(onReady: (refusal: StrataError | undefined) => void): void;
}

/** How a request to the group itself ends: undefined = done. Called exactly once; SHUTTING_DOWN may hit a
 * change that is in the log already. */
export type GroupCallback = (refusal: StrataError | undefined) => void;

/** The Raft group as its operators see it. */
export interface GroupControl {
  status(): RaftStatus;
  /** Proposes a change of membership; the caller has checked it against the applied members. Done when it is
   * applied here. Refused as NOT_LEADER, NOT_READY, or MEMBERSHIP_BUSY while another change is under way;
   * OUTCOME_UNKNOWN when leadership was lost meanwhile. */
  changeMembers(change: ConfChange, onOutcome: GroupCallback): void;
  /** Hands leadership over. Done when `target` leads; TRANSFER_FAILED when it did not within an election
   * timeout. */
  transferLeadership(target: NodeId, onOutcome: GroupCallback): void;
}

/** Who leads, as far as this SCM knows. Read it at any time; subscribe for the changes. */
export interface Leadership {
  readonly term: Term;
  /** 0 when nobody is known. */
  readonly leaderId: NodeId;
  readonly isLeader: boolean;
  /** Leader, and everything of earlier terms and its own first entry is applied: only now it may serve. */
  readonly leaderReady: boolean;
  /** Called after each change of one of the four, never within `subscribe`. Returns the way to
   * unsubscribe. */
  subscribe(listener: (leadership: Leadership) => void): () => void;
}
