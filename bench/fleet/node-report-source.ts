import { REPLICA_STATE } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import type { ReportSource } from "../../protocol/client/index.js";
import type { ReportRow } from "../../protocol/codec/report-rows.js";
import {
  ROW_BYTES,
  ROW_EMPTY_FLAG,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_REPLICA_INDEX,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";
import type { PlanReportSource } from "./plan-report-source.js";

/** A node's full report: the rows of its plan, then the containers that were written to it since, which have
 * higher ids. All of those were first written there. */
export class NodeReportSource implements ReportSource {
  readonly rowBytes = ROW_BYTES;
  readonly rowCount: number;
  readonly origins: readonly Uuid[];
  readonly #plan: PlanReportSource;
  readonly #written: ReadonlyMap<number, ReportRow>;
  readonly #origin: number;
  #lastId = 0;

  constructor(plan: PlanReportSource, uuid: Uuid, written: ReadonlyMap<number, ReportRow>) {
    this.#plan = plan;
    this.#written = written;
    this.rowCount = plan.rowCount + written.size;
    this.origins = plan.origins;
    // Each node is the first member of one of the plan's pipelines.
    this.#origin = plan.origins.indexOf(uuid);
  }

  next(rowCountMax: number): Uint8Array {
    const planned = this.#plan.next(rowCountMax);
    const plannedCount = planned.length / ROW_BYTES;
    if (plannedCount === rowCountMax) return planned;
    // The plan's buffer has room for all rows.
    const view = new DataView(planned.buffer);
    const ids = this.#nextIds(rowCountMax - plannedCount);
    ids.forEach((id, index) => {
      this.#write(view, (plannedCount + index) * ROW_BYTES, this.#written.get(id) as ReportRow);
    });
    return new Uint8Array(planned.buffer, 0, (plannedCount + ids.length) * ROW_BYTES);
  }

  #nextIds(countMax: number): number[] {
    const ids: number[] = [];
    for (const id of this.#written.keys()) if (id > this.#lastId) ids.push(id);
    ids.sort((a, b) => a - b);
    ids.length = Math.min(ids.length, countMax);
    this.#lastId = ids.at(-1) ?? this.#lastId;
    return ids;
  }

  #write(view: DataView, at: number, row: ReportRow): void {
    view.setFloat64(at + ROW_ID, row.containerId, true);
    view.setFloat64(at + ROW_USED_BYTES, row.usedBytes, true);
    view.setFloat64(at + ROW_SEQUENCE_ID, row.sequenceId, true);
    view.setUint32(at + ROW_KEY_COUNT, row.keyCount, true);
    view.setUint16(at + ROW_ORIGIN, this.#origin, true);
    view.setUint8(at + ROW_STATE, REPLICA_STATE[row.state] | (row.isEmpty ? ROW_EMPTY_FLAG : 0));
    view.setUint8(at + ROW_REPLICA_INDEX, row.replicaIndex);
  }
}
