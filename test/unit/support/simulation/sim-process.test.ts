import assert from "node:assert/strict";
import { test } from "node:test";
import { SimProcess } from "../../../support/simulation/sim-process.js";
import { SimScheduler } from "../../../support/simulation/sim-scheduler.js";

function processes() {
  const world = new SimScheduler();
  return { world, a: new SimProcess(world), b: new SimProcess(world) };
}

test("what a killed process had planned does not happen, others go on", async () => {
  const { world, a, b } = processes();
  const ran: string[] = [];
  for (const [name, process] of Object.entries({ a, b })) {
    process.after(5, () => ran.push(`${name} after`));
    process.every(4, () => ran.push(`${name} every`));
  }
  await world.run(4);
  a.endOfTurn(() => ran.push("a end of turn"));
  a.kill();
  a.after(1, () => ran.push("a planned after its death"));
  await world.run(9);
  assert.deepEqual(ran, ["a every", "b every", "b after", "b every"]);
  assert.equal(a.isAlive, false);
});

test("a paused process does what was due when it wakes, in its order", async () => {
  const { world, a, b } = processes();
  const ran: string[] = [];
  a.after(2, () => ran.push(`first at ${world.nowMs}`));
  a.after(3, () => ran.push(`second at ${world.nowMs}`));
  a.after(20, () => ran.push(`third at ${world.nowMs}`));
  b.after(4, () => ran.push(`other at ${world.nowMs}`));
  a.pause(10);
  await world.run(30);
  assert.deepEqual(ran, ["other at 4", "first at 10", "second at 10", "third at 20"]);
});

test("timers that wait are counted, cancelled and finished ones are not", async () => {
  const { world, a } = processes();
  a.after(1, () => {});
  const cancelled = a.after(2, () => {});
  const repeated = a.every(3, () => {});
  assert.equal(a.plannedCount, 3);
  cancelled.cancel();
  await world.run(10);
  assert.equal(a.plannedCount, 1);
  repeated.cancel();
  assert.equal(a.plannedCount, 0);
});
