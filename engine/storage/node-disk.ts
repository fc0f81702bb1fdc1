import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { assert } from "../core/assert.js";
import type { Disk, DiskFile, Lock, Store, StoreFinding, StoreOptions } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import { TEMPORARY_SUFFIX } from "./directories.js";
import { type OpenWatch, openDatabase, openRocksStore } from "./rocksdb-store.js";
import { type ErrorPlace, storageError } from "./storage-error.js";
import { copyStoreFiles } from "./store-copy.js";
import { CUT_FILE, cutWals, disciplineOf, readWals, type WalReport } from "./wal-guard.js";

const LOCK_MEMTABLE_BYTES = 1024 * 1024;

/** Locks held by this process. A database that is garbage-collected closes itself and loses its lock. */
const HELD_LOCKS = new Set<unknown>();

/** Something that a person should know of, though the disk goes on. */
export type DiskNotice =
  /** The end of a log file was cut off; it is in `keptIn`. */
  | { readonly kind: "cut"; readonly finding: StoreFinding; readonly path: string; readonly keptIn: string }
  | { readonly kind: "slowOpen"; readonly path: string; readonly seconds: number; readonly walBytes: number };

/** The real disk: RocksDB for stores, node:fs for files. Any thread may have one; what it opens belongs to
 * that thread. */
export class NodeDisk implements Disk {
  readonly #onNotice: (notice: DiskNotice) => void;

  constructor(onNotice: (notice: DiskNotice) => void = () => {}) {
    this.#onNotice = onNotice;
  }

  /** The caller holds a lock over `path`: what another process writes at this moment would look torn. */
  async openStore(path: string, options: StoreOptions): Promise<Store> {
    const { isEmpty, walBytes } = await this.#guardWals({ path, kind: options.kind });
    if (isEmpty) throw noStore(path);
    return await openRocksStore(path, options, this.#watch(path, walBytes));
  }

  async createStore(path: string, options: StoreOptions): Promise<Store> {
    this.makeDirectory(path);
    const { walBytes } = await this.#guardWals({ path, kind: options.kind });
    return await openRocksStore(path, options, this.#watch(path, walBytes));
  }

  async checkStore(path: string, kind: StoreOptions["kind"]): Promise<readonly StoreFinding[]> {
    const { findings, isEmpty } = await readReport({ path, kind });
    if (isEmpty) throw noStore(path);
    return findings;
  }

  copyStore(path: string, to: string): void {
    this.makeDirectory(to);
    guard(to, () => copyStoreFiles(path, to));
  }

  /** A directory with an empty RocksDB database in it, which is held open. Node.js has no `flock`. A file
   * with a process id in it cannot be made safe: the id may be taken by another process after a crash or a
   * reboot, means nothing in another container that mounts the same volume, and two starters that both find
   * a stale file cannot take it over without a race. RocksDB takes an `fcntl` lock on its file LOCK. The
   * kernel holds it, drops it when the process ends, however that ends, and knows no stale ones. */
  async lock(path: string): Promise<Lock> {
    this.makeDirectory(path);
    await requireSoundLock(path);
    const place: ErrorPlace = { path, kind: "file" };
    const db = await openDatabase(place, [], LOCK_MEMTABLE_BYTES, this.#watch(path, 0));
    HELD_LOCKS.add(db);
    return {
      release: async () => {
        if (HELD_LOCKS.delete(db)) await db.close();
      },
    };
  }

  /** Cuts off what RocksDB cannot read at the end of its logs. */
  async #guardWals(place: ErrorPlace): Promise<WalReport> {
    const { path } = place;
    const report = await readReport(place);
    guard(path, () => cutWals(report.findings, place));
    for (const finding of report.findings) {
      this.#onNotice({ kind: "cut", finding, path, keptIn: join(path, CUT_FILE) });
    }
    return report;
  }

  #watch(path: string, walBytes: number): OpenWatch {
    return { walBytes, onSlow: (seconds) => this.#onNotice({ kind: "slowOpen", path, seconds, walBytes }) };
  }

  readFile(path: string): Uint8Array | undefined {
    return guard(path, () => {
      try {
        return new Uint8Array(readFileSync(path));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  writeFile(path: string, bytes: Uint8Array): void {
    guard(path, () => {
      const temporary = path + TEMPORARY_SUFFIX;
      const file = openSync(temporary, "w", 0o640);
      try {
        writeAll(file, bytes, 0);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
      syncDirectory(dirname(path));
    });
  }

  openFile(path: string): DiskFile {
    return new NodeFile(
      path,
      guard(path, () => openSync(path, "r+")),
    );
  }

  makeDirectory(path: string): void {
    guard(path, () => {
      const absolute = resolve(path);
      const first = mkdirSync(absolute, { recursive: true, mode: 0o750 });
      if (first === undefined) return;
      // A new name is durable when the directory that holds it is: that of each directory just made.
      for (let made = absolute; ; made = dirname(made)) {
        syncDirectory(dirname(made));
        if (made === first) return;
      }
    });
  }

  removeDirectory(path: string): void {
    guard(path, () => {
      const parent = dirname(resolve(path));
      rmSync(path, { recursive: true, force: true });
      try {
        syncDirectory(parent);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }

  list(path: string): string[] {
    return guard(path, () => {
      try {
        return readdirSync(join(path)).sort();
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    });
  }
}

async function readReport(place: ErrorPlace): Promise<WalReport> {
  try {
    return await readWals(place.path, disciplineOf(place.kind));
  } catch (error) {
    if (!isMissing(error)) throw storageError(error, place);
    if (error.path === place.path) throw noStore(place.path);
    // A file went while it was looked at, as only RocksDB makes them go.
    throw new StrataError("STORAGE_LOCKED", { path: place.path }, { cause: error });
  }
}

function noStore(path: string): StrataError {
  return new StrataError("STORAGE_OPEN", { path, reason: "there is no store" });
}

/** Whoever takes a lock may find another process in the middle of taking it, with files that come and go, so
 * nothing is cut off here. */
async function requireSoundLock(path: string): Promise<void> {
  let findings: readonly StoreFinding[] = [];
  try {
    findings = (await readWals(path, "synced")).findings;
  } catch (error) {
    if (!isMissing(error)) throw storageError(error, { path, kind: "file" });
  }
  const bad = findings.find(({ kind }) => kind !== "torn");
  if (bad === undefined) return;
  const reason = `${bad.file} is damaged; nothing is in there: when no SCM runs, remove the directory`;
  throw new StrataError("STORAGE_OPEN", { path, reason });
}

class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #file: number;
  #isOpen = true;

  constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
  }

  write(offset: number, bytes: Uint8Array): void {
    assert(this.#isOpen, "the file is closed");
    guard(this.#path, () => writeAll(this.#file, bytes, offset));
  }

  sync(): void {
    assert(this.#isOpen, "the file is closed");
    guard(this.#path, () => fdatasyncSync(this.#file));
  }

  close(): void {
    assert(this.#isOpen, "the file is closed already");
    this.#isOpen = false;
    guard(this.#path, () => closeSync(this.#file));
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function isMissing(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function guard<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw storageError(error, { path, kind: "file" });
  }
}
