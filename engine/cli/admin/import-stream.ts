import { CommandError, codeOf, EXIT, exitCodeOf } from "../exit-code.js";
import type { AdminConnection } from "../parts.js";
import { type ImportRecord, LineError, parseImportLine } from "./import-record.js";

/** What an import has done so far. */
export interface ImportProgress {
  lineCount: number;
  /** Records that the SCM has, taken over now or before. */
  recordCount: number;
  /** Of them new ones. */
  pipelineCount: number;
  containerCount: number;
}

interface NumberedRecord {
  readonly line: number;
  readonly record: ImportRecord;
}
type Batch = readonly NumberedRecord[];

interface Failure {
  readonly line: number;
  readonly error: unknown;
}

const NO_LINE = Number.POSITIVE_INFINITY;

/** Records of one request: a frame holds 256 KB, a container takes about 110 bytes, a pipeline of three
 * about 1 KB. */
const CONTAINERS_PER_REQUEST = 1000;
const PIPELINES_PER_REQUEST = 32;
/** Requests on the way: the next ones are read while the SCM commits the first. */
const REQUESTS_IN_FLIGHT = 4;
/** Errors that concern the whole import, not a record. */
const GENERAL_ERRORS = new Set([
  "IMPORT_FLOOR_MISSING",
  "IMPORT_ENDED",
  "SESSION_EXPIRED",
  "SESSION_SEQUENCE",
  "SESSION_LIMIT",
  "UNSUPPORTED_OPERATION",
  "CLUSTER_ID_MISMATCH",
]);

/** Sends the lines of an import file in batches. Every error names its line: a batch that is refused is
 * sent again in halves until the line stands alone. That is safe, since a batch is taken over as a whole
 * or not at all, and what exists already with the same values is skipped; so is running an import again
 * after an error. */
export class ImportStream {
  readonly progress: ImportProgress = { lineCount: 0, recordCount: 0, pipelineCount: 0, containerCount: 0 };
  readonly #connection: AdminConnection;
  readonly #onProgress: (progress: ImportProgress) => void;
  readonly #inFlight = new Set<Promise<void>>();
  /** The failure with the lowest line so far. */
  #failure: Failure | undefined;

  constructor(connection: AdminConnection, onProgress: (progress: ImportProgress) => void) {
    this.#connection = connection;
    this.#onProgress = onProgress;
  }

  /** @throws CommandError with the number of the line that is wrong; all lines before it have been sent */
  async run(lines: AsyncIterable<string>): Promise<void> {
    const wrong = await this.#readAndSend(lines);
    await Promise.all(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure.error;
    if (wrong !== undefined) throw wrong;
  }

  /** Returns what is wrong with the first line that cannot be read. */
  async #readAndSend(lines: AsyncIterable<string>): Promise<CommandError | undefined> {
    let batch: NumberedRecord[] = [];
    let pipelineCount = 0;
    let wrong: CommandError | undefined;
    for await (const text of lines) {
      const line = ++this.progress.lineCount;
      if (text.trim() === "") continue;
      const record = parse(text, line);
      if (record instanceof CommandError) {
        wrong = record;
        break;
      }
      batch.push({ line, record });
      if (record.kind === "pipeline") pipelineCount++;
      const containerCount = batch.length - pipelineCount;
      if (pipelineCount < PIPELINES_PER_REQUEST && containerCount < CONTAINERS_PER_REQUEST) continue;
      await this.#start(batch);
      if (this.#failure !== undefined) return undefined;
      batch = [];
      pipelineCount = 0;
    }
    if (batch.length > 0) await this.#start(batch);
    return wrong;
  }

  /** Sends a batch; waits only until there is room for it on the way. */
  async #start(batch: Batch): Promise<void> {
    if (this.#inFlight.size >= REQUESTS_IN_FLIGHT) await Promise.race(this.#inFlight);
    const sent = this.#send(batch).then((failure) => {
      this.#inFlight.delete(sent);
      if (failure !== undefined && failure.line < (this.#failure?.line ?? NO_LINE)) this.#failure = failure;
    });
    this.#inFlight.add(sent);
  }

  async #send(batch: Batch): Promise<Failure | undefined> {
    const pipelines = batch.flatMap(({ record }) => (record.kind === "pipeline" ? [record.pipeline] : []));
    const containers = batch.flatMap(({ record }) => (record.kind === "container" ? [record.container] : []));
    try {
      const answer = await this.#connection.import({ pipelines, containers });
      this.progress.recordCount += batch.length;
      this.progress.pipelineCount += answer.pipelineCount;
      this.progress.containerCount += answer.containerCount;
      this.#onProgress(this.progress);
      return undefined;
    } catch (error) {
      if (batch.length === 1 || !concernsRecords(error)) return locate(batch, error);
      const middle = Math.floor(batch.length / 2);
      return (await this.#send(batch.slice(0, middle))) ?? (await this.#send(batch.slice(middle)));
    }
  }
}

/** Says which lines an error is about. */
function locate(batch: Batch, error: unknown): Failure {
  const [first, last] = [batch[0]?.line ?? NO_LINE, batch.at(-1)?.line ?? NO_LINE];
  const place = first === last ? `line ${first}` : `lines ${first} to ${last}`;
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error)) return { line: first, error };
  return { line: first, error: new CommandError(`${place}: ${error.message}`, exitCodeOf(error), error) };
}

function parse(text: string, line: number): ImportRecord | CommandError {
  try {
    return parseImportLine(text);
  } catch (error) {
    if (error instanceof LineError) return new CommandError(`line ${line}: ${error.message}`);
    throw error;
  }
}

/** Whether fewer records might fare better. */
function concernsRecords(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && exitCodeOf(error) === EXIT.FAILED && !GENERAL_ERRORS.has(code);
}
