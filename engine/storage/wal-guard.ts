import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as endOfTurn } from "node:timers/promises";
import type { StoreFinding } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import { corruptionError, type ErrorPlace } from "./storage-error.js";
import { checkManifest, checkWals, type ScannedWal, type WalDiscipline } from "./wal-check.js";
import { WAL_HEADER_BYTES, type WalBytes } from "./wal-format.js";
import { WalScan } from "./wal-scan.js";

/** Holds what was cut off last, one finding after the other. */
export const CUT_FILE = "cut-off.wal";

const COPY_BYTES = 1024 * 1024;

/** Each write to the Raft log is synced. Flushes of the state are not: the Raft log brings them back. The
 * lock's own database holds nothing. */
export function disciplineOf(kind: ErrorPlace["kind"]): WalDiscipline {
  return kind === "log" ? "synced" : "unsynced";
}

/** What is in a store's log files, before RocksDB reads them. */
export interface WalReport {
  readonly findings: readonly StoreFinding[];
  /** Of all write-ahead logs: RocksDB reads them again. */
  readonly walBytes: number;
  /** There is no store. */
  readonly isEmpty: boolean;
}

/** Reads the log files of the store in `directory` and proves that RocksDB can; changes nothing. Two things
 * it would do with bad ones are not acceptable (stack-limits.md §6): garbage after the last record, or one
 * flipped bit in a record's type, can make it loop for ever; a damaged record in the middle ends the log
 * there without a word. No other process may have the store open. */
export async function readWals(directory: string, discipline: WalDiscipline): Promise<WalReport> {
  const names = readdirSync(directory);
  const walNames = names.filter((name) => /^\d+\.log$/.test(name)).sort((a, b) => numberIn(a) - numberIn(b));
  const findings: StoreFinding[] = [];
  const manifest = manifestName(directory, names);
  const isEmpty = manifest === undefined;
  if (!isEmpty) {
    await withScans(directory, [manifest], "edits", ([scanned]) => {
      findings.push(...checkManifest(scanned as ScannedWal));
      return 0;
    });
  }
  const walBytes = await withScans(directory, walNames, "batches", (logs) => {
    findings.push(...checkWals(logs, discipline));
    return logs.reduce((sum, { scan }) => sum + scan.file.size, 0);
  });
  return { findings, walBytes, isEmpty };
}

/** Cuts off what can be cut off, and keeps it in CUT_FILE: the watermark may say later that it was more than
 * it seemed. Throws CorruptionError for the first finding that must stay as it is. */
export function cutWals(findings: readonly StoreFinding[], place: ErrorPlace): void {
  for (const { file, offset, kind, reason } of findings) {
    if (kind !== "damaged") continue;
    const at = { ...place, path: join(place.path, file) };
    throw corruptionError(at, `${reason}, at byte ${offset}`);
  }
  for (const [i, finding] of findings.entries()) cut(place.path, finding, i === 0 ? "w" : "a");
}

function cut(directory: string, { file, offset, bytes, kind }: StoreFinding, keepAs: "w" | "a"): void {
  // What is left of a bad header tells RocksDB that the log was torn here, so that it takes no later log
  // that does not go on from here.
  const kept = kind === "unsynced" ? Math.min(bytes, WAL_HEADER_BYTES - 1) : 0;
  if (kept === bytes) return;
  const handle = openSync(join(directory, file), "r+");
  try {
    keep(handle, offset, join(directory, CUT_FILE), keepAs);
    ftruncateSync(handle, offset + kept);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Copies what is in a file from `offset` on, over `to` or behind what is in there. */
function keep(file: number, offset: number, to: string, keepAs: "w" | "a"): void {
  const copy = openSync(to, keepAs, 0o640);
  try {
    const bytes = new Uint8Array(COPY_BYTES);
    let at = offset;
    for (let count = -1; count !== 0; at += count) {
      count = readSync(file, bytes, 0, bytes.length, at);
      for (let done = 0; done < count; ) done += writeSync(copy, bytes, done, count - done);
    }
    fsyncSync(copy);
  } finally {
    closeSync(copy);
  }
}

/** The MANIFEST that CURRENT names; undefined where there is no store. Without that RocksDB would begin a
 * new, empty database, and delete all that is left of the old one. */
function manifestName(directory: string, names: readonly string[]): string | undefined {
  const broken = (reason: string) => new StrataError("STORAGE_OPEN", { path: directory, reason });
  if (!names.includes("CURRENT")) {
    if (names.some((name) => /^\d+\.(log|sst)$/.test(name))) throw broken("its file CURRENT is missing");
    return undefined;
  }
  const name = readFileSync(join(directory, "CURRENT"), "latin1").trimEnd();
  if (!/^MANIFEST-\d+$/.test(name)) throw broken("its file CURRENT names no MANIFEST");
  if (!names.includes(name)) throw broken(`its file ${name} is missing`);
  return name;
}

function numberIn(name: string): number {
  return Number.parseInt(name, 10);
}

async function withScans<T>(
  directory: string,
  names: readonly string[],
  holds: "batches" | "edits",
  use: (logs: readonly ScannedWal[]) => T,
): Promise<T> {
  const files: WalFile[] = [];
  try {
    const logs: ScannedWal[] = [];
    for (const name of names) {
      const file = new WalFile(join(directory, name));
      files.push(file);
      const scan = new WalScan(file, holds);
      while (scan.step()) await endOfTurn();
      logs.push({ file: name, scan });
    }
    return use(logs);
  } finally {
    for (const file of files) file.close();
  }
}

/** A log file on disk. */
class WalFile implements WalBytes {
  readonly size: number;
  readonly #handle: number;
  #bytes = new Uint8Array(0);

  constructor(path: string) {
    this.#handle = openSync(path, "r");
    this.size = fstatSync(this.#handle).size;
  }

  read(offset: number, length: number): Uint8Array {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#handle, this.#bytes, done, length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return this.#bytes.subarray(0, done);
  }

  close(): void {
    closeSync(this.#handle);
  }
}
