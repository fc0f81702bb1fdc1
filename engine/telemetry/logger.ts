import { openSync } from "node:fs";
import { inspect } from "node:util";
import pino from "pino";
import { StrataError } from "../core/errors.js";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogDetails = Readonly<Record<string, unknown>>;

/** Structured log: a message that never varies, and details that do. An `Error` goes under `error`. */
export interface Logger {
  trace(message: string, details?: LogDetails): void;
  debug(message: string, details?: LogDetails): void;
  info(message: string, details?: LogDetails): void;
  warn(message: string, details?: LogDetails): void;
  error(message: string, details?: LogDetails): void;
  fatal(message: string, details?: LogDetails): void;
  /** A logger that adds `bindings` to each line, such as `{ part: "gateway" }`. */
  child(bindings: LogDetails): Logger;
  /** Whether a line of this level would be written; saves building costly details. */
  isEnabled(level: LogLevel): boolean;
}

/** The process's logger. */
export interface RootLogger extends Logger {
  /** Writes out what is buffered, before it returns. For the end of the process. */
  flush(): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** File descriptor or path; standard error when left out. */
  readonly destination?: number | string;
  /** Lines for people instead of JSON; when left out, if the destination is a terminal. */
  readonly pretty?: boolean;
}

/** Lines gather this long in memory at most before they are written. */
const FLUSH_DELAY_MS = 100;
const BUFFER_BYTES = 4096;

/** A logger whose calls only append to a buffer; the file is written asynchronously. Throws when a path
 * cannot be opened. */
export function createLogger(options: LoggerOptions): RootLogger {
  const destination = options.destination ?? 2;
  // Opened here, since a stream that is still opening cannot be flushed at an early end of the process.
  const fd = typeof destination === "string" ? openSync(destination, "a", 0o640) : destination;
  const isTerminal = isTerminalFd(fd);
  const pretty = options.pretty ?? isTerminal;
  const output = pino.destination({
    dest: fd,
    sync: isTerminal,
    ...(isTerminal ? {} : { minLength: BUFFER_BYTES }),
  });
  const stream = new DelayedFlush(output, pretty ? prettyLine : undefined);
  const target = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    stream,
  );
  return new PinoLogger(target, () => output.flushSync());
}

type Output = ReturnType<typeof pino.destination>;

/** Writes lines out a little after they came. The library's own periodic flush writes to the file ten times a
 * second even when there is nothing to write. */
class DelayedFlush {
  readonly #output: Output;
  readonly #convert: ((line: string) => string) | undefined;
  #isDue = false;

  constructor(output: Output, convert: ((line: string) => string) | undefined) {
    this.#output = output;
    this.#convert = convert;
  }

  write(line: string): void {
    this.#output.write(this.#convert === undefined ? line : this.#convert(line));
    if (this.#isDue) return;
    this.#isDue = true;
    const flush = (): void => {
      this.#isDue = false;
      this.#output.flush();
    };
    setTimeout(flush, FLUSH_DELAY_MS).unref();
  }
}

/** Drops everything. */
export const silentLogger: Logger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  child: () => silentLogger,
  isEnabled: () => false,
};

function ignore(): void {}

class PinoLogger implements RootLogger {
  readonly #target: pino.Logger;
  readonly #flush: () => void;

  constructor(target: pino.Logger, flush: () => void) {
    this.#target = target;
    this.#flush = flush;
  }

  trace(message: string, details?: LogDetails): void {
    this.#target.trace(details, message);
  }
  debug(message: string, details?: LogDetails): void {
    this.#target.debug(details, message);
  }
  info(message: string, details?: LogDetails): void {
    this.#target.info(details, message);
  }
  warn(message: string, details?: LogDetails): void {
    this.#target.warn(details, message);
  }
  error(message: string, details?: LogDetails): void {
    this.#target.error(details, message);
  }
  fatal(message: string, details?: LogDetails): void {
    this.#target.fatal(details, message);
  }
  child(bindings: LogDetails): Logger {
    return new PinoLogger(this.#target.child(bindings), this.#flush);
  }
  isEnabled(level: LogLevel): boolean {
    return this.#target.isLevelEnabled(level);
  }
  flush(): void {
    this.#flush();
  }
}

/** What an error leaves in a log line: code and text; the stack only where it tells something, for our own
 * bugs. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return inspect(error);
  if (error instanceof StrataError) {
    const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
    return { code: error.code, message: error.message, ...cause };
  }
  return { name: error.name, message: error.message, stack: error.stack };
}

function isTerminalFd(fd: number): boolean {
  return fd === 1 ? process.stdout.isTTY === true : fd === 2 && process.stderr.isTTY === true;
}

/** `12:34:56.789 INFO  message  key=value …` from one JSON line. */
function prettyLine(line: string): string {
  const { time, level, msg, ...details } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const words = Object.entries(details).map(([name, value]) => ` ${name}=${plain(value)}`);
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${words.join("")}\n`;
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
