import { StrataError } from "../../../engine/core/errors.js";
import type { NodeSlot } from "../../../engine/core/ids.js";
import type {
  FullReportBegin,
  FullReportChunk,
  IncrementalReport,
  ReportDone,
  ReportGranted,
  ReportReceiver,
} from "../../../workers/pool/report-source.js";

/** Grants at once, checks credit and order of rows, keeps nothing else. */
export class StrictReports implements ReportReceiver {
  readonly #granted = new Map<NodeSlot, number>();
  rowCount = 0;

  begin(slot: NodeSlot, _begin: FullReportBegin, onGranted: ReportGranted): void {
    const reportId = (this.#granted.get(slot) ?? 0) + 1;
    this.#granted.set(slot, reportId);
    onGranted({ reportId, chunksInFlightMax: 2 });
  }

  chunk(slot: NodeSlot, chunk: FullReportChunk, onDone: ReportDone): void {
    if (this.#granted.get(slot) !== chunk.reportId) onDone(new StrataError("REPORT_NOT_GRANTED"));
    else onDone(this.#take(chunk.rows, chunk.rowBytes, true));
  }

  incremental(_slot: NodeSlot, report: IncrementalReport, onDone: ReportDone): void {
    onDone(this.#take(report.rows, report.rowBytes, false));
  }

  nodeGone(slot: NodeSlot): void {
    this.#granted.delete(slot);
  }

  wantFullReport(): void {}

  fullReportWanted(): boolean {
    return false;
  }

  fullReportComplete(): boolean {
    return true;
  }

  #take(rows: Uint8Array, rowBytes: number, isAscending: boolean): StrataError | undefined {
    const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
    if (rows.length % rowBytes !== 0)
      return new StrataError("REPORT_ROW_INVALID", { row: 0, reason: "cut off" });
    let previous = -1;
    for (let at = 0; at < rows.length; at += rowBytes) {
      const id = view.getFloat64(at, true);
      if (isAscending && id <= previous)
        return new StrataError("REPORT_OUT_OF_ORDER", { row: at / rowBytes });
      previous = id;
    }
    this.rowCount += rows.length / rowBytes;
    return undefined;
  }
}
