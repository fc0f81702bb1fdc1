import { assert } from "../core/assert.js";
import type { Branded } from "../core/brand.js";
import type { LogIndex, Term } from "../core/ids.js";
import { SAFE_INTEGER_MAX } from "../core/ids.js";

/** Member of the Raft group: a small number given when it joins, never reused; 0 = none. */
export type NodeId = Branded<number, "NodeId">;
export function nodeId(value: number): NodeId {
  assert(Number.isSafeInteger(value) && value >= 0, `node id out of range: ${value}`);
  return value as NodeId;
}

export const NO_NODE = nodeId(0);
/** Where `storageAppend` goes: whoever makes the log durable. */
export const LOCAL_APPEND_THREAD = nodeId(SAFE_INTEGER_MAX);
/** Where `storageApply` goes: whoever applies committed entries. */
export const LOCAL_APPLY_THREAD = nodeId(SAFE_INTEGER_MAX - 1);

export function isLocalThread(id: NodeId): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

export const ENTRY_TYPE = { NORMAL: 0, CONF_CHANGE_V1: 1, CONF_CHANGE_V2: 2 } as const;
export type EntryType = (typeof ENTRY_TYPE)[keyof typeof ENTRY_TYPE];

/** Names a log position and what stands there: two logs with the same id at an index are equal up to it. */
export interface EntryId {
  readonly term: Term;
  readonly index: LogIndex;
}

/** One entry of the log. The core never reads the payload; a leader's first entry in its term has none. */
export interface Entry extends EntryId {
  readonly type: EntryType;
  readonly payload: Uint8Array;
}

/** What an entry counts for beyond its payload where limits are in bytes: its fields and its object. */
export const ENTRY_OVERHEAD_BYTES = 32;

export function entryBytes(entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + entry.payload.length;
}

/** What must survive a crash besides the entries. `commit` is an optimisation: it need not be synced
 * alone. */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: LogIndex;
}

/** Membership (etcd-io/raft ConfState). Ids ascending. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

/** Kinds of a change of membership; numbers are those of etcd's `ConfChangeType`. `UPDATE` changes nothing
 * here. */
export const CONF_CHANGE = { ADD_VOTER: 0, REMOVE: 1, UPDATE: 2, ADD_LEARNER: 3 } as const;

export interface ConfChangeStep {
  readonly type: (typeof CONF_CHANGE)[keyof typeof CONF_CHANGE];
  readonly nodeId: NodeId;
}

/** State up to `id`. The core never reads the payload; in production it only names where the state lies. */
export interface Snapshot {
  readonly id: EntryId;
  readonly confState: ConfState;
  readonly payload: Uint8Array;
}

export const ROLE = { FOLLOWER: 0, CANDIDATE: 1, LEADER: 2, PRE_CANDIDATE: 3 } as const;
export type Role = (typeof ROLE)[keyof typeof ROLE];

/** What is of interest outside but need not survive a crash. */
export interface SoftState {
  readonly leader: NodeId;
  readonly role: Role;
}

/** Names a read request of this node; the host numbers them from 1. */
export type ReadContext = Branded<number, "ReadContext">;

/** A read that asked before `index` was reached may be served once `index` is applied. */
export interface ReadState {
  readonly index: LogIndex;
  readonly context: ReadContext;
}

/** Synchronous reads of the log as far as it was handed out for writing. What is still unstable the core
 * reads from its own tail, so a view may lag behind by what has not been acknowledged. */
export interface LogView {
  /** The last entry that is gone because state covers it; index 0, term 0 before the first truncation. */
  readonly truncated: EntryId;
  readonly lastIndex: LogIndex;
  /** Term of the entry at `index`, truncated.index ≤ index ≤ lastIndex. Never pending: terms are kept in
   * memory. */
  term(index: LogIndex): Term;
  /** Entries from `low` up to but without `high`, as many as fit `bytesMax`, at least one; all exist and
   * are not truncated. "pending" when they must be fetched first; `onEntriesFetched` ends that. */
  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "pending";
}

export interface RaftConfig {
  readonly id: NodeId;
  /** A follower that hears nothing for this long to twice this long campaigns. */
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
  /** Storage is written by others and acknowledged by messages; else by the caller between `ready` and
   * `advance`. */
  readonly asyncStorageWrites: boolean;
  readonly preVote: boolean;
  /** Of one entry's payload; a larger proposal is dropped as `tooLarge`. */
  readonly entryBytesMax: number;
  /** Payload bytes of the leader's entries that are proposed and not applied; more is dropped as
   * `backlog`. */
  readonly uncommittedBytesMax: number;
  /** Entry bytes handed out for applying and not yet acknowledged. */
  readonly committedBytesPerReadyMax: number;
  /** The first term is above it: the predecessor's terms, which datanodes have seen, end there. 0 = none. */
  readonly termFloor: Term;
}

/** What a restarted core begins with. */
export interface RaftState {
  readonly hardState: HardState;
  readonly confState: ConfState;
  /** Entries up to here are in the state already, `truncated` ≤ applied ≤ last. */
  readonly applied: LogIndex;
}

export type DropReason = "noLeader" | "notVoter" | "transferring" | "tooLarge" | "backlog";

export type ProposeResult =
  | { readonly kind: "accepted"; readonly first: LogIndex; readonly last: LogIndex; readonly term: Term }
  | { readonly kind: "dropped"; readonly reason: DropReason };

/** `localMessage`: the network delivered a kind that never travels. `unknownPeer`: not from a member.
 * `dropped`: a forwarded proposal that was not taken. */
export type StepResult = "done" | "localMessage" | "unknownPeer" | "dropped";

export interface RaftStatus {
  readonly id: NodeId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: LogIndex;
  readonly applying: LogIndex;
  readonly lastIndex: LogIndex;
  readonly unstableOffset: LogIndex;
  readonly uncommittedBytes: number;
  readonly confState: ConfState;
}
