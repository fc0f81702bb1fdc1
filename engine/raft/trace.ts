import type { LogIndex, Term } from "../core/ids.js";
import type { MessageKind } from "./message.js";
import type { ConfState, DropReason, EntryId, NodeId } from "./types.js";

/** What the core tells about itself, as data: all wording is the listener's. Only rare events, so that the
 * path of a proposal emits none. */
export type TraceEvent =
  | {
      readonly kind: "started";
      readonly confState: ConfState;
      readonly term: Term;
      readonly commit: LogIndex;
      readonly applied: LogIndex;
      readonly last: EntryId;
    }
  | { readonly kind: "switchedConfig"; readonly confState: ConfState }
  | { readonly kind: "becameFollower"; readonly term: Term }
  | { readonly kind: "becamePreCandidate"; readonly term: Term }
  | { readonly kind: "becameCandidate"; readonly term: Term }
  | { readonly kind: "becameLeader"; readonly term: Term }
  | { readonly kind: "startingElection"; readonly term: Term }
  | { readonly kind: "campaignIgnored"; readonly reason: "alreadyLeader" }
  | {
      readonly kind: "campaignRefused";
      readonly reason: "notPromotable" | "unappliedConfChange";
      readonly term: Term;
    }
  | {
      readonly kind: "voteReceived";
      readonly from: NodeId;
      readonly message: MessageKind;
      readonly rejected: boolean;
      readonly term: Term;
    }
  | {
      readonly kind: "votesCounted";
      readonly message: MessageKind;
      readonly granted: number;
      readonly rejected: number;
    }
  | { readonly kind: "proposalDropped"; readonly reason: DropReason; readonly term: Term }
  | {
      readonly kind: "staleIgnored";
      readonly message: MessageKind;
      readonly from: NodeId;
      readonly messageTerm: Term;
      readonly term: Term;
    }
  | { readonly kind: "unstableReplaced"; readonly from: LogIndex }
  | { readonly kind: "unstableTruncated"; readonly from: LogIndex }
  | {
      readonly kind: "stableIgnored";
      readonly reason: "missing" | "matchedSnapshot" | "mismatch";
      readonly attested: EntryId;
      /** Term that stands there now, with "mismatch". */
      readonly found: Term;
    };

export interface RaftTrace {
  event(id: NodeId, event: TraceEvent): void;
}

export const SILENT_TRACE: RaftTrace = { event: () => undefined };
