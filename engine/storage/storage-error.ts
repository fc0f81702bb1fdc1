import { unreachable } from "../core/assert.js";
import { StrataError } from "../core/errors.js";

/** What the errors of a place on disk are called. */
export interface ErrorPlace {
  readonly path: string;
  readonly kind: "log" | "state" | "file";
}

/** Turns an error of RocksDB or of node:fs into ours; the original stays as its cause. Errors that are ours
 * already, and those that are no input/output errors (a mistake in the code), are returned as they are. */
export function storageError(thrown: unknown, place: ErrorPlace): unknown {
  const error = reasonOf(thrown);
  if (!(error instanceof Error) || error instanceof StrataError) return error;
  const code = codeOf(error);
  const reason = error.message;
  const { path } = place;
  if (code === "LEVEL_LOCKED") return new StrataError("STORAGE_LOCKED", { path }, { cause: error });
  if (code === "LEVEL_CORRUPTION") return corruptionError(place, reason, error);
  if (isFull(code, reason)) return new StrataError("STORAGE_FULL", { path }, { cause: error });
  if (code === "LEVEL_IO_ERROR" || isSystemError(error)) {
    return new StrataError("STORAGE_IO", { path, reason }, { cause: error });
  }
  return error;
}

/** What abstract-level says of a database that does not open or close; the reason is the `cause`. */
const WRAPPED = new Set<unknown>(["LEVEL_DATABASE_NOT_OPEN", "LEVEL_DATABASE_NOT_CLOSED"]);

function reasonOf(error: unknown): unknown {
  if (!(error instanceof Error) || !(error.cause instanceof Error)) return error;
  return WRAPPED.has(codeOf(error)) ? error.cause : error;
}

/** The same for a database that does not open. A file that is missing is an input/output error for RocksDB;
 * for us the store is damaged: STORAGE_OPEN. */
export function openError(error: unknown, place: ErrorPlace): unknown {
  const reason = reasonOf(error);
  const known = storageError(reason, place);
  if (known instanceof StrataError && known.code !== "STORAGE_IO") return known;
  const text = reason instanceof Error ? reason.message : String(reason);
  return new StrataError("STORAGE_OPEN", { path: place.path, reason: text }, { cause: error });
}

/** For a place whose very bytes are unreadable. */
export function corruptionError({ path, kind }: ErrorPlace, reason: string, cause?: Error): StrataError {
  switch (kind) {
    case "log":
      return new StrataError("LOG_CORRUPT", { where: path, reason }, { cause });
    case "state":
      return new StrataError("STATE_CORRUPT", { where: path, reason }, { cause });
    case "file":
      return new StrataError("STORAGE_OPEN", { path, reason }, { cause });
    default:
      return unreachable(kind);
  }
}

function codeOf(error: Error): unknown {
  return "code" in error ? error.code : undefined;
}

function isSystemError(error: Error): boolean {
  return "errno" in error && "syscall" in error;
}

function isFull(code: unknown, reason: string): boolean {
  if (code === "ENOSPC" || code === "EDQUOT") return true;
  return code === "LEVEL_IO_ERROR" && /No space left on device|Disk quota exceeded/i.test(reason);
}
