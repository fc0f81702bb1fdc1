import { logIndex, term } from "../../engine/core/ids.js";
import type { Message, MessageKind } from "../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import type { Entry, EntryId, NodeId, Snapshot } from "../../engine/raft/types.js";
import { LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, NO_NODE } from "../../engine/raft/types.js";
import { entryText, snapshotText } from "./entry-text.js";

export const MESSAGE_NAMES: Readonly<Record<MessageKind, string>> = {
  [MESSAGE_KIND.APP_REQ]: "MsgApp",
  [MESSAGE_KIND.APP_RESP]: "MsgAppResp",
  [MESSAGE_KIND.VOTE_REQ]: "MsgVote",
  [MESSAGE_KIND.VOTE_RESP]: "MsgVoteResp",
  [MESSAGE_KIND.PRE_VOTE_REQ]: "MsgPreVote",
  [MESSAGE_KIND.PRE_VOTE_RESP]: "MsgPreVoteResp",
  [MESSAGE_KIND.SNAP]: "MsgSnap",
  [MESSAGE_KIND.HEARTBEAT]: "MsgHeartbeat",
  [MESSAGE_KIND.HEARTBEAT_RESP]: "MsgHeartbeatResp",
  [MESSAGE_KIND.READ_INDEX]: "MsgReadIndex",
  [MESSAGE_KIND.READ_INDEX_RESP]: "MsgReadIndexResp",
  [MESSAGE_KIND.TIMEOUT_NOW]: "MsgTimeoutNow",
  [MESSAGE_KIND.PROP]: "MsgProp",
  [MESSAGE_KIND.TRANSFER_LEADER]: "MsgTransferLeader",
  [MESSAGE_KIND.HUP]: "MsgHup",
  [MESSAGE_KIND.BEAT]: "MsgBeat",
  [MESSAGE_KIND.CHECK_QUORUM]: "MsgCheckQuorum",
  [MESSAGE_KIND.UNREACHABLE]: "MsgUnreachable",
  [MESSAGE_KIND.SNAP_STATUS]: "MsgSnapStatus",
  [MESSAGE_KIND.STORAGE_APPEND]: "MsgStorageAppend",
  [MESSAGE_KIND.STORAGE_APPEND_RESP]: "MsgStorageAppendResp",
  [MESSAGE_KIND.STORAGE_APPLY]: "MsgStorageApply",
  [MESSAGE_KIND.STORAGE_APPLY_RESP]: "MsgStorageApplyResp",
  [MESSAGE_KIND.FORGET_LEADER]: "MsgForgetLeader",
};

/** etcd's messages are one wide record; these are the fields that it prints, unless they are zero. */
interface WideFields {
  readonly term?: number;
  readonly log?: EntryId | undefined;
  readonly rejectHint?: number | undefined;
  readonly commit?: number | undefined;
  readonly vote?: number | undefined;
  readonly entries?: readonly Entry[];
  readonly snapshot?: Snapshot | undefined;
  readonly responses?: readonly Message[];
}

function wideFields(message: Message): WideFields {
  switch (message.kind) {
    case MESSAGE_KIND.APP_REQ:
      return { log: message.previous, commit: message.commit, entries: message.entries };
    case MESSAGE_KIND.APP_RESP: {
      const { index, hint, rejected } = message;
      return { log: { term: hint.term, index }, rejectHint: rejected ? hint.index : undefined };
    }
    case MESSAGE_KIND.VOTE_REQ:
    case MESSAGE_KIND.PRE_VOTE_REQ:
      return { log: message.last };
    case MESSAGE_KIND.VOTE_RESP:
    case MESSAGE_KIND.PRE_VOTE_RESP:
      return { rejectHint: message.rejected ? 0 : undefined };
    case MESSAGE_KIND.SNAP:
      return { snapshot: message.snapshot };
    case MESSAGE_KIND.HEARTBEAT:
      return { commit: message.commit };
    case MESSAGE_KIND.PROP:
      return { entries: message.proposals.map((proposal) => ({ ...NO_ID, ...proposal })) };
    case MESSAGE_KIND.STORAGE_APPEND: {
      const { hardState, entries, snapshot, responses } = message;
      const { term, vote, commit } = hardState ?? { term: 0 };
      return { term, vote, commit, entries, snapshot, responses };
    }
    case MESSAGE_KIND.STORAGE_APPEND_RESP:
      return { log: message.last, snapshot: message.snapshot };
    case MESSAGE_KIND.STORAGE_APPLY:
      return { entries: message.entries, responses: message.responses };
    case MESSAGE_KIND.STORAGE_APPLY_RESP:
      return { entries: message.entries };
    case MESSAGE_KIND.HEARTBEAT_RESP:
    case MESSAGE_KIND.TIMEOUT_NOW:
    case MESSAGE_KIND.TRANSFER_LEADER:
    // No command of the suite asks for a read, and the kinds below are never seen outside of the core.
    case MESSAGE_KIND.READ_INDEX:
    case MESSAGE_KIND.READ_INDEX_RESP:
    case MESSAGE_KIND.HUP:
    case MESSAGE_KIND.BEAT:
    case MESSAGE_KIND.CHECK_QUORUM:
    case MESSAGE_KIND.FORGET_LEADER:
    case MESSAGE_KIND.UNREACHABLE:
    case MESSAGE_KIND.SNAP_STATUS:
      return {};
  }
}

const NO_ID: EntryId = { term: term(0), index: logIndex(0) };

/** As etcd-io/raft's DescribeMessage. Several lines, each behind `indent`, when it holds several entries, a
 * snapshot or responses. */
export function messageText(message: Message, indent = ""): string {
  const { term, log, rejectHint, commit, vote, entries, snapshot, responses } = {
    term: message.term,
    entries: [],
    responses: [],
    log: NO_ID,
    ...wideFields(message),
  };
  return [
    `${indent}${placeText(senderOf(message))}->${placeText(message.to)} ${MESSAGE_NAMES[message.kind]}`,
    ` Term:${term} Log:${log?.term ?? 0}/${log?.index ?? 0}`,
    rejectHint === undefined ? "" : ` Rejected (Hint: ${rejectHint})`,
    nonZero(" Commit:", commit),
    nonZero(" Vote:", vote),
    entriesText(entries, indent),
    snapshot === undefined || snapshot.id.index === 0
      ? ""
      : `\n${indent}  Snapshot: ${snapshotText(snapshot)}`,
    responsesText(responses, indent),
  ].join("");
}

/** etcd asks for a transfer in the name of its target. */
export function senderOf(message: Message): NodeId {
  return message.kind === MESSAGE_KIND.TRANSFER_LEADER ? message.target : message.from;
}

function nonZero(label: string, value: number | undefined): string {
  return value === undefined || value === 0 ? "" : `${label}${value}`;
}

function entriesText(entries: readonly Entry[], indent: string): string {
  const [first] = entries;
  if (first === undefined) return "";
  if (entries.length === 1) return ` Entries:[${entryText(first)}]`;
  return ` Entries:[${entries.map((entry) => `\n${indent}  ${entryText(entry)}`).join("")}\n${indent}]`;
}

function responsesText(responses: readonly Message[], indent: string): string {
  if (responses.length === 0) return "";
  const lines = responses.map((response) => `\n${messageText(response, `${indent}  `)}`);
  return ` Responses:[${lines.join("")}\n${indent}]`;
}

function placeText(id: NodeId): string {
  switch (id) {
    case NO_NODE:
      return "None";
    case LOCAL_APPEND_THREAD:
      return "AppendThread";
    case LOCAL_APPLY_THREAD:
      return "ApplyThread";
    default:
      return id.toString(16);
  }
}
