import { type FileHandle, open } from "node:fs/promises";
import { assert } from "../core/assert.js";
import { type ErrorCode, StrataError } from "../core/errors.js";

/** One mutation that an administrator asked for, done or refused (spec 09 §12). */
export interface AuditRecord {
  /** When it was answered, epoch ms. */
  readonly timeMs: number;
  /** Session of the client, 0 = none. */
  readonly sessionId: number;
  /** Name that the client gave for itself. */
  readonly user: string;
  readonly clientIp: string;
  /** Name of the operation, such as `suppressContainers`. */
  readonly operation: string;
  /** What it was asked to do; without secrets, and short: large lists as a count. A bigint may stand at
   * the top. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Why it was refused; undefined = it was done. */
  readonly error: ErrorCode | undefined;
}

export interface AuditOptions {
  readonly file: string;
  /** Bytes of records not yet written from which on mutations wait. */
  readonly bufferBytesMax: number;
  /** Called when writing fails, once per failure; the records are kept and written again. */
  readonly onError: (error: Error) => void;
}

/** Figures for /prom. */
export interface AuditCounters {
  records: number;
  writes: number;
  writeErrors: number;
  /** Waiting to be written. */
  bufferedBytes: number;
}

/** Pause after a failed write before the next one. */
const RETRY_MS = 500;
/** Lines gather this long, or until they are this many, before they are written: a write costs as much as ten
 * mutations. A crash loses what has not been written, as it would without gathering. */
const GATHER_MS = 20;
const GATHER_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
/** Room for lines that is kept. */
const LINES_BYTES = 2 * GATHER_BYTES;
/** Of a character of a string. */
const UTF8_BYTES_MAX = 3;
/** Mutations that wait for room; more are refused. */
const WAITING_COUNT_MAX = 65_536;

/** Where the lines go. */
export interface AuditSink {
  /** Appends all of `bytes`, or nothing and throws. They are not used any more when it has ended. */
  append(bytes: Uint8Array): Promise<void>;
  /** Makes what was appended durable and ends it. */
  close(): Promise<void>;
}

/** Audit records as JSON lines. Writing happens off the caller's path, all that gathered in one write.
 * Nothing is ever dropped: while the buffer is full `ready()` is false and mutations have to wait for
 * `whenReady()`. A mutation that was admitted before is still recorded, so the buffer exceeds its limit
 * by what was in flight, no more. */
export class AuditLog {
  readonly counters: AuditCounters = { records: 0, writes: 0, writeErrors: 0, bufferedBytes: 0 };
  readonly #options: AuditOptions;
  readonly #sink: AuditSink;
  readonly #format = new LineFormat();
  readonly #lines = new GatheredLines();
  #waiting: ((reason: StrataError | undefined) => void)[] = [];
  #waitingSinceMs: number | undefined;
  #writer: Promise<void> | undefined;
  #closing = false;
  #endPause: (() => void) | undefined;
  #isGathering = false;
  /** At half of a small buffer nobody should wait for the rest to gather. */
  readonly #gatherBytes: number;

  constructor(options: AuditOptions, sink: AuditSink) {
    assert(options.bufferBytesMax > 0, "audit buffer needs room");
    this.#options = options;
    this.#sink = sink;
    this.#gatherBytes = Math.min(GATHER_BYTES, options.bufferBytesMax / 2);
  }

  /** An audit log on `options.file`. Throws StrataError STORAGE_IO. */
  static async open(options: AuditOptions): Promise<AuditLog> {
    return new AuditLog(options, await AuditFile.open(options.file));
  }

  /** Whether a mutation may be admitted now. */
  ready(): boolean {
    return this.counters.bufferedBytes < this.#options.bufferBytesMax && !this.#closing;
  }

  /** Resolves when a mutation may be admitted: with undefined, or with the reason why it may not:
   * AUDIT_FULL when too many wait already, SHUTTING_DOWN. */
  whenReady(): Promise<StrataError | undefined> {
    if (this.#closing) return Promise.resolve(new StrataError("SHUTTING_DOWN"));
    if (this.ready()) return Promise.resolve(undefined);
    if (this.#waiting.length >= WAITING_COUNT_MAX) return Promise.resolve(new StrataError("AUDIT_FULL"));
    this.#waitingSinceMs ??= performance.now();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Since when the oldest mutation has waited to be admitted, on the monotonic clock; undefined when none
   * waits. */
  waitingSinceMs(): number | undefined {
    return this.#waitingSinceMs;
  }

  /** Takes `record` over; never refuses. */
  write(record: AuditRecord): void {
    this.counters.records++;
    this.counters.bufferedBytes += this.#lines.add(this.#format.line(record));
    this.#writer ??= this.#writeAll();
    if (this.#isGathering && this.counters.bufferedBytes >= this.#gatherBytes) this.#endPause?.();
  }

  /** Writes what is buffered, makes it durable and closes the file. Throws StrataError STORAGE_IO when
   * records could not be written. */
  async close(): Promise<void> {
    assert(!this.#closing, "audit log closed twice");
    this.#closing = true;
    this.#endPause?.();
    this.#resumeAll(new StrataError("SHUTTING_DOWN"));
    await this.#writer;
    try {
      if (this.#lines.length > 0) await this.#writeOnce();
    } catch (error) {
      throw storageError(this.#options.file, error);
    } finally {
      await this.#sink.close();
    }
  }

  async #writeAll(): Promise<void> {
    while (this.#lines.length > 0) {
      if (!this.#closing && this.counters.bufferedBytes < this.#gatherBytes) await this.#gather();
      try {
        await this.#writeOnce();
      } catch (error) {
        this.counters.writeErrors++;
        this.#options.onError(storageError(this.#options.file, error));
        if (this.#closing) break;
        await this.#pause(RETRY_MS);
      }
    }
    this.#writer = undefined;
  }

  /** Writes all lines gathered so far; after a failure they are back in the buffer. */
  async #writeOnce(): Promise<void> {
    const lines = this.#lines.take();
    try {
      await this.#sink.append(lines);
    } catch (error) {
      this.#lines.putBack(lines);
      throw error;
    }
    this.counters.writes++;
    this.counters.bufferedBytes -= lines.length;
    this.#lines.release(lines);
    if (this.ready()) this.#resumeAll(undefined);
  }

  /** Waits until more lines have come together. */
  async #gather(): Promise<void> {
    this.#isGathering = true;
    await this.#pause(GATHER_MS);
    this.#isGathering = false;
  }

  #resumeAll(reason: StrataError | undefined): void {
    this.#waitingSinceMs = undefined;
    for (const resume of this.#waiting.splice(0)) resume(reason);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Lines that wait to be written, as bytes: as texts they would be objects that live long enough to be copied
 * by collections of garbage, a dozen for each line. */
class GatheredLines {
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(LINES_BYTES);
  /** To be used again. */
  #spare: Buffer<ArrayBuffer> | undefined;
  length = 0;

  /** Returns the bytes of `line`. */
  add(line: string): number {
    this.#reach(this.length + line.length * UTF8_BYTES_MAX);
    const byteCount = this.#bytes.write(line, this.length);
    this.length += byteCount;
    return byteCount;
  }

  /** All that was gathered, which is out of here then. */
  take(): Buffer<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.length);
    this.#bytes = this.#spare ?? Buffer.allocUnsafeSlow(LINES_BYTES);
    this.#spare = undefined;
    this.length = 0;
    return taken;
  }

  /** What was taken before all that was gathered since. */
  putBack(taken: Buffer): void {
    const gathered = this.take();
    this.#reach(taken.length + gathered.length);
    taken.copy(this.#bytes);
    gathered.copy(this.#bytes, taken.length);
    this.length = taken.length + gathered.length;
  }

  /** What was taken is needed no more. */
  release({ buffer }: Buffer<ArrayBuffer>): void {
    if (buffer.byteLength === LINES_BYTES) this.#spare = Buffer.from(buffer);
  }

  #reach(byteCount: number): void {
    if (byteCount <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(byteCount, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }
}

class AuditFile implements AuditSink {
  readonly #file: FileHandle;
  /** Whether the last line is known to have its end. */
  #isWhole = false;
  /** Of the file after the last append. */
  #size = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Only opens: another SCM may still be at work on the same directory. */
  static async open(path: string): Promise<AuditFile> {
    try {
      return new AuditFile(await open(path, "a+", 0o600));
    } catch (error) {
      throw storageError(path, error);
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    try {
      if (!this.#isWhole) await this.#closeLastLine();
      this.#isWhole = true;
      await this.#file.appendFile(bytes);
      this.#size += bytes.length;
    } catch (error) {
      await this.#takeBack(bytes.length);
      throw error;
    }
  }

  /** A full disk takes a part: without this a line would stand twice, or in pieces. A file that somebody
   * else has shortened meanwhile is left as it is. */
  async #takeBack(byteCount: number): Promise<void> {
    const { size } = await this.#file.stat();
    if (size > this.#size && size <= this.#size + byteCount) await this.#file.truncate(this.#size);
    this.#isWhole = false;
  }

  /** A line that a crash cut off gets its end, so that it spoils no other. */
  async #closeLastLine(): Promise<void> {
    const { size } = await this.#file.stat();
    this.#size = size;
    if (size === 0) return;
    const last = Buffer.alloc(1);
    await this.#file.read(last, 0, 1, size - 1);
    if (last[0] === NEWLINE) return;
    await this.#file.write("\n");
    this.#size++;
  }

  async close(): Promise<void> {
    try {
      await this.#file.datasync();
    } finally {
      await this.#file.close();
    }
  }
}

/** Makes lines. Written out by hand, with the time and the client's words kept from the record before:
 * whole objects through JSON.stringify cost three times as much, and this runs on the main thread for
 * each mutation. */
class LineFormat {
  #timeMs = -1;
  #time = "";
  readonly #user = new RepeatedJson();
  readonly #clientIp = new RepeatedJson();
  readonly #operation = new RepeatedJson();

  line(record: AuditRecord): string {
    const { timeMs, sessionId, user, clientIp, operation, parameters, error } = record;
    if (timeMs !== this.#timeMs) {
      this.#timeMs = timeMs;
      this.#time = new Date(timeMs).toISOString();
    }
    const who = `{"time":"${this.#time}","user":${this.#user.of(user)},"sessionId":${sessionId}`;
    const what = `"clientIp":${this.#clientIp.of(clientIp)},"operation":${this.#operation.of(operation)}`;
    const result = error === undefined ? '"SUCCESS"' : `"FAILURE","error":"${error}"`;
    return `${who},${what},"parameters":${parametersText(parameters)},"result":${result}}\n`;
  }
}

/** Of texts of which many in a row are the same. */
class RepeatedJson {
  #text = "";
  #json = '""';

  of(text: string): string {
    if (text !== this.#text) {
      this.#text = text;
      this.#json = JSON.stringify(text);
    }
    return this.#json;
  }
}

/** Text that stands in JSON as it is. */
const PLAIN = /^[\w ./:-]*$/;

function parametersText(parameters: AuditRecord["parameters"]): string {
  let fields = "";
  for (const name in parameters) {
    const json = jsonOf(parameters[name]);
    if (json === undefined) continue;
    fields += `${fields === "" ? "" : ","}${jsonOf(name)}:${json}`;
  }
  return `{${fields}}`;
}

/** Undefined for what JSON leaves out. */
function jsonOf(value: unknown): string | undefined {
  if (typeof value === "string" && PLAIN.test(value)) return `"${value}"`;
  return JSON.stringify(typeof value === "bigint" ? String(value) : value);
}

function storageError(path: string, cause: unknown): StrataError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StrataError("STORAGE_IO", { path, reason }, { cause });
}
