import { logIndex, term } from "../../../engine/core/ids.js";
import type {
  AppReq,
  AppResp,
  Heartbeat,
  HeartbeatResp,
  Message,
  Prop,
  ReadIndexReq,
  Snap,
  TimeoutNow,
  TransferLeader,
  VoteReq,
  VoteResp,
} from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import type { ConfState, Entry, EntryId, ReadContext, Snapshot } from "../../../engine/raft/types.js";
import { ENTRY_TYPE, nodeId } from "../../../engine/raft/types.js";

/** Sender, receiver and term of a message. */
export type Way = readonly [from: number, to: number, term: number];

/** What a test writes down as `[term, index]`. */
export type Id = readonly [term: number, index: number];

export function entryId([termNumber, index]: Id): EntryId {
  return { term: term(termNumber), index: logIndex(index) };
}

export function appReq(
  way: Way,
  options: { readonly previous?: Id; readonly entries?: readonly Entry[]; readonly commit?: number } = {},
): AppReq {
  return {
    kind: MESSAGE_KIND.APP_REQ,
    ...envelope(way),
    previous: entryId(options.previous ?? [0, 0]),
    entries: options.entries ?? [],
    commit: logIndex(options.commit ?? 0),
  };
}

export function appResp(way: Way, index: number): AppResp {
  return {
    kind: MESSAGE_KIND.APP_RESP,
    ...envelope(way),
    index: logIndex(index),
    rejected: false,
    hint: entryId([0, 0]),
  };
}

export function appReject(way: Way, index: number, hint: Id): AppResp {
  return { ...appResp(way, index), rejected: true, hint: entryId(hint) };
}

export function voteReq(way: Way, last: Id, transfer = false): VoteReq {
  return { kind: MESSAGE_KIND.VOTE_REQ, ...envelope(way), last: entryId(last), transfer };
}

export function preVoteReq(way: Way, last: Id): VoteReq {
  return { ...voteReq(way, last), kind: MESSAGE_KIND.PRE_VOTE_REQ };
}

export function voteResp(way: Way, rejected = false): VoteResp {
  return { kind: MESSAGE_KIND.VOTE_RESP, ...envelope(way), rejected };
}

export function preVoteResp(way: Way, rejected = false): VoteResp {
  return { ...voteResp(way, rejected), kind: MESSAGE_KIND.PRE_VOTE_RESP };
}

export function heartbeat(way: Way, commit = 0, readRound = 0): Heartbeat {
  return { kind: MESSAGE_KIND.HEARTBEAT, ...envelope(way), commit: logIndex(commit), readRound };
}

export function heartbeatResp(way: Way, readRound = 0): HeartbeatResp {
  return { kind: MESSAGE_KIND.HEARTBEAT_RESP, ...envelope(way), readRound };
}

export function snap(way: Way, snapshot: Snapshot): Snap {
  return { kind: MESSAGE_KIND.SNAP, ...envelope(way), snapshot };
}

export function timeoutNow(way: Way): TimeoutNow {
  return { kind: MESSAGE_KIND.TIMEOUT_NOW, ...envelope(way) };
}

/** Proposals and read requests carry no term. */
export function prop(from: number, to: number, ...payloads: readonly Uint8Array[]): Prop {
  const proposals = payloads.map((payload) => ({ type: ENTRY_TYPE.NORMAL, payload }));
  return { kind: MESSAGE_KIND.PROP, ...envelope([from, to, 0]), proposals };
}

export function readIndexReq(from: number, to: number, context: number): ReadIndexReq {
  return { kind: MESSAGE_KIND.READ_INDEX, ...envelope([from, to, 0]), context: context as ReadContext };
}

export function transferLeader(way: Way, target: number): TransferLeader {
  return { kind: MESSAGE_KIND.TRANSFER_LEADER, ...envelope(way), target: nodeId(target) };
}

export function makeSnapshot(id: Id, members: Partial<Record<keyof ConfState, readonly number[]>>): Snapshot {
  return { id: entryId(id), confState: makeConfState(members), payload: new Uint8Array(0) };
}

/** Ids of each half and group of members; what is not named is empty. */
export function makeConfState(
  members: Partial<Record<keyof ConfState, readonly number[]>>,
  autoLeave = false,
): ConfState {
  const ids = (group: keyof ConfState) => (members[group] ?? []).map((id) => nodeId(id));
  return {
    voters: ids("voters"),
    votersOutgoing: ids("votersOutgoing"),
    learners: ids("learners"),
    learnersNext: ids("learnersNext"),
    autoLeave,
  };
}

function envelope([from, to, termNumber]: Way): Pick<Message, "from" | "to" | "term"> {
  return { from: nodeId(from), to: nodeId(to), term: term(termNumber) };
}
