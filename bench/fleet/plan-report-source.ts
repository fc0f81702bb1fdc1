import { REPLICA_STATE } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import type { ReportSource } from "../../protocol/client/index.js";
import {
  ROW_BYTES,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";
import type { FleetPlan } from "./plan.js";

/** A node's full report, written as it is sent: a fleet of millions of replicas keeps none of them in
 * memory. */
export class PlanReportSource implements ReportSource {
  readonly rowBytes = ROW_BYTES;
  readonly rowCount: number;
  readonly origins: readonly Uuid[];
  readonly #plan: FleetPlan;
  readonly #ids: Iterator<number>;
  readonly #originIndex = new Map<Uuid, number>();

  constructor(plan: FleetPlan, node: number) {
    this.#plan = plan;
    this.rowCount = plan.containersOfNode(node);
    this.origins = plan.originsOfNode(node);
    this.origins.forEach((uuid, index) => {
      this.#originIndex.set(uuid, index);
    });
    this.#ids = plan.containerIds(node);
  }

  next(rowCountMax: number): Uint8Array {
    const rows = new Uint8Array(rowCountMax * ROW_BYTES);
    const view = new DataView(rows.buffer);
    let at = 0;
    while (at < rows.length) {
      const { value: id, done } = this.#ids.next();
      if (done === true) break;
      const row = this.#plan.row(id, 0);
      view.setFloat64(at + ROW_ID, id, true);
      view.setFloat64(at + ROW_USED_BYTES, row.usedBytes, true);
      view.setFloat64(at + ROW_SEQUENCE_ID, row.sequenceId, true);
      view.setUint32(at + ROW_KEY_COUNT, row.keyCount, true);
      view.setUint16(at + ROW_ORIGIN, this.#originIndex.get(row.originNodeId) ?? 0, true);
      view.setUint8(at + ROW_STATE, REPLICA_STATE.CLOSED);
      at += ROW_BYTES;
    }
    return rows.subarray(0, at);
  }
}
