import type { Completion } from "../../../protocol/client/completion.js";
import { FullReport, type ReportLink } from "../../../protocol/client/full-report.js";
import { BufferReportSource, type ReportRows } from "../../../protocol/client/report-source.js";
import { REPORT_CHUNK_BYTES_MAX } from "../../../protocol/schema/datanode-messages.js";
import type { RequestOf, ResponseOf } from "../../../protocol/schema/messages.js";
import type { MainConnection } from "../main-connection.js";
import type { HeldRows } from "./held-reports.js";

/** The connection waits as long as main does. */
const NO_TIMEOUT = Number.POSITIVE_INFINITY;

interface Feeding {
  readonly report: FullReport;
  readonly rows: HeldRows;
  /** What came after it got lost. */
  isOutdated: boolean;
}

/** The reports of one datanode on their way to main, in their order (spec 12 §8.2 H1). A Java datanode cannot
 * be told to wait, so what it sends is held here and main is asked for credit in its place: first the full
 * report, then the incremental ones that came after it. A newer full report takes the place of all that is
 * held, since it was made after them.
 *
 * Nothing is lost in silence: main wants another full report from whoever has not completed one. */
export class NodeReports {
  readonly #connection: MainConnection;
  readonly #onFull: (isComplete: boolean) => void;
  #full: Feeding | undefined;
  #incremental: HeldRows[] = [];

  /** `onFull`: a full report has been merged as a whole, or was given up; not called for one whose place
   * another one took. */
  constructor(connection: MainConnection, onFull: (isComplete: boolean) => void) {
    this.#connection = connection;
    this.#onFull = onFull;
  }

  /** A full report waits for credit or is being fed. */
  get isReporting(): boolean {
    return this.#full !== undefined;
  }

  full(rows: HeldRows, fromRegistration: boolean): void {
    this.clear();
    const feeding: Feeding = {
      rows,
      isOutdated: false,
      report: new FullReport(linkTo(this.#connection), new BufferReportSource(rows.rows), NO_TIMEOUT, {
        succeeded: () => this.#ended(feeding, true),
        failed: () => this.#ended(feeding, false),
      }),
    };
    this.#full = feeding;
    feeding.report.begin(fromRegistration);
  }

  incremental(rows: HeldRows): void {
    if (this.#full === undefined) this.#send(rows);
    else this.#incremental.push(rows);
  }

  /** What came now found no room: what is held behind the full report is let go of. That one goes on, since
   * main has given credit for it, but does not count. */
  lost(): void {
    if (this.#full !== undefined) this.#full.isOutdated = true;
    this.#releaseIncremental();
  }

  /** Lets go of everything: the connection has ended, or a newer full report has come. */
  clear(): void {
    this.#full?.report.stop();
    this.#full?.rows.release();
    this.#full = undefined;
    this.#releaseIncremental();
  }

  #releaseIncremental(): void {
    for (const rows of this.#incremental) rows.release();
    this.#incremental = [];
  }

  #ended(feeding: Feeding, isComplete: boolean): void {
    this.#full = undefined;
    feeding.rows.release();
    const waiting = this.#incremental;
    this.#incremental = [];
    for (const rows of waiting) this.#send(rows);
    this.#onFull(isComplete && !feeding.isOutdated);
  }

  #send(held: HeldRows): void {
    for (const part of partsOf(held.rows)) {
      // What main does not take over it wants to be told again, by a full report.
      this.#connection.request("incrementalReport", part, () => {});
    }
    held.release();
  }
}

/** As many messages as the limit of one needs. */
function partsOf({ rowBytes, rows, origins }: ReportRows): RequestOf<"incrementalReport">[] {
  const partBytes = Math.floor(REPORT_CHUNK_BYTES_MAX / rowBytes) * rowBytes;
  const parts: RequestOf<"incrementalReport">[] = [];
  for (let from = 0; from < rows.length; from += partBytes) {
    parts.push({ rowBytes, origins, rows: rows.subarray(from, from + partBytes) });
  }
  return parts;
}

/** What the client's report needs of a connection; requests wait within it, so that none is refused. */
function linkTo(connection: MainConnection): ReportLink {
  return {
    request: <N extends "fullReportBegin" | "fullReportChunk">(
      name: N,
      body: RequestOf<N>,
      completion: Completion<ResponseOf<N>>,
    ): boolean => {
      connection.request(name, body, (answer) => {
        if (answer instanceof Error) completion.failed(answer);
        else completion.succeeded(answer);
      });
      return true;
    },
  };
}
