import { join } from "node:path";
import type { LoadTarget, StateMachine } from "../cluster/state-machine.js";
import type { Disk, Store } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import { type LogIndex, logIndex, type Term } from "../core/ids.js";
import { changeConfState } from "../raft/conf-change.js";
import { decodeConfChange } from "../raft/conf-change-codec.js";
import { ENTRY_TYPE, type Entry, type HardState } from "../raft/types.js";
import { COPY_DIRECTORY, isStateDirectory, type StorageDirectories } from "./directories.js";
import { describeIdentity } from "./identity.js";
import { entryCorrupt } from "./log-format.js";
import { LOG_STORE_OPTIONS, type LogMeta } from "./log-meta.js";
import { EntryScan } from "./log-walk.js";
import { behindWatermark, logPosition, type ReadLog, readLogAsIs } from "./read-log.js";
import type { OnRecoveryStep, Recovered, StorageIdentity, TermSpan } from "./recovered.js";
import { requireStateIdentity, STATE_STORE_OPTIONS, StateScan } from "./state-store.js";
import { readVersionFile, type VersionFile } from "./version-file.js";

/** Rows loaded between two calls of `onStep`; fewer when they are large. */
const STEP_ROWS = 1024;

/** A start's first half (raft.md §12): reads and checks the log, loads the state into `target`, which must be
 * empty, and applies what is committed after it. Nothing is written, but state stores that the log does not
 * name and copies that a killed `strata verify` left are removed; both stores are closed again. The caller
 * holds the lock.
 *
 * Throws StorageError STORAGE_NOT_INITIALIZED, STORAGE_FORMAT, STATE_MISSING, STORAGE_IDS_DIFFER, or one of
 * the disk;
 * CorruptionError VERSION_FILE_CORRUPT, LOG_CORRUPT, STATE_CORRUPT, or LOG_BEHIND_WATERMARK when entries are
 * missing that were acknowledged: this SCM must not take part any more, but rejoin as a new one. */
export async function recover(
  disk: Disk,
  directories: StorageDirectories,
  target: LoadTarget & StateMachine,
  onStep: OnRecoveryStep,
): Promise<Recovered> {
  return (await recoverWith(disk, directories, target, { onStep, isWhole: false, acceptsLoss: false })).found;
}

/** What is found when the whole log counts as committed. */
export interface WholeRecovered {
  /** Without a tail. The hard state is above all terms and votes that this SCM remembers. */
  readonly found: Recovered;
  /** Entries up to here were known to be committed. */
  readonly committed: LogIndex;
  /** What this SCM has acknowledged and does not have any more. */
  readonly loss: StrataError | undefined;
}

/** As `recover`, for an SCM that is to go on alone, whatever the others have: nobody else can say any more
 * which of its entries were committed. With `acceptsLoss` also without entries and votes that it has
 * acknowledged. */
export function recoverWhole(
  disk: Disk,
  directories: StorageDirectories,
  target: LoadTarget & StateMachine,
  options: { readonly onStep: OnRecoveryStep; readonly acceptsLoss: boolean },
): Promise<WholeRecovered> {
  return recoverWith(disk, directories, target, { ...options, isWhole: true });
}

async function recoverWith(
  disk: Disk,
  directories: StorageDirectories,
  target: LoadTarget & StateMachine,
  options: { readonly onStep: OnRecoveryStep; readonly isWhole: boolean; readonly acceptsLoss: boolean },
): Promise<WholeRecovered> {
  const { onStep, isWhole, acceptsLoss } = options;
  const version = readVersionFile(disk, directories.versionFile);
  const store = await disk.openStore(directories.raft, LOG_STORE_OPTIONS);
  try {
    const { loss, ...log } = await readLogAsIs(disk, directories.raft, store, onStep);
    if (loss !== undefined && !acceptsLoss) throw loss;
    const { identity, truncation } = log.meta;
    requireVersionIdentity(directories.raft, identity, version);
    const statePath = join(directories.state, truncation.stateDirectory);
    await loadState(disk, statePath, log.meta, target, onStep);
    if (isWhole && acceptsLoss) requireLogReaches(target, log);
    requireAppliedInLog(target, log);
    const committed = withCommit(log.meta.hardState, target.appliedIndex);
    const hardState = isWhole ? wholeHardState(log) : committed;
    const tail = await replay(store, log, hardState.commit, target, onStep);
    removeOldStates(disk, directories.state, truncation.stateDirectory);
    for (const path of [directories.raft, statePath]) removeCopy(disk, path);
    const found = recovered(log, {
      hardState,
      tail,
      statePath,
      confState: target.confState,
      primaryScmId: version.primaryScmId,
    });
    return { found, committed: logIndex(Math.min(committed.commit, log.last.index)), loss };
  } finally {
    await store.close();
  }
}

/** A crash came while a snapshot was being installed: before the switch to it, or after (raft.md §12.6). */
function removeOldStates(disk: Disk, path: string, present: string): void {
  for (const name of disk.list(path)) {
    if (isStateDirectory(name) && name !== present) disk.removeDirectory(join(path, name));
  }
}

/** Second names in it keep tables on disk that RocksDB has deleted. */
function removeCopy(disk: Disk, path: string): void {
  if (disk.list(path).includes(COPY_DIRECTORY)) disk.removeDirectory(join(path, COPY_DIRECTORY));
}

function requireVersionIdentity(path: string, found: StorageIdentity, version: VersionFile): void {
  if (found.clusterId === version.clusterId && found.scmId === version.scmId) return;
  const expected = `SCM ${version.scmId} of cluster ${version.clusterId}`;
  throw new StrataError("STORAGE_IDS_DIFFER", { path, found: describeIdentity(found), expected });
}

async function loadState(
  disk: Disk,
  path: string,
  { identity, truncation }: LogMeta,
  target: LoadTarget,
  onStep: OnRecoveryStep,
): Promise<void> {
  // The cause is more often a disk that is not mounted than a damaged store.
  if (disk.list(path).length === 0) throw new StrataError("STATE_MISSING", { path });
  const store = await disk.openStore(path, STATE_STORE_OPTIONS);
  try {
    requireStateIdentity(store, path, identity);
    const scan = new StateScan(store, "memory");
    const load = (table: number, key: Uint8Array, value: Uint8Array): void => target.load(table, key, value);
    let count = 0;
    for (let rows = scan.step(STEP_ROWS, load); rows > 0; rows = scan.step(STEP_ROWS, load)) {
      count += rows;
      await onStep({ name: "state", count, isDone: false });
    }
    scan.close();
    target.loaded(truncation.confState);
    await onStep({ name: "state", count, isDone: true });
  } finally {
    await store.close();
  }
}

/** What was lost may be given up, but the log does not go on from an entry that it does not have. */
function requireLogReaches({ appliedIndex }: StateMachine, { last }: ReadLog): void {
  if (appliedIndex <= last.index) return;
  const reason = `the log ends at ${last.index} already, and a state does not go back`;
  throw new StrataError("STATE_CORRUPT", { where: `applied index ${appliedIndex}`, reason });
}

/** Requires truncated ≤ applied ≤ last, and that the state and the log mean the same entry by it. */
function requireAppliedInLog(target: StateMachine, { meta, last, terms }: ReadLog): void {
  const { appliedIndex, appliedTerm } = target;
  const { truncated } = meta.truncation;
  if (appliedIndex > last.index) throw behindWatermark(last.index, appliedIndex);
  const where = `applied index ${appliedIndex}`;
  if (appliedIndex < truncated.index) {
    const reason = `the log begins after ${truncated.index}, entries between are gone`;
    throw new StrataError("STATE_CORRUPT", { where, reason });
  }
  const logTerm = appliedIndex === truncated.index ? truncated.term : termAt(terms, appliedIndex);
  if (logTerm === appliedTerm) return;
  const reason = `the state was at term ${appliedTerm}, the log's entry has ${logTerm}`;
  throw new StrataError("STATE_CORRUPT", { where, reason });
}

function termAt(terms: readonly TermSpan[], index: LogIndex): Term | undefined {
  return terms.findLast((span) => span.firstIndex <= index)?.term;
}

/** The commit index is stored with the next append, so what was applied last may lie beyond it. */
function withCommit(hardState: HardState, appliedIndex: LogIndex): HardState {
  return appliedIndex <= hardState.commit ? hardState : { ...hardState, commit: appliedIndex };
}

/** The watermark remembers a term that the log has lost. */
function wholeHardState({ meta, mark, last }: ReadLog): HardState {
  const { hardState } = meta;
  const { term, vote } = mark.term > hardState.term ? mark : hardState;
  return { term, vote, commit: last.index };
}

/** Applies the entries up to `commit`, returns those after it. */
async function replay(
  store: Store,
  log: ReadLog,
  commit: LogIndex,
  target: StateMachine,
  onStep: OnRecoveryStep,
): Promise<Entry[]> {
  const tail: Entry[] = [];
  const fromIndex = logIndex(target.appliedIndex + 1);
  let count = 0;
  if (fromIndex <= log.last.index) {
    const blobFirstIndex = log.blobFirstIndexes.findLast((first) => first <= fromIndex) ?? 0;
    const scan = new EntryScan(store, log.meta.truncation.epoch, { blobFirstIndex, index: fromIndex });
    const visit = ({ index, term, type, payload }: Entry): void => {
      if (index > commit) {
        tail.push({ index, term, type, payload });
        return;
      }
      if (type === ENTRY_TYPE.NORMAL) target.apply(index, term, payload, undefined);
      else replayConfChange(target, { index, term, payload });
      count++;
    };
    try {
      while (scan.step(visit)) await onStep({ name: "replay", count, isDone: false });
    } finally {
      scan.close();
    }
  }
  await onStep({ name: "replay", count, isDone: true });
  return tail;
}

/** Applies a committed change of membership; what it leads to is computed as the core of a running SCM does
 * it. */
function replayConfChange(
  target: StateMachine,
  { index, term, payload }: Pick<Entry, "index" | "term" | "payload">,
): void {
  const change = decodeConfChange(payload);
  if (change === undefined) throw entryCorrupt(index, "no change of membership");
  const after = changeConfState(target.confState, change);
  if (after === undefined) throw entryCorrupt(index, "a change of membership that is not legal here");
  target.applyConfChange(index, term, after, change.context);
}

function recovered(
  log: ReadLog,
  found: Pick<Recovered, "hardState" | "tail" | "statePath" | "confState" | "primaryScmId">,
): Recovered {
  const { localIdFloor, termFloor, given, clusterId, scmId, nodeId } = log.meta.identity;
  return {
    identity: { clusterId, scmId, nodeId },
    floors: { localIdFloor, termFloor, given },
    ...found,
    truncated: log.meta.truncation.truncated,
    last: log.last,
    terms: log.terms,
    log: logPosition(log),
  };
}
