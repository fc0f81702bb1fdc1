import { StrataError } from "../../engine/core/errors.js";
import { SAFE_INTEGER_MAX } from "../../engine/core/ids.js";
import { FRAME_HEADER_BYTES } from "../codec/frame.js";
import { ROW_ID } from "../codec/report-rows.js";
import { REPORT_CHUNK_BYTES_MAX } from "../schema/datanode-messages.js";
import type { RequestOf, ResponseOf } from "../schema/messages.js";
import { FRAME_BYTES_MAX } from "../schema/messages.js";
import type { Completion, RpcError } from "./completion.js";
import type { ReportSource } from "./report-source.js";

type Grant = ResponseOf<"fullReportBegin">;
type Chunk = RequestOf<"fullReportChunk">;

/** Bytes of a uuid in the dictionary: two for its length. */
const ORIGIN_BYTES = 18;
/** Header, lengths and numbers of a chunk beside rows and dictionary. */
const CHUNK_OVERHEAD_BYTES = FRAME_HEADER_BYTES + 64;

/** What became of a full report. */
export interface FullReportResult {
  readonly reportId: number;
  readonly rowCount: number;
  readonly chunkCount: number;
}

/** What a report needs of the connection to its SCM. */
export interface ReportLink {
  /** As of RpcConnection. */
  request<N extends "fullReportBegin" | "fullReportChunk">(
    name: N,
    body: RequestOf<N>,
    completion: Completion<ResponseOf<N>>,
    timeoutMs: number,
  ): boolean;
}

/** Sends one full report: asks for credit, then cuts the source into chunks whose ranges follow each other
 * without a gap from id 0 to 2^53 − 1, as many at a time as the grant allows. Ends with the answer to the
 * last chunk, or with the first error. */
export class FullReport {
  readonly #connection: ReportLink;
  readonly #source: ReportSource;
  readonly #completion: Completion<FullReportResult>;
  readonly #chunkTimeoutMs: number;
  #reportId = 0;
  #chunksInFlightMax = 0;
  #chunksInFlight = 0;
  #chunkCount = 0;
  #rowCount = 0;
  /** First id of the next chunk. */
  #fromId = 0;
  /** Built, but the connection's limit of requests was reached. */
  #held: Chunk | undefined;
  #isLastBuilt = false;
  #isOver = false;

  constructor(
    connection: ReportLink,
    source: ReportSource,
    chunkTimeoutMs: number,
    completion: Completion<FullReportResult>,
  ) {
    this.#connection = connection;
    this.#source = source;
    this.#chunkTimeoutMs = chunkTimeoutMs;
    this.#completion = completion;
  }

  /** False when the connection takes no request now. The grant is waited for as long as the connection lives:
   * the SCM answers when it has room. */
  begin(fromRegistration: boolean): boolean {
    const grant: Completion<Grant> = {
      succeeded: (response) => this.#granted(response),
      failed: (error) => this.#end(error),
    };
    const request = { fromRegistration, rowCount: this.#source.rowCount };
    return this.#connection.request("fullReportBegin", request, grant, Number.POSITIVE_INFINITY);
  }

  /** Sends no more of it, and completes nothing: a newer report takes its place. */
  stop(): void {
    this.#isOver = true;
  }

  #granted({ reportId, chunksInFlightMax }: Grant): void {
    this.#reportId = reportId;
    this.#chunksInFlightMax = chunksInFlightMax;
    this.#pump();
  }

  readonly #chunkCompletion: Completion<ResponseOf<"fullReportChunk">> = {
    succeeded: () => {
      this.#chunksInFlight--;
      this.#pump();
    },
    failed: (error) => this.#end(error),
  };

  #pump(): void {
    while (!this.#isOver && this.#chunksInFlight < this.#chunksInFlightMax) {
      if (this.#held === undefined && this.#isLastBuilt) break;
      if (!this.#sendNext()) break;
    }
    if (this.#isOver || this.#chunksInFlight > 0) return;
    if (this.#isLastBuilt && this.#held === undefined) this.#end(undefined);
    else this.#end(new StrataError("OVERLOADED", { reason: "the connection takes no report chunk" }));
  }

  /** False when the connection takes none now. */
  #sendNext(): boolean {
    try {
      const chunk = this.#held ?? this.#build();
      this.#held = chunk;
      if (!this.#connection.request("fullReportChunk", chunk, this.#chunkCompletion, this.#chunkTimeoutMs)) {
        return false;
      }
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      this.#end(error);
      return false;
    }
    this.#held = undefined;
    this.#chunksInFlight++;
    this.#chunkCount++;
    return true;
  }

  #build(): Chunk {
    const { rowBytes } = this.#source;
    const isFirst = this.#chunkCount === 0;
    const origins = isFirst ? this.#source.origins : undefined;
    const rowCountMax = chunkRowCountMax(rowBytes, origins?.length ?? 0);
    const rows = this.#source.next(rowCountMax);
    const rowCount = rows.length / rowBytes;
    const lastId = rowCount === 0 ? 0 : idAt(rows, rows.length - rowBytes);
    const last = rowCount < rowCountMax || lastId === SAFE_INTEGER_MAX;
    const fromId = this.#fromId;
    const toId = last ? SAFE_INTEGER_MAX : lastId;
    checkRange(rows, fromId, lastId);
    this.#isLastBuilt = last;
    this.#fromId = toId + 1;
    this.#rowCount += rowCount;
    const chunk = { reportId: this.#reportId, last, fromId, toId, rowBytes, rows };
    return origins === undefined ? chunk : { ...chunk, origins };
  }

  #end(error: RpcError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error !== undefined) this.#completion.failed(error);
    else {
      const result = { reportId: this.#reportId, rowCount: this.#rowCount, chunkCount: this.#chunkCount };
      this.#completion.succeeded(result);
    }
  }
}

/** Rows of a chunk; the first one shares its frame with the dictionary.
 * @throws StrataError FRAME_TOO_LARGE when the dictionary alone fills the frame */
export function chunkRowCountMax(rowBytes: number, originCount: number): number {
  const room = FRAME_BYTES_MAX - CHUNK_OVERHEAD_BYTES - originCount * ORIGIN_BYTES;
  const rowCount = Math.floor(Math.min(room, REPORT_CHUNK_BYTES_MAX) / rowBytes);
  if (rowCount > 0) return rowCount;
  throw new StrataError("FRAME_TOO_LARGE", { bytes: FRAME_BYTES_MAX - room, limit: FRAME_BYTES_MAX });
}

function checkRange(rows: Uint8Array, fromId: number, lastId: number): void {
  if (rows.length > 0 && (idAt(rows, 0) < fromId || lastId < idAt(rows, 0))) {
    throw new StrataError("REPORT_OUT_OF_ORDER", { row: 0 });
  }
}

function idAt(rows: Uint8Array, offset: number): number {
  return new DataView(rows.buffer, rows.byteOffset, rows.byteLength).getFloat64(offset + ROW_ID, true);
}
