import assert from "node:assert/strict";
import { test } from "node:test";
import { FleetPlan } from "../../../bench/fleet/plan.js";
import { PlanReportSource } from "../../../bench/fleet/plan-report-source.js";
import { reportRows } from "../../../protocol/client/index.js";

const ROW_BYTES = 32;

for (const rowsPerChunk of [7, 1000]) {
  test(`in chunks of ${rowsPerChunk}, each node reports its rows of the plan`, () => {
    const plan = new FleetPlan({ nodeCount: 10, containersPerNode: 70, seed: 1 });
    for (let node = 0; node < plan.nodeCount; node++) {
      const source = new PlanReportSource(plan, node);
      const ids = [...plan.containerIds(node)];
      const bytes: number[] = [];
      for (let chunk = source.next(rowsPerChunk); chunk.length > 0; chunk = source.next(rowsPerChunk)) {
        bytes.push(...chunk);
      }
      assert.equal(source.rowCount, ids.length);
      assert.equal(bytes.length, ids.length * ROW_BYTES);
      const wanted = reportRows(ids.map((id) => plan.row(id, 0)));
      assert.deepEqual(originUuids(bytes, source.origins), originUuids([...wanted.rows], wanted.origins));
      assert.deepEqual(withoutOrigins(bytes), withoutOrigins([...wanted.rows]));
    }
  });
}

function originUuids(bytes: readonly number[], origins: readonly string[]): (string | undefined)[] {
  const uuids: (string | undefined)[] = [];
  for (let at = 28; at < bytes.length; at += ROW_BYTES) uuids.push(origins[bytes[at] as number]);
  return uuids;
}

/** The two dictionaries may be in different order. */
function withoutOrigins(bytes: readonly number[]): number[] {
  return bytes.map((byte, at) => (at % ROW_BYTES === 28 ? 0 : byte));
}
