import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../../../../test/support/disk-faults/fault-shim.c", import.meta.url));

/** Calls that can be made to fail. `read` is every way to read; `create` opens for writing. */
export type SystemCall =
  | "fsync"
  | "fdatasync"
  | "write"
  | "pwrite"
  | "read"
  | "open"
  | "create"
  | "rename"
  | "unlink"
  | "mkdir"
  | "truncate";

export type ErrorName = "EIO" | "ENOSPC" | "EDQUOT" | "EROFS" | "EACCES" | "EINTR" | "EMFILE";

/** Which call on which file is tampered with, and how. */
export interface Tampering {
  readonly calls: readonly SystemCall[];
  /** Part of the file's path. */
  readonly path: string;
  /** The first such call, from 1. */
  readonly nth: number;
  /** How many from there on; left out: all. */
  readonly times?: number;
  readonly error?: ErrorName;
  /** Half of the bytes are written. */
  readonly isShort?: boolean;
  /** The call waits so long first; "armed": so many ms as the arm file holds, while it exists. */
  readonly sleepMs?: number | "armed";
  /** The process is killed in the call, before it is carried out. */
  readonly mustKill?: boolean;
}

const ERRORS: Readonly<Record<ErrorName, number>> = constants.errno;

/** Why there is none. */
export const NO_SHIM = "no C compiler";

/** The library that tampers with system calls; undefined where it cannot be built. */
export class Shim {
  readonly #library: string;

  /** Builds it in `directory`. */
  static build(directory: string): Shim | undefined {
    const library = join(directory, "fault-shim.so");
    const { status } = spawnSync("cc", ["-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"]);
    return process.platform === "linux" && status === 0 ? new Shim(library) : undefined;
  }

  private constructor(library: string) {
    this.#library = library;
  }

  get library(): string {
    return this.#library;
  }

  /** Environment of a process that is tampered with. `note` is a file that tells what was done; with `arm`
   * nothing is done while that file does not exist. */
  environment(tampering: Tampering, note: string, arm?: string): Record<string, string> {
    const { calls, path, nth, times = 0, error, isShort, sleepMs, mustKill } = tampering;
    return {
      LD_PRELOAD: this.#library,
      FAULT_CALL: calls.join(","),
      FAULT_PATH: path,
      FAULT_NTH: String(nth),
      FAULT_TIMES: String(times),
      FAULT_ERRNO: String(error === undefined ? 0 : ERRORS[error]),
      FAULT_SHORT: isShort === true ? "1" : "0",
      FAULT_SLEEP_MS: sleepMs === "armed" ? "-1" : String(sleepMs ?? 0),
      FAULT_KILL: mustKill === true ? "1" : "0",
      FAULT_NOTE: note,
      ...(arm === undefined ? {} : { FAULT_ARM: arm }),
    };
  }
}

/** Calls that were tampered with, `call path` each. */
export function tamperedCalls(note: string): string[] {
  return existsSync(note) ? readFileSync(note, "utf8").trim().split("\n") : [];
}
