import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeReportSource } from "../../../bench/fleet/node-report-source.js";
import { FleetPlan } from "../../../bench/fleet/plan.js";
import { PlanReportSource } from "../../../bench/fleet/plan-report-source.js";
import { type ReportRow, ROW_BYTES, readReportRows } from "../../../protocol/client/index.js";

for (const rowsPerChunk of [1, 7, 1000]) {
  test(`in chunks of ${rowsPerChunk}, a node reports its plan and what was written to it, ascending`, () => {
    const plan = new FleetPlan({ nodeCount: 10, containersPerNode: 70, seed: 1 });
    const node = 4;
    const uuid = plan.uuid(node);
    const ids = [plan.containerCount + 9, plan.containerCount + 2, plan.containerCount + 5];
    const written = new Map(ids.map((id, index) => [id, rowOf(id, index)]));
    const source = new NodeReportSource(new PlanReportSource(plan, node), written);
    const rows: ReportRow[] = [];
    for (let isLast = false; !isLast; ) {
      const bytes = source.next(rowsPerChunk);
      rows.push(...readReportRows(bytes.slice(), ROW_BYTES, source.origins));
      isLast = bytes.length < rowsPerChunk * ROW_BYTES;
    }
    const planned = [...plan.containerIds(node)].map((id) => plan.row(id, 0));
    const others = [...written.values()].sort((a, b) => a.containerId - b.containerId);
    assert.equal(source.rowCount, planned.length + others.length);
    assert.deepEqual(rows.slice(planned.length), others);
    assert.deepEqual(
      rows.slice(0, planned.length).map(({ containerId }) => containerId),
      planned.map(({ containerId }) => containerId),
    );

    function rowOf(containerId: number, index: number): ReportRow {
      return {
        containerId,
        usedBytes: 100 + index,
        sequenceId: 10 + index,
        keyCount: 1 + index,
        originNodeId: uuid,
        state: index === 0 ? "QUASI_CLOSED" : "OPEN",
        isEmpty: index === 1,
        replicaIndex: index,
        dataChecksum: 0n,
      };
    }
  });
}
