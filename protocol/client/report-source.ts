import type { Uuid } from "../../engine/core/uuid.js";
import type { ReportRow, RowBytes } from "../codec/report-rows.js";
import { ReportRowWriter, ROW_BYTES } from "../codec/report-rows.js";

/** Rows with the dictionary that their origin indexes point into. */
export interface ReportRows {
  readonly rowBytes: RowBytes;
  readonly rows: Uint8Array;
  readonly origins: readonly Uuid[];
}

/** Where a full report comes from. A chunk states what is true at its place among the messages of the
 * connection, so a datanode whose replicas change while it reports reads them in `next`, when the chunk is
 * sent, and not before. */
export interface ReportSource {
  readonly rowBytes: RowBytes;
  /** How many rows there will be, about: the SCM plans with it. */
  readonly rowCount: number;
  /** The dictionary of the whole report; read when the first chunk is built. */
  readonly origins: readonly Uuid[];
  /** The next rows, ids strictly ascending over the whole report, at most `rowCountMax`; fewer are the last
   * ones. The bytes are only read until the next call. */
  next(rowCountMax: number): Uint8Array;
}

/** A report that lies ready in one buffer, which must not change until the report is sent. */
export class BufferReportSource implements ReportSource {
  readonly rowBytes: RowBytes;
  readonly rowCount: number;
  readonly origins: readonly Uuid[];
  readonly #rows: Uint8Array;
  #at = 0;

  constructor({ rowBytes, rows, origins }: ReportRows) {
    this.rowBytes = rowBytes;
    this.rowCount = rows.length / rowBytes;
    this.origins = origins;
    this.#rows = rows;
  }

  next(rowCountMax: number): Uint8Array {
    const from = this.#at;
    this.#at = Math.min(this.#rows.length, from + rowCountMax * this.rowBytes);
    return this.#rows.subarray(from, this.#at);
  }
}

/** Rows from objects, in ascending order of id for a full report (`ascending`), in any for an incremental
 * one.
 * @throws StrataError REPORT_OUT_OF_ORDER, REPORT_ROW_INVALID */
export function reportRows(
  rows: Iterable<ReportRow>,
  order: "ascending" | "free" = "ascending",
  rowBytes: RowBytes = ROW_BYTES,
): ReportRows {
  const writer = new ReportRowWriter(rowBytes, order);
  for (const row of rows) writer.add(row);
  return { rowBytes, rows: writer.take(), origins: writer.origins };
}
