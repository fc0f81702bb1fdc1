import { join } from "node:path";
import type { LoadTarget, StateMachine } from "../cluster/state-machine.js";
import type { Disk, Store, StoreOptions } from "../core/disk.js";
import { ERRORS, type ErrorCode, StrataError } from "../core/errors.js";
import { BASE_STATE_DIRECTORY, type StorageDirectories } from "./directories.js";
import { MARK_FILE } from "./durable-mark.js";
import { LOG_STORE_OPTIONS } from "./log-meta.js";
import { type ReadLog, readLog } from "./read-log.js";
import type { OnRecoveryStep } from "./recovered.js";
import { recover } from "./recovery.js";
import { requireStateIdentity, STATE_STORE_OPTIONS, StateScan } from "./state-store.js";
import { readVersionFile } from "./version-file.js";

/** Damaged rows that are listed one by one. */
const DAMAGED_ROWS_MAX = 100;
const STEP_ROWS = 1024;

/** Something that `strata verify` has found. */
export interface Finding {
  /** An error keeps the SCM from starting. */
  readonly severity: "error" | "warning";
  /** File, directory, row or entry. */
  readonly where: string;
  readonly what: string;
  /** What a person does about it. */
  readonly nextStep: string;
}

/** What a sound SCM holds. */
export interface StorageSummary {
  readonly clusterId: string;
  readonly scmId: string;
  readonly term: number;
  /** First and last entry of the log; first > last when it is empty. */
  readonly firstIndex: number;
  readonly lastIndex: number;
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

/** Checks a stopped SCM's directories: VERSION, every record of the log, every row of the state, that
 * their ids agree, and the invariants of the state after replay into `target`, which must be empty. Goes
 * on after an error as far as it can. Changes no row; opening a store lets RocksDB end its own recovery.
 * Takes the lock. Throws StorageError STORAGE_LOCKED while an SCM runs, STORAGE_NOT_INITIALIZED when
 * there is nothing. */
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
  try {
    return await new Verification(disk, directories, onStep).run(target);
  } finally {
    await lock.release();
  }
}

class Verification {
  readonly #disk: Disk;
  readonly #directories: StorageDirectories;
  readonly #onStep: OnRecoveryStep;
  readonly #findings: Finding[] = [];
  #rowCount = 0;

  constructor(disk: Disk, directories: StorageDirectories, onStep: OnRecoveryStep) {
    this.#disk = disk;
    this.#directories = directories;
    this.#onStep = onStep;
  }

  async run(target: LoadTarget & StateMachine): Promise<VerifyReport> {
    await this.#attempt(this.#directories.versionFile, () => {
      readVersionFile(this.#disk, this.#directories.versionFile);
    });
    const log = await this.#checkLog();
    await this.#checkState(log);
    const summary = this.#hasError ? undefined : await this.#checkReplay(target);
    return { findings: this.#findings, summary };
  }

  get #hasError(): boolean {
    return this.#findings.some(({ severity }) => severity === "error");
  }

  async #checkLog(): Promise<ReadLog | undefined> {
    const { raft } = this.#directories;
    const read = (store: Store) => readLog(this.#disk, raft, store, this.#onStep);
    const log = await this.#withStore(raft, LOG_STORE_OPTIONS, read);
    if (log !== undefined && log.mark.damagedSlots > 0) {
      this.#findings.push({
        severity: "warning",
        where: join(raft, MARK_FILE),
        what: "one of its two slots is damaged; the other one is intact",
        nextStep: "None after a loss of power: the next start writes it anew. Else check the disk.",
      });
    }
    return log;
  }

  async #checkState(log: ReadLog | undefined): Promise<void> {
    const name = log?.meta.truncation.stateDirectory ?? BASE_STATE_DIRECTORY;
    const path = join(this.#directories.state, name);
    await this.#withStore(path, STATE_STORE_OPTIONS, async (store) => {
      if (log !== undefined) {
        await this.#attempt(path, () => requireStateIdentity(store, path, log.meta.identity));
      }
      await this.#scanState(store, path);
    });
  }

  async #scanState(store: Store, path: string): Promise<void> {
    let damagedCount = 0;
    const scan = new StateScan(store, "all", (error) => {
      damagedCount++;
      if (damagedCount <= DAMAGED_ROWS_MAX) this.#add(path, error);
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

  async #checkReplay(target: LoadTarget & StateMachine): Promise<StorageSummary | undefined> {
    return await this.#attempt(this.#directories.root, async () => {
      const found = await recover(this.#disk, this.#directories, target, this.#onStep);
      target.checkInvariants();
      return {
        clusterId: found.identity.clusterId,
        scmId: found.identity.scmId,
        term: found.hardState.term,
        firstIndex: found.truncated.index + 1,
        lastIndex: found.last.index,
        appliedIndex: target.appliedIndex,
        tailEntryCount: found.tail.length,
        rowCount: this.#rowCount,
        stateHash: target.hash(),
      };
    });
  }

  /** A directory without a store is a finding; opening it would make one. */
  async #withStore<T>(
    path: string,
    options: StoreOptions,
    use: (store: Store) => Promise<T>,
  ): Promise<T | undefined> {
    return await this.#attempt(path, async () => {
      if (this.#disk.list(path).length === 0) {
        throw new StrataError("STORAGE_OPEN", { path, reason: "there is no store" });
      }
      const store = await this.#disk.openStore(path, options);
      try {
        return await use(store);
      } finally {
        await store.close();
      }
    });
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
    const what = `${error.code}: ${error.message}`;
    const nextStep = NEXT_STEPS[error.code] ?? ERRORS[error.code].action;
    this.#findings.push({ severity: "error", where, what, nextStep });
  }
}

const REJOIN =
  "Keep these directories for analysis. With other SCMs alive, put them aside and join again as a new SCM " +
  "(`strata scm --bootstrap`); a lone SCM needs the directories of its last backup.";

/** Where the error table sends people to this very command, the way on from here. */
const NEXT_STEPS: Partial<Record<ErrorCode, string>> = {
  LOG_CORRUPT: REJOIN,
  LOG_BEHIND_WATERMARK: REJOIN,
  STATE_CORRUPT: REJOIN,
  STORAGE_OPEN: REJOIN,
  STATE_MISSING: `Mount the state directory, or put it back into its place. If it is lost: ${REJOIN}`,
  INVARIANT_BROKEN: `Report this as a bug. ${REJOIN}`,
  VERSION_FILE_CORRUPT:
    "When nothing else is found, move the file away and run `strata scm --init`: it is written anew " +
    "with the ids that the log holds.",
  STORAGE_NOT_INITIALIZED: "When nothing else is found, run `strata scm --init`: VERSION is written anew.",
};
