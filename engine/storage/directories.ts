import { basename, dirname, join } from "node:path";
import type { Disk } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import type { LogIndex } from "../core/ids.js";

/** Suffix of files that are being replaced; one may be left behind by a crash and means nothing. */
export const TEMPORARY_SUFFIX = ".tmp";

/** Where an SCM keeps what (architecture §6):
 *
 *   <metadata>/scm/current/VERSION   ids and layout version, as the reference writes it
 *   <metadata>/scm/in_use.lock/      held while a process uses any of this
 *   <metadata>/scm/raft/             log store and watermark
 *   <metadata>/scm/state/base/       state store; another name after a snapshot was installed */
export interface StorageDirectories {
  readonly root: string;
  readonly current: string;
  readonly versionFile: string;
  readonly lock: string;
  readonly raft: string;
  /** Holds the state store in a directory of its own. */
  readonly state: string;
}

/** Within a store's directory: where `strata verify` reads a copy of it. RocksDB leaves directories alone. */
export const COPY_DIRECTORY = "verify-copy";

/** The state store that `--init` makes. */
export const BASE_STATE_DIRECTORY = "base";

/** The state store that is made of a snapshot at `index`. */
export function snapshotStateDirectory(index: LogIndex): string {
  return `snapshot-${index}`;
}

/** Whether a name in the state directory is one of these two; anything else is not ours. */
export function isStateDirectory(name: string): boolean {
  return name === BASE_STATE_DIRECTORY || /^snapshot-\d+$/.test(name);
}

/** `raftDir` and `stateDir` are where the configuration puts them; their defaults lie in `metadataDir`. */
export function storageDirectories(options: {
  readonly metadataDir: string;
  readonly raftDir?: string;
  readonly stateDir?: string;
}): StorageDirectories {
  const root = join(options.metadataDir, "scm");
  const current = join(root, "current");
  return {
    root,
    current,
    versionFile: join(current, "VERSION"),
    lock: join(root, "in_use.lock"),
    raft: options.raftDir ?? join(root, "raft"),
    state: options.stateDir ?? join(root, "state"),
  };
}

/** Spec 07 §1.2. */
export type StorageState = "NON_EXISTENT" | "NOT_INITIALIZED" | "INITIALIZED";

/** Throws CorruptionError VERSION_FILE_CORRUPT when there is something where VERSION should be, but not
 * it. */
export function storageState(disk: Disk, directories: StorageDirectories): StorageState {
  const { root, current, versionFile } = directories;
  if (!disk.list(dirname(root)).includes(basename(root))) return "NON_EXISTENT";
  const names = disk.list(current).filter((name) => !name.endsWith(TEMPORARY_SUFFIX));
  if (names.includes(basename(versionFile))) return "INITIALIZED";
  if (names.length === 0) return "NOT_INITIALIZED";
  throw new StrataError("VERSION_FILE_CORRUPT", {
    path: versionFile,
    reason: `missing, but ${current} is not empty: ${names.join(", ")}`,
  });
}
