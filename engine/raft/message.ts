import type { LogIndex, Term } from "../core/ids.js";
import type { Entry, EntryId, EntryType, HardState, NodeId, ReadContext, Snapshot } from "./types.js";

/** Kinds below 64 travel between nodes, those from 64 on never leave one. Numbers are for ever. */
export const MESSAGE_KIND = {
  APP_REQ: 1,
  APP_RESP: 2,
  VOTE_REQ: 3,
  VOTE_RESP: 4,
  PRE_VOTE_REQ: 5,
  PRE_VOTE_RESP: 6,
  SNAP: 7,
  HEARTBEAT: 8,
  HEARTBEAT_RESP: 9,
  READ_INDEX: 10,
  READ_INDEX_RESP: 11,
  TIMEOUT_NOW: 12,
  PROP: 13,
  TRANSFER_LEADER: 14,

  HUP: 64,
  BEAT: 65,
  CHECK_QUORUM: 66,
  UNREACHABLE: 67,
  SNAP_STATUS: 68,
  STORAGE_APPEND: 69,
  STORAGE_APPEND_RESP: 70,
  STORAGE_APPLY: 71,
  STORAGE_APPLY_RESP: 72,
  FORGET_LEADER: 73,
} as const;
export type MessageKind = (typeof MESSAGE_KIND)[keyof typeof MESSAGE_KIND];
type Kind = typeof MESSAGE_KIND;

interface Envelope<K extends MessageKind> {
  readonly kind: K;
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; for pre-votes the one it would campaign in; 0 where terms do not matter. */
  readonly term: Term;
}

/** Entries that follow `previous`, and the leader's commit index. */
export interface AppReq extends Envelope<Kind["APP_REQ"]> {
  readonly previous: EntryId;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

/** All up to `index` is durable at the sender; rejected: its log does not hold the `previous` at `index`,
 * and at or before `hint` lies the best place to look further. */
export interface AppResp extends Envelope<Kind["APP_RESP"]> {
  readonly index: LogIndex;
  readonly rejected: boolean;
  readonly hint: EntryId;
}

export interface VoteReq extends Envelope<Kind["VOTE_REQ"] | Kind["PRE_VOTE_REQ"]> {
  /** End of the candidate's log. */
  readonly last: EntryId;
  /** The leader asked for this election, so its lease does not stand against it. */
  readonly transfer: boolean;
}

export interface VoteResp extends Envelope<Kind["VOTE_RESP"] | Kind["PRE_VOTE_RESP"]> {
  readonly rejected: boolean;
}

export interface Snap extends Envelope<Kind["SNAP"]> {
  readonly snapshot: Snapshot;
}

/** `readRound`: the leader's last batch of read requests, which the answers confirm; 0 = none. */
export interface Heartbeat extends Envelope<Kind["HEARTBEAT"]> {
  readonly commit: LogIndex;
  readonly readRound: number;
}

export interface HeartbeatResp extends Envelope<Kind["HEARTBEAT_RESP"]> {
  readonly readRound: number;
}

export interface ReadIndexReq extends Envelope<Kind["READ_INDEX"]> {
  readonly context: ReadContext;
}

export interface ReadIndexResp extends Envelope<Kind["READ_INDEX_RESP"]> {
  readonly context: ReadContext;
  readonly index: LogIndex;
}

export interface TimeoutNow extends Envelope<Kind["TIMEOUT_NOW"]> {}

export interface Prop extends Envelope<Kind["PROP"]> {
  readonly proposals: readonly { readonly type: EntryType; readonly payload: Uint8Array }[];
}

export interface TransferLeader extends Envelope<Kind["TRANSFER_LEADER"]> {
  readonly target: NodeId;
}

/** Campaign now. */
export interface Hup extends Envelope<Kind["HUP"]> {}
export interface Beat extends Envelope<Kind["BEAT"]> {}
export interface CheckQuorum extends Envelope<Kind["CHECK_QUORUM"]> {}
export interface ForgetLeader extends Envelope<Kind["FORGET_LEADER"]> {}

export interface Unreachable extends Envelope<Kind["UNREACHABLE"]> {
  readonly peer: NodeId;
}

export interface SnapStatus extends Envelope<Kind["SNAP_STATUS"]> {
  readonly peer: NodeId;
  readonly failed: boolean;
}

/** To the append thread: make all of it durable, in order with the earlier ones, then deliver `responses`
 * in order. Without responses durability may come later. Entries replace everything from the first one's
 * index on. */
export interface StorageAppend extends Envelope<Kind["STORAGE_APPEND"]> {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly snapshot: Snapshot | undefined;
  readonly responses: readonly Message[];
}

/** From the append thread. `last` is the log's end when the append was handed out, undefined when nothing was
 * unstable; `term` is that of the time, so that an answer from before a change of term is known. */
export interface StorageAppendResp extends Envelope<Kind["STORAGE_APPEND_RESP"]> {
  readonly last: EntryId | undefined;
  readonly snapshot: Snapshot | undefined;
}

/** To the apply thread: apply these committed entries in order, then deliver `responses`. Never empty. */
export interface StorageApply extends Envelope<Kind["STORAGE_APPLY"]> {
  readonly entries: readonly Entry[];
  readonly responses: readonly Message[];
}

export interface StorageApplyResp extends Envelope<Kind["STORAGE_APPLY_RESP"]> {
  readonly entries: readonly Entry[];
}

export type Message =
  | AppReq
  | AppResp
  | VoteReq
  | VoteResp
  | Snap
  | Heartbeat
  | HeartbeatResp
  | ReadIndexReq
  | ReadIndexResp
  | TimeoutNow
  | Prop
  | TransferLeader
  | Hup
  | Beat
  | CheckQuorum
  | ForgetLeader
  | Unreachable
  | SnapStatus
  | StorageAppend
  | StorageAppendResp
  | StorageApply
  | StorageApplyResp;

/** Kinds that one node only sends to itself; from the network they are refused. */
export function isLocalKind(kind: MessageKind): boolean {
  return kind >= MESSAGE_KIND.HUP;
}

/** Answers, which only make sense from a member (etcd-io/raft `IsResponseMsg`). */
export function isResponseKind(kind: MessageKind): boolean {
  switch (kind) {
    case MESSAGE_KIND.APP_RESP:
    case MESSAGE_KIND.VOTE_RESP:
    case MESSAGE_KIND.PRE_VOTE_RESP:
    case MESSAGE_KIND.HEARTBEAT_RESP:
    case MESSAGE_KIND.UNREACHABLE:
    case MESSAGE_KIND.READ_INDEX_RESP:
    case MESSAGE_KIND.STORAGE_APPEND_RESP:
    case MESSAGE_KIND.STORAGE_APPLY_RESP:
      return true;
    default:
      return false;
  }
}

/** Promises about what is durable here: votes and acknowledgements, given or refused. They leave only when
 * everything handed out for writing so far is durable (thesis §3.8, raft.md §6). */
export function isAfterAppendKind(kind: MessageKind): boolean {
  return (
    kind === MESSAGE_KIND.APP_RESP || kind === MESSAGE_KIND.VOTE_RESP || kind === MESSAGE_KIND.PRE_VOTE_RESP
  );
}
