import assert from "node:assert/strict";
import { test } from "node:test";
import { ReportDeadlines } from "../../../../engine/gateway/report-deadlines.js";
import { SimClock } from "../../../support/simulation/sim-clock.js";
import { SimProcess } from "../../../support/simulation/sim-process.js";
import { SimScheduler } from "../../../support/simulation/sim-scheduler.js";

test("no timer waits when no datanode has credit, and the next grant is watched again", async () => {
  const world = new SimScheduler();
  const process = new SimProcess(world);
  const stalled: object[] = [];
  const deadlines = new ReportDeadlines(new SimClock(world), process, (datanode: object) => {
    stalled.push(datanode);
  });
  const [a, b] = [{}, {}];
  deadlines.granted(a);
  deadlines.granted(b);
  deadlines.forget(a);
  assert.equal(process.plannedCount, 1);
  deadlines.forget(b);
  assert.equal(process.plannedCount, 0);
  deadlines.granted(b);
  await world.run(70_000);
  assert.deepEqual(stalled, [b]);
});
