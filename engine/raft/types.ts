import { assert } from "../core/assert.js";
import type { Branded } from "../core/brand.js";
import type { LogIndex, Term } from "../core/ids.js";
import { SAFE_INTEGER_MAX } from "../core/ids.js";
import type { InflightLimits, ProgressState } from "./progress.js";

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

/** What an entry takes in memory beyond its payload: its object, its array and that array's buffer. */
const ENTRY_MEMORY_OVERHEAD_BYTES = 256;

/** For limits of memory, or of the work with each entry, which are far off for small ones otherwise. */
export function entryMemoryBytes(entry: Entry): number {
  return ENTRY_MEMORY_OVERHEAD_BYTES + entry.payload.length;
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

/** How a change of several voters goes through the joint configuration (etcd-io/raft ConfChangeTransition):
 * AUTO uses one only when more than one voter moves, and leaves it by itself; the JOINT kinds always use
 * one; an explicit one stays until the empty change is proposed. */
export const CONF_CHANGE_TRANSITION = { AUTO: 0, JOINT_IMPLICIT: 1, JOINT_EXPLICIT: 2 } as const;

/** A change of membership as it is proposed. Without steps, and with AUTO, it leaves the joint
 * configuration. A V1 entry holds one step and no transition. */
export interface ConfChange {
  readonly transition: (typeof CONF_CHANGE_TRANSITION)[keyof typeof CONF_CHANGE_TRANSITION];
  readonly steps: readonly ConfChangeStep[];
  /** The proposer's own; the core never reads it. */
  readonly context: Uint8Array;
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
   * are not truncated. "pending" when they must be fetched first: then nothing is sent to the member that
   * needs them, whose progress stays as it is. The view notes what it was asked for and has it fetched; the
   * core asks again, also while that is under way, whenever it would send to that member, and at once in
   * `onEntriesFetched`. Entries after `applied` are never pending. */
  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | "pending";
  /** State that a member gets which needs entries that are truncated; "pending" when there is none now.
   * Its index is at least `truncated`, at most what is applied. */
  snapshot(): Snapshot | "pending";
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
  /** A leader steps down when it has not heard from a quorum for an election timeout, and nobody votes while
   * it hears a leader. */
  readonly checkQuorum: boolean;
  /** `safe`: each batch of reads is confirmed by a quorum. `leaseBased` trusts the clock, needs
   * `checkQuorum`, and is only there for the conformance suites. */
  readonly readOnly: "safe" | "leaseBased";
  /** Entry bytes in one append; one entry is always sent as a whole. */
  readonly appendBytesMax: number;
  /** Appends under way to one member. */
  readonly inflightLimits: InflightLimits;
  /** A leader that a change removes or demotes steps down when it has applied it. */
  readonly stepDownOnRemoval: boolean;
  /** Takes changes of membership that are not legal now; only for the conformance suites. */
  readonly disableConfChangeValidation: boolean;
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
  /** Sent on to the leader: whether it took it, nobody tells. */
  | { readonly kind: "forwarded"; readonly to: NodeId }
  | { readonly kind: "dropped"; readonly reason: DropReason };

/** `localMessage`: the network delivered a kind that never travels. `unknownPeer`: not from a member.
 * `dropped`: a forwarded proposal that was not taken. `violation`: no correct member says that; nothing was
 * changed, and the trace tells why. */
export type StepResult = "done" | "localMessage" | "unknownPeer" | "dropped" | "violation";

/** What a leader knows about one member; only reads. */
export interface ProgressStatus {
  readonly id: NodeId;
  readonly state: ProgressState;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly isLearner: boolean;
  readonly isRecentlyActive: boolean;
  readonly isPaused: boolean;
  /** 0 = none. */
  readonly pendingSnapshot: LogIndex;
  readonly inflightCount: number;
  readonly isInflightFull: boolean;
}

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
  /** Leader only, sorted by id; else empty. */
  readonly progress: readonly ProgressStatus[];
  /** Who is to become leader; 0 = nobody. */
  readonly transferTarget: NodeId;
}
