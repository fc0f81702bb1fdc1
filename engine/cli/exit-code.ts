import { RemoteError } from "../../protocol/codec/errors.js";
import { ERRORS, type ErrorClass, type ErrorCode, StrataError } from "../core/errors.js";
import { isOpening } from "../storage/open-watchdog.js";
import type { CommandIo } from "./io.js";

/** How every command of `strata` ends. The numbers from 64 on are those of BSD's sysexits.h. */
export const EXIT = {
  OK: 0,
  FAILED: 1,
  USAGE: 2,
  UNAVAILABLE: 69,
  BUG: 70,
  STORAGE: 74,
  CONFIG: 78,
  /** As a shell shows an end by SIGKILL. */
  KILLED: 137,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODE_HELP = `
Exit codes:
  0   done
  1   failed: the message says why
  2   wrong usage
  69  the SCM cannot be reached, is not ready, or is overloaded
  70  a bug in strata
  74  a disk, or what is on it
  78  configuration
  137 a store does not open and does not fail: the process ended itself with SIGKILL
`;

/** A command that ends with a message of its own and an exit code; `cause` is the coded error behind it,
 * if any. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.FAILED, cause?: Error) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** The exit code that an error ends the process with. What has no code of ours is a bug. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof StrataError && error.code === "STORAGE_STALLED") return EXIT.KILLED;
  if (error instanceof StrataError || error instanceof RemoteError) return exitCodeOfClass(error.class);
  return EXIT.BUG;
}

/** Ends the process now. Where a thread is stuck in a store that does not open, `process.exit` would wait for
 * it for ever. */
export function endProcess(exitCode: ExitCode): never {
  if (exitCode === EXIT.KILLED || isOpening()) process.kill(process.pid, "SIGKILL");
  process.exit(exitCode);
}

function exitCodeOfClass(errorClass: ErrorClass): ExitCode {
  switch (errorClass) {
    case "UnavailableError":
    case "NotLeaderError":
      return EXIT.UNAVAILABLE;
    case "StorageError":
    case "CorruptionError":
      return EXIT.STORAGE;
    case "ConfigError":
      return EXIT.CONFIG;
    case "ProtocolError":
    case "RejectedError":
      return EXIT.FAILED;
  }
}

/** Says what happened and what to do about it. */
export function printError(io: CommandIo, error: unknown): void {
  io.progress("");
  const code = codeOf(error instanceof CommandError ? error.cause : error);
  if (error instanceof Error && (error instanceof CommandError || code !== undefined)) {
    // The code belongs to the whole message, not to the last of several problems.
    const [headline = "", ...more] = error.message.split("\n");
    io.err([`strata: ${headline}${code === undefined ? "" : ` (${code})`}`, ...more].join("\n"));
    const isTimeout = code === "REQUEST_TIMEOUT" || code === "NO_ANSWER";
    if (isTimeout && error.cause instanceof Error) io.err(`strata: ${error.cause.message}`);
    const nextStep = nextStepOf(error instanceof CommandError ? error.cause : error);
    if (nextStep !== undefined) io.err(`strata: ${nextStep}`);
    return;
  }
  const description = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.err(`strata: this is a bug: ${description}`);
}

/** The code of an error of ours, undefined for any other. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof StrataError || error instanceof RemoteError ? error.code : undefined;
}

/** What a person does about an error of ours, undefined for any other. */
export function nextStepOf(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && isErrorCode(code) ? ERRORS[code].action : undefined;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
