import type { OperationResult } from "../cluster/state-machine.js";
import type { StrataError } from "../core/errors.js";
import type { Term } from "../core/ids.js";
import type { NodeId } from "../raft/types.js";

/** How a proposal ends; called exactly once for each.
 *
 * An `OperationResult` is what `apply` answered, after the entry was durable on a quorum: `error` 0 or a
 * refusal by the state. A `StrataError` says that `apply` did not answer: NOT_LEADER, NOT_READY and
 * OVERLOADED come before the operation was put into the log, possibly within the call of `propose`, and
 * it will not happen; SHUTTING_DOWN may hit an operation that is in the log already, so it is repeated
 * only within its session. */
export type ProposalCallback = (outcome: OperationResult | StrataError) => void;

/** Takes mutations of the replicated state. `O` is the union of operations. */
export interface Consensus<O> {
  readonly leadership: Leadership;
  /** Encodes `operation` into the batch of this event-loop turn. Callbacks are called in the order of
   * proposals. */
  propose(operation: O, onOutcome: ProposalCallback): void;
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
