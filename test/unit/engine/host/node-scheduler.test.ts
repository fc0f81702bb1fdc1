import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeClock } from "../../../../engine/host/node-clock.js";
import { NodeScheduler } from "../../../../engine/host/node-scheduler.js";
import { clockSchedulerContract } from "../../../support/contracts/clock-scheduler-contract.js";
import { waitFor } from "../../../support/wait.js";

clockSchedulerContract("node", () => ({
  clock: new NodeClock(),
  scheduler: new NodeScheduler(),
  until: (condition, what) => waitFor(what, condition),
}));

test("an interval that was missed runs once, not as a burst", async () => {
  const scheduler = new NodeScheduler();
  let count = 0;
  const timer = scheduler.every(2, () => {
    count++;
    if (count > 1) return;
    const endMs = performance.now() + 30;
    while (performance.now() < endMs);
    // The whole interval begins anew after the run: nothing is due yet.
    setImmediate(() => assert.equal(count, 1));
  });
  await waitFor("a second run", () => count === 2);
  timer.cancel();
});

test("a delay beyond the range of Node's timers does not run at once", async () => {
  const scheduler = new NodeScheduler();
  let didRun = false;
  const timer = scheduler.after(2 ** 33, () => {
    didRun = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  timer.cancel();
  assert.equal(didRun, false);
});

test("all tasks of a turn share one immediate", async () => {
  const scheduler = new NodeScheduler();
  const order: string[] = [];
  scheduler.endOfTurn(() => order.push("first"));
  setImmediate(() => order.push("immediate"));
  scheduler.endOfTurn(() => order.push("second"));
  await waitFor("all", () => order.length === 3);
  assert.deepEqual(order, ["first", "second", "immediate"]);
});
