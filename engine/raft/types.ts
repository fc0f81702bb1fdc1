import { assert } from "../core/assert.js";
import type { Branded } from "../core/brand.js";
import type { LogIndex, Term } from "../core/ids.js";

/** Member of the Raft group: a small number given when it joins, never reused; 0 = none. */
export type NodeId = Branded<number, "NodeId">;
export function nodeId(value: number): NodeId {
  assert(Number.isSafeInteger(value) && value >= 0, `node id out of range: ${value}`);
  return value as NodeId;
}

export const ENTRY_TYPE = { NORMAL: 0, CONF_CHANGE_V1: 1, CONF_CHANGE_V2: 2 } as const;
export type EntryType = (typeof ENTRY_TYPE)[keyof typeof ENTRY_TYPE];

/** One entry of the log. The core never reads the payload; a leader's first entry in its term has none. */
export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly type: EntryType;
  readonly payload: Uint8Array;
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
