import type { LogIndex, Term } from "../core/ids.js";
import type { MessageKind } from "./message.js";
import type { ConfChange, ConfState, DropReason, EntryId, NodeId, ProgressStatus, Role } from "./types.js";
import type { Violation } from "./violation.js";

interface Started {
  readonly kind: "started";
  readonly confState: ConfState;
  readonly term: Term;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly last: EntryId;
}

interface BecameRole {
  readonly kind: "becameFollower" | "becamePreCandidate" | "becameCandidate" | "becameLeader";
  readonly term: Term;
}

interface CampaignRefused {
  readonly kind: "campaignRefused";
  /** `lostPromotion`: the pre-vote was won, but by then this node may not lead any more; it goes on. */
  readonly reason: "alreadyLeader" | "notPromotable" | "unappliedConfChange" | "lostPromotion";
  readonly term: Term;
}

/** A vote or pre-vote request (`message`) was sent to `to`. */
interface VoteRequested {
  readonly kind: "voteRequested";
  readonly to: NodeId;
  readonly message: MessageKind;
  readonly last: EntryId;
  readonly term: Term;
}

/** This node answered the request `message` of `from`, or ignored it since its leader's lease stands. */
interface VoteDecided {
  readonly kind: "voteDecided";
  readonly outcome: "granted" | "rejected" | "ignored";
  readonly from: NodeId;
  readonly message: MessageKind;
  readonly last: EntryId;
  readonly vote: NodeId;
  readonly candidateLast: EntryId;
  readonly term: Term;
  /** Of the lease, with `ignored`. */
  readonly remainingTicks: number;
}

interface VoteReceived {
  readonly kind: "voteReceived";
  readonly from: NodeId;
  readonly message: MessageKind;
  readonly rejected: boolean;
  readonly term: Term;
}

interface VotesCounted {
  readonly kind: "votesCounted";
  readonly message: MessageKind;
  readonly granted: number;
  readonly rejected: number;
}

/** A message of another term: `higherTermSeen` raises ours, `staleIgnored` is dropped, and
 * `staleAppendIgnored` only its entries are. */
interface OtherTerm {
  readonly kind: "higherTermSeen" | "staleIgnored" | "staleAppendIgnored";
  readonly message: MessageKind;
  readonly from: NodeId;
  readonly messageTerm: Term;
  readonly term: Term;
}

interface ProposalDropped {
  readonly kind: "proposalDropped";
  readonly reason: DropReason;
  readonly term: Term;
  /** With `transferring`, else 0. */
  readonly transferTarget: NodeId;
}

/** Why a change of membership is not taken now. `impossible`: it would be refused when it is applied. */
export type ConfChangeObstacle = "pending" | "mustLeaveJoint" | "notJoint" | "impossible";

interface ConfChangeIgnored {
  readonly kind: "confChangeIgnored";
  readonly change: ConfChange;
  readonly confState: ConfState;
  readonly reason: ConfChangeObstacle;
  readonly pendingIndex: LogIndex;
  readonly applied: LogIndex;
}

/** The joint configuration is to be left by itself; `proposed` false when that proposal was dropped. */
interface AutoLeaving {
  readonly kind: "autoLeaving";
  readonly confState: ConfState;
  readonly proposed: boolean;
}

/** A member rejected the append after `index`. */
interface AppendRejected {
  readonly kind: "appendRejected";
  readonly from: NodeId;
  readonly index: LogIndex;
  readonly hint: EntryId;
}

/** This node rejects a leader's append: `found` is the term of its own entry at `previous.index`, 0 =
 * none. */
interface AppendRefused {
  readonly kind: "appendRefused";
  readonly from: NodeId;
  readonly previous: EntryId;
  readonly found: Term;
}

/** What a leader learned about a member, and its progress after that. */
interface ProgressChanged {
  readonly kind:
    | "progressDecreased"
    | "snapshotCaughtUp"
    | "snapshotSucceeded"
    | "snapshotFailed"
    | "peerUnreachable"
    | "replicationPaused";
  readonly peer: NodeId;
  readonly progress: ProgressStatus;
}

interface SnapshotSent {
  readonly kind: "snapshotSent";
  readonly to: NodeId;
  readonly snapshot: EntryId;
  readonly firstIndex: LogIndex;
  readonly commit: LogIndex;
  readonly progress: ProgressStatus;
}

interface SnapshotNotSent {
  readonly kind: "snapshotNotSent";
  readonly to: NodeId;
  readonly reason: "inactive" | "unavailable";
}

/** The log begins anew. */
interface LogRestoring {
  readonly kind: "logRestoring";
  readonly snapshot: EntryId;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly applying: LogIndex;
  readonly unstableOffset: LogIndex;
  readonly unstableOffsetInProgress: LogIndex;
  readonly unstableCount: number;
}

/** A follower's handling of a snapshot, in this order: `restored` (log and membership are those of the
 * snapshot) or `fastForwarded` (the log held it already), then `accepted` or `ignored` when it is
 * answered. */
interface SnapshotHandled {
  readonly kind: "snapshotHandled";
  readonly stage: "restored" | "fastForwarded" | "accepted" | "ignored";
  readonly snapshot: EntryId;
  readonly commit: LogIndex;
  readonly last: EntryId;
}

/** Guards that never fire unless there is a bug: not a follower, or no member of the snapshot. */
interface SnapshotRefused {
  readonly kind: "snapshotRefused";
  readonly reason: "notFollower" | "notMember";
  readonly confState: ConfState;
}

interface TransferEvent {
  readonly kind:
    | "transferStarted"
    | "transferAborted"
    | "transferToLearnerIgnored"
    | "transferToSelfIgnored"
    | "transferRepeatedIgnored"
    | "transferNoLeader";
  readonly target: NodeId;
  readonly term: Term;
}

interface TimeoutNowSent {
  readonly kind: "timeoutNowSent";
  readonly to: NodeId;
  /** `atOnce`: its log was complete when the transfer began. */
  readonly cause: "atOnce" | "caughtUp";
}

interface TimeoutNowReceived {
  readonly kind: "timeoutNowReceived";
  readonly from: NodeId;
  readonly term: Term;
  /** Candidates ignore it. */
  readonly role: Role;
}

interface LeaderForgotten {
  readonly kind: "leaderForgotten";
  readonly leader: NodeId;
  readonly term: Term;
}

interface StableIgnored {
  readonly kind: "stableIgnored";
  readonly reason: "missing" | "matchedSnapshot" | "mismatch";
  readonly attested: EntryId;
  /** Term that stands there now, with "mismatch". */
  readonly found: Term;
}

/** `message` was refused: its sender is broken. */
interface ViolationFound {
  readonly kind: "violation";
  readonly reason: Violation;
  readonly message: MessageKind;
  readonly from: NodeId;
}

/** What the core tells about itself, as data: all wording is the listener's. Only rare events, so that the
 * path of a proposal emits none. */
export type TraceEvent =
  | Started
  | BecameRole
  | CampaignRefused
  | { readonly kind: "startingElection"; readonly term: Term }
  | VoteRequested
  | VoteDecided
  | VoteReceived
  | VotesCounted
  | OtherTerm
  | { readonly kind: "quorumLost"; readonly term: Term }
  | ProposalDropped
  | ConfChangeIgnored
  | AutoLeaving
  | { readonly kind: "switchedConfig"; readonly confState: ConfState }
  | { readonly kind: "unknownMember"; readonly from: NodeId }
  | AppendRejected
  | AppendRefused
  | { readonly kind: "conflictFound"; readonly conflicting: EntryId; readonly existing: Term }
  | ProgressChanged
  | SnapshotSent
  | SnapshotNotSent
  | LogRestoring
  | SnapshotHandled
  | SnapshotRefused
  | TransferEvent
  | TimeoutNowSent
  | TimeoutNowReceived
  | LeaderForgotten
  | { readonly kind: "forgetLeaderRefused" }
  | { readonly kind: "readDropped"; readonly term: Term }
  | { readonly kind: "unstableReplaced"; readonly from: LogIndex }
  | { readonly kind: "unstableTruncated"; readonly from: LogIndex }
  | StableIgnored
  | ViolationFound;

export interface RaftTrace {
  event(id: NodeId, event: TraceEvent): void;
}

export const SILENT_TRACE: RaftTrace = { event: () => undefined };
