import type { Clock } from "../../../engine/core/clock.js";
import type { Disk } from "../../../engine/core/disk.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import type { Entry, HardState } from "../../../engine/raft/types.js";
import { ENTRY_TYPE, nodeId } from "../../../engine/raft/types.js";
import { type StorageDirectories, storageDirectories } from "../../../engine/storage/directories.js";
import { initialize } from "../../../engine/storage/initialize.js";
import { LOG_STORE_OPTIONS } from "../../../engine/storage/log-meta.js";
import { LogStore } from "../../../engine/storage/log-store.js";
import { EntryScan } from "../../../engine/storage/log-walk.js";
import { logPosition, type ReadLog, readLog } from "../../../engine/storage/read-log.js";

export const NO_STEP = (): void => {};

/** A clock that moves when it is told to. */
export class ManualClock implements Clock {
  nowMs = 0;

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return 1_767_225_600_000 + this.nowMs;
  }
}

/** Initialises directories under `metadataDir`; ids follow from `seed`. */
export async function initialized(disk: Disk, metadataDir: string, seed = 1): Promise<StorageDirectories> {
  const directories = storageDirectories({ metadataDir });
  await initialize(disk, directories, { clock: new ManualClock(), random: new SeededRandom(seed) });
  return directories;
}

/** What is in the log store now, and its entries. */
export async function readWholeLog(
  disk: Disk,
  path: string,
): Promise<{ readonly log: ReadLog; readonly entries: Entry[] }> {
  const store = await disk.openStore(path, LOG_STORE_OPTIONS);
  try {
    const log = await readLog(disk, path, store, NO_STEP);
    const index = log.meta.truncation.truncated.index + 1;
    const scan = new EntryScan(store, log.meta.truncation.epoch, { blobFirstIndex: 0, index });
    const entries: Entry[] = [];
    while (scan.step((entry) => entries.push(entry)));
    scan.close();
    return { log, entries };
  } finally {
    await store.close();
  }
}

/** Reads the log as a start does and opens it for writing. */
export async function openLog(disk: Disk, path: string, clock: Clock): Promise<LogStore> {
  const { log } = await readWholeLog(disk, path);
  return await LogStore.open(disk, path, logPosition(log), clock);
}

export function appendEntry(store: LogStore, { index, term, type, payload }: Entry): void {
  store.append(index, { term, type, bytes: payload, start: 0, end: payload.length });
}

export function normalEntry(index: number, entryTerm: number, payload: Uint8Array): Entry {
  return { index: logIndex(index), term: term(entryTerm), type: ENTRY_TYPE.NORMAL, payload };
}

export function hardStateOf(hardTerm: number, vote: number, commit: number): HardState {
  return { term: term(hardTerm), vote: nodeId(vote), commit: logIndex(commit) };
}
