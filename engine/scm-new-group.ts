import type { ClusterState } from "./cluster/cluster-state.js";
import type { MemberRow } from "./cluster/members/member-table.js";
import { changesToLoneVoter, NEW_GROUP } from "./cluster/members/new-group.js";
import { errorOfResult } from "./cluster/operation-result.js";
import { TurnBatch } from "./cluster/turn-batch.js";
import type { Clock } from "./core/clock.js";
import type { Disk } from "./core/disk.js";
import { StrataError } from "./core/errors.js";
import { isCount, logIndex, type Term, term } from "./core/ids.js";
import { changeConfState, memberIds } from "./raft/conf-change.js";
import { encodeConfChange } from "./raft/conf-change-codec.js";
import { type ConfChange, ENTRY_TYPE, type EntryType, type NodeId } from "./raft/types.js";
import { type StorageDirectories, storageState } from "./storage/directories.js";
import { sameClusterId } from "./storage/initialize.js";
import { LogStore } from "./storage/log-store.js";
import type { OnRecoveryStep, Recovered } from "./storage/recovered.js";
import { recoverWhole } from "./storage/recovery.js";

/** The old group may have gone on to higher terms than this SCM knows, and datanodes obey the highest one
 * that they have seen. An election a second takes twelve days for so many. */
const SKIPPED_TERMS = 2 ** 20;

export interface NewGroupParts {
  readonly disk: Disk;
  readonly directories: StorageDirectories;
  readonly clock: Clock;
  /** Empty. */
  readonly state: ClusterState;
  readonly onStep: OnRecoveryStep;
}

export interface NewGroupOptions {
  /** Cluster that is meant: without it nothing is done. */
  readonly clusterId: string | undefined;
  /** Also when this SCM has lost what it had acknowledged. */
  readonly acceptsLoss: boolean;
}

/** What was done, or would be. */
export interface NewGroupReport {
  readonly isDone: boolean;
  readonly clusterId: string;
  readonly scmId: string;
  readonly nodeId: NodeId;
  /** Entries up to here are kept: all that there are. */
  readonly lastIndex: number;
  /** Of them, those that were not known to be committed. */
  readonly uncommittedCount: number;
  /** Time of the last operation, epoch ms, 0 = never, and now. */
  readonly operationMs: number;
  readonly nowMs: number;
  /** The row is undefined for one that never told its addresses. */
  readonly removed: readonly { readonly nodeId: NodeId; readonly row: MemberRow | undefined }[];
  readonly oldTerm: Term;
  readonly newTerm: Term;
  /** What this SCM has acknowledged and lost. */
  readonly loss: StrataError | undefined;
}

/** Makes a stopped SCM the only member of its group, for when the majority is gone for good or nothing is
 * left but a copy of its directories: all entries of its log count as committed, the others are removed, and
 * it goes on above all ids and terms that may have been given out without it.
 *
 * One synced write does it: after a crash it was done or nothing was. Throws StorageError
 * STORAGE_NOT_INITIALIZED, STORAGE_LOCKED while an SCM runs; RejectedError CLUSTER_ID_MISMATCH,
 * MEMBER_UNKNOWN when this SCM's state is from before it joined, MEMBER_REMOVED; what a start would end with;
 * and `loss` when that is not accepted. */
export async function forceNewGroup(parts: NewGroupParts, options: NewGroupOptions): Promise<NewGroupReport> {
  const { disk, directories } = parts;
  if (storageState(disk, directories) !== "INITIALIZED") {
    throw new StrataError("STORAGE_NOT_INITIALIZED", { path: directories.root });
  }
  const lock = await disk.lock(directories.lock);
  try {
    return await force(parts, options);
  } finally {
    await lock.release();
  }
}

async function force(parts: NewGroupParts, options: NewGroupOptions): Promise<NewGroupReport> {
  const { disk, directories, state, onStep, clock } = parts;
  const { found, committed, loss } = await recoverWhole(disk, directories, state, {
    onStep,
    acceptsLoss: true,
  });
  const { clusterId, scmId, nodeId } = found.identity;
  const { clusterId: meant, acceptsLoss } = options;
  if (meant !== undefined && !sameClusterId(clusterId, meant)) {
    throw new StrataError("CLUSTER_ID_MISMATCH", { given: meant, expected: clusterId });
  }
  const changes = changesToLoneVoter(state.confState, nodeId);
  if (changes === undefined) {
    const code = state.members.get(nodeId)?.isRemoved === true ? "MEMBER_REMOVED" : "MEMBER_UNKNOWN";
    throw new StrataError(code, { scmId });
  }
  const oldTerm = found.hardState.term;
  if (!isCount(oldTerm + SKIPPED_TERMS)) throw new StrataError("SEQUENCE_EXHAUSTED", { name: "term" });
  const others = memberIds(state.confState).filter((id) => id !== nodeId);
  const report = {
    clusterId,
    scmId,
    nodeId,
    lastIndex: found.last.index,
    uncommittedCount: found.last.index - committed,
    operationMs: state.nowMs,
    nowMs: clock.wallMs(),
    removed: others.map((id) => ({ nodeId: id, row: state.members.get(id) })),
    oldTerm,
    newTerm: term(oldTerm + SKIPPED_TERMS),
    loss,
  };
  if (meant === undefined) return { ...report, isDone: false };
  if (loss !== undefined && !acceptsLoss) throw loss;
  const entries = newEntries(changes, report.nowMs);
  rehearse(state, entries, report.newTerm);
  await write(parts, found, entries, report.newTerm);
  return { ...report, isDone: true };
}

interface NewEntry {
  readonly type: EntryType;
  readonly payload: Uint8Array;
  readonly change?: ConfChange;
}

function newEntries(changes: readonly ConfChange[], nowMs: number): NewEntry[] {
  const batch = new TurnBatch();
  batch.add(NEW_GROUP);
  const type = ENTRY_TYPE.CONF_CHANGE_V2;
  return [
    ...changes.map((change) => ({ type, payload: encodeConfChange(change), change })),
    { type: ENTRY_TYPE.NORMAL, payload: batch.take(nowMs) },
  ];
}

/** Applies them before they are written: what a start could not apply would be written for good. */
function rehearse(state: ClusterState, entries: readonly NewEntry[], newTerm: Term): void {
  for (const { payload, change } of entries) {
    const index = logIndex(state.appliedIndex + 1);
    if (change === undefined) {
      state.apply(index, newTerm, payload, (_, result) => {
        const error = errorOfResult(result);
        if (error !== undefined) throw error;
      });
      continue;
    }
    const after = changeConfState(state.confState, change);
    if (after === undefined) throw new StrataError("INVARIANT_BROKEN", { reason: "illegal membership" });
    state.applyConfChange(index, newTerm, after, change.context);
  }
  state.checkInvariants();
}

async function write(
  { disk, directories, clock }: NewGroupParts,
  { identity, last, log }: Recovered,
  entries: readonly NewEntry[],
  newTerm: Term,
): Promise<void> {
  const store = await LogStore.open(disk, directories.raft, log, clock);
  entries.forEach(({ type, payload }, i) => {
    const index = logIndex(last.index + 1 + i);
    store.append(index, { term: newTerm, type, bytes: payload, start: 0, end: payload.length });
  });
  const commit = logIndex(last.index + entries.length);
  // It has led this term, with itself as the only voter.
  store.setHardState({ term: newTerm, vote: identity.nodeId, commit });
  // After an error the process ends: there is nothing to close.
  store.commit();
  await store.close();
}
