import type { Uuid } from "../../engine/core/uuid.js";
import type { ReportSource } from "../../protocol/client/index.js";
import { type ReportRow, ROW_BYTES } from "../../protocol/codec/report-rows.js";
import { LiveReport } from "./live-report.js";
import type { PlanReportSource } from "./plan-report-source.js";

/** A node's full report: the rows of its plan, then the containers that were written to it since, which have
 * higher ids. All of those were first written there: it is among the plan's origins, since each node is the
 * first member of one of the plan's pipelines. */
export class NodeReportSource implements ReportSource {
  readonly rowBytes = ROW_BYTES;
  readonly rowCount: number;
  readonly origins: readonly Uuid[];
  readonly #plan: PlanReportSource;
  readonly #written: LiveReport;

  constructor(plan: PlanReportSource, written: ReadonlyMap<number, ReportRow>) {
    this.#plan = plan;
    this.rowCount = plan.rowCount + written.size;
    this.origins = plan.origins;
    this.#written = new LiveReport(written, plan.origins, ROW_BYTES);
  }

  next(rowCountMax: number): Uint8Array {
    const planned = this.#plan.next(rowCountMax);
    const room = rowCountMax - planned.length / ROW_BYTES;
    const written = this.#written.next(room);
    if (written.length === 0) return planned;
    const rows = new Uint8Array(planned.length + written.length);
    rows.set(planned);
    rows.set(written, planned.length);
    return rows;
  }
}
