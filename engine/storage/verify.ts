import { join } from "node:path";
import type { LoadTarget, StateMachine } from "../cluster/state-machine.js";
import type { Disk, Store, StoreOptions } from "../core/disk.js";
import { DISK_TABLE_MIN } from "../core/disk-tables.js";
import { StrataError } from "../core/errors.js";
import {
  BASE_STATE_DIRECTORY,
  COPY_DIRECTORY,
  isStateDirectory,
  type StorageDirectories,
  storageState,
} from "./directories.js";
import { MARK_FILE } from "./durable-mark.js";
import { LOG_COLUMN, META_COLUMN } from "./log-format.js";
import { LOG_STORE_OPTIONS } from "./log-meta.js";
import { type ReadLog, readLog } from "./read-log.js";
import type { OnRecoveryStep } from "./recovered.js";
import { recover } from "./recovery.js";
import { requireStateIdentity, STATE_STORE_OPTIONS, StateScan } from "./state-store.js";
import { corruptionError } from "./storage-error.js";
import {
  cutFinding,
  diskRowFinding,
  errorFinding,
  type Finding,
  markFinding,
  strayFinding,
} from "./verify-findings.js";
import { readVersionFile } from "./version-file.js";

/** Damaged rows that are listed one by one. */
const DAMAGED_ROWS_MAX = 100;
const STEP_ROWS = 1024;

const ALL_KEYS = { from: Uint8Array.of(0), to: new Uint8Array(32).fill(255) };

/** What a sound SCM holds. */
export interface StorageSummary {
  readonly clusterId: string;
  readonly scmId: string;
  readonly term: number;
  /** First and last entry of the log; first > last when it is empty. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Of the last entry. Of several SCMs of a group the one with the highest has all that any of them knows to
   * be committed; among equal ones, the one with the highest last entry (thesis §3.6.1). */
  readonly lastTerm: number;
  readonly appliedIndex: number;
  /** Entries that are durable, but not yet known to be committed. */
  readonly tailEntryCount: number;
  readonly rowCount: number;
  /** Of the state at `appliedIndex`: equal on all SCMs at an equal index. */
  readonly stateHash: string;
}

export interface VerifyReport {
  readonly findings: readonly Finding[];
  /** Undefined when there was an error. */
  readonly summary: StorageSummary | undefined;
}

/** Checks a stopped SCM's directories: VERSION, the stores' own log files, every record of the Raft log,
 * every row of the state, that their ids agree, and the invariants of the state after replay into `target`,
 * which must be empty. Goes on after an error as far as it can.
 *
 * Changes nothing: RocksDB, which moves what it reads from its logs into tables and throws the logs away,
 * only sees copies, which are removed again. Takes the lock. Throws StorageError STORAGE_LOCKED while an SCM
 * runs, STORAGE_NOT_INITIALIZED when there is nothing. */
export async function verify(
  disk: Disk,
  directories: StorageDirectories,
  target: LoadTarget & StateMachine,
  onStep: OnRecoveryStep,
): Promise<VerifyReport> {
  if (disk.list(directories.root).length === 0) {
    throw new StrataError("STORAGE_NOT_INITIALIZED", { path: directories.root });
  }
  const lock = await disk.lock(directories.lock);
  const verification = new Verification(disk, directories, onStep);
  try {
    return await verification.run(target);
  } finally {
    verification.removeCopies();
    await lock.release();
  }
}

class Verification {
  readonly #disk: Disk;
  readonly #directories: StorageDirectories;
  readonly #onStep: OnRecoveryStep;
  readonly #findings: Finding[] = [];
  readonly #copies: string[] = [];
  #rowCount = 0;

  constructor(disk: Disk, directories: StorageDirectories, onStep: OnRecoveryStep) {
    this.#disk = disk;
    this.#directories = directories;
    this.#onStep = onStep;
  }

  async run(target: LoadTarget & StateMachine): Promise<VerifyReport> {
    await this.#attempt(this.#directories.versionFile, () => {
      // As `--init` sees it, which is what writes another one.
      storageState(this.#disk, this.#directories);
      readVersionFile(this.#disk, this.#directories.versionFile);
    });
    const log = await this.#checkLog();
    for (const name of this.#stateNames(log)) await this.#checkState(name, log);
    const summary = this.#hasError ? undefined : await this.#checkReplay(target);
    return { findings: this.#findings, summary };
  }

  removeCopies(): void {
    for (const path of this.#copies) this.#disk.removeDirectory(path);
  }

  get #hasError(): boolean {
    return this.#findings.some(({ severity }) => severity === "error");
  }

  async #checkLog(): Promise<ReadLog | undefined> {
    const { raft } = this.#directories;
    const log = await this.#withCopy(raft, LOG_STORE_OPTIONS, logCopy(raft), async (store, copy) => {
      const found = await readLog(this.#disk, copy, store, this.#onStep);
      // Also what is overwritten or truncated: a compaction reads it some day.
      for (const column of [LOG_COLUMN, META_COLUMN]) await this.#scan(store, column);
      return found;
    });
    if (log !== undefined && log.mark.damagedSlots > 0) {
      this.#findings.push(markFinding(join(raft, MARK_FILE)));
    }
    return log;
  }

  async #scan(store: Store, column: string): Promise<void> {
    const cursor = store.scan(column, ALL_KEYS);
    // Filters are read by look-ups only.
    const lookUp = (key: Uint8Array): void => void store.get(column, key);
    try {
      while (cursor.next(STEP_ROWS, lookUp) > 0) {
        await this.#onStep({ name: "log", count: this.#rowCount, isDone: false });
      }
    } finally {
      cursor.close();
    }
  }

  /** The state store that the log names, or all when the log is unreadable. */
  #stateNames(log: ReadLog | undefined): readonly string[] {
    const { state } = this.#directories;
    const names = this.#disk.list(state).filter(isStateDirectory);
    if (log === undefined) return names.length === 0 ? [BASE_STATE_DIRECTORY] : names;
    const { stateDirectory } = log.meta.truncation;
    for (const name of names) {
      if (name !== stateDirectory) this.#findings.push(strayFinding(join(state, name)));
    }
    return [stateDirectory];
  }

  async #checkState(name: string, log: ReadLog | undefined): Promise<void> {
    const path = join(this.#directories.state, name);
    if (this.#disk.list(path).length === 0) {
      this.#add(path, new StrataError("STATE_MISSING", { path }));
      return;
    }
    await this.#withCopy(path, STATE_STORE_OPTIONS, join(stateCopies(path), name), async (store, copy) => {
      if (log !== undefined) {
        await this.#attempt(path, () => requireStateIdentity(store, copy, log.meta.identity));
      }
      await this.#scanState(store, path);
    });
  }

  async #scanState(store: Store, path: string): Promise<void> {
    let damagedCount = 0;
    const scan = new StateScan(store, "all", (error, table) => {
      damagedCount++;
      if (damagedCount > DAMAGED_ROWS_MAX) return;
      if (table < DISK_TABLE_MIN) this.#add(path, error);
      else this.#findings.push(diskRowFinding(path, error));
    });
    try {
      const ignore = (): void => {};
      for (let rows = scan.step(STEP_ROWS, ignore); rows > 0; rows = scan.step(STEP_ROWS, ignore)) {
        this.#rowCount += rows;
        await this.#onStep({ name: "state", count: this.#rowCount, isDone: false });
      }
    } finally {
      scan.close();
    }
    if (damagedCount > DAMAGED_ROWS_MAX) {
      const reason = `${damagedCount - DAMAGED_ROWS_MAX} more rows are damaged`;
      this.#add(path, new StrataError("STATE_CORRUPT", { where: path, reason }));
    }
  }

  /** A start, on the copies. */
  async #checkReplay(target: LoadTarget & StateMachine): Promise<StorageSummary | undefined> {
    const { raft } = this.#directories;
    const state = this.#copies.at(-1) as string;
    const copied = { ...this.#directories, raft: logCopy(raft), state };
    return await this.#attempt(this.#directories.root, async () => {
      const found = await recover(this.#disk, copied, target, this.#onStep);
      target.checkInvariants();
      return {
        clusterId: found.identity.clusterId,
        scmId: found.identity.scmId,
        term: found.hardState.term,
        firstIndex: found.truncated.index + 1,
        lastIndex: found.last.index,
        lastTerm: found.last.term,
        appliedIndex: target.appliedIndex,
        tailEntryCount: found.tail.length,
        rowCount: this.#rowCount,
        stateHash: target.hash(),
      };
    });
  }

  /** Checks the files of the store in `path`, and uses a copy of it, unless they are damaged. */
  async #withCopy<T>(
    path: string,
    options: StoreOptions,
    copy: string,
    use: (store: Store, copy: string) => Promise<T>,
  ): Promise<T | undefined> {
    return await this.#attempt(path, async () => {
      if (!(await this.#checkFiles(path, options.kind))) return undefined;
      const container = join(path, COPY_DIRECTORY);
      // One may be left of a verification that was killed.
      this.#disk.removeDirectory(container);
      this.#copies.push(container);
      this.#disk.copyStore(path, copy);
      const store = await this.#disk.openStore(copy, options);
      try {
        return await use(store, copy);
      } finally {
        await store.close();
      }
    });
  }

  /** False when a record is damaged. */
  async #checkFiles(path: string, kind: StoreOptions["kind"]): Promise<boolean> {
    let isSound = true;
    for (const finding of await this.#disk.checkStore(path, kind)) {
      const file = join(path, finding.file);
      if (finding.kind !== "damaged") {
        this.#findings.push(cutFinding(file, finding));
        continue;
      }
      isSound = false;
      this.#add(file, corruptionError({ path: file, kind }, `${finding.reason}, at byte ${finding.offset}`));
    }
    return isSound;
  }

  /** Turns an operating error of `action` into a finding. */
  async #attempt<T>(where: string, action: () => Promise<T> | T): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      this.#add(where, error);
      return undefined;
    }
  }

  #add(where: string, error: StrataError): void {
    const finding = errorFinding(where, error);
    this.#findings.push({ ...finding, what: withoutCopies(finding.what) });
  }
}

/** The log's copy: with the watermark beside it, as a start needs it. */
function logCopy(raft: string): string {
  return join(raft, COPY_DIRECTORY);
}

/** Holds the copy of the state store under its own name, as a start needs it. */
function stateCopies(path: string): string {
  return join(path, COPY_DIRECTORY);
}

/** Names the store where an error named its copy. */
function withoutCopies(text: string): string {
  const inState = new RegExp(`/([^/]+)/${COPY_DIRECTORY}/\\1(?=[/: ,]|$)`, "g");
  return text.replace(inState, "/$1").replaceAll(`/${COPY_DIRECTORY}`, "");
}
