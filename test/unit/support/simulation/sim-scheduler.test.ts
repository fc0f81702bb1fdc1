import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { clockSchedulerContract } from "../../../support/contracts/clock-scheduler-contract.js";
import { SimClock } from "../../../support/simulation/sim-clock.js";
import { SimScheduler } from "../../../support/simulation/sim-scheduler.js";

clockSchedulerContract("sim", () => {
  const scheduler = new SimScheduler();
  return {
    clock: new SimClock(scheduler),
    scheduler,
    until: (condition, what) => scheduler.runUntil(what, condition),
  };
});

test("events at the same time run in the order in which they were scheduled", () => {
  const scheduler = new SimScheduler();
  const order: number[] = [];
  for (let i = 0; i < 100; i++) scheduler.after(5, () => order.push(i));
  scheduler.runSync(10);
  assert.deepEqual(
    order,
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test("a thousand random timers run by time, then by order of scheduling", () => {
  const random = new SeededRandom(7);
  const scheduler = new SimScheduler();
  const ran: { dueMs: number; index: number }[] = [];
  for (let index = 0; index < 1000; index++) {
    const dueMs = random.below(50);
    const timer = scheduler.after(dueMs, () => ran.push({ dueMs, index }));
    if (index % 10 === 0) timer.cancel();
  }
  scheduler.runSync(50);
  assert.equal(ran.length, 900);
  const sorted = ran.toSorted((a, b) => a.dueMs - b.dueMs || a.index - b.index);
  assert.deepEqual(ran, sorted);
});

test("run goes exactly to its time and runs what is due then", async () => {
  const scheduler = new SimScheduler();
  const ran: number[] = [];
  for (const delayMs of [10, 20, 20.5]) scheduler.after(delayMs, () => ran.push(delayMs));
  await scheduler.run(20);
  assert.deepEqual(ran, [10, 20]);
  assert.equal(scheduler.nowMs, 20);
  await scheduler.run(100);
  assert.equal(scheduler.nowMs, 100);
});

test("promises settle before the end of the turn, and that before the next event", async () => {
  const scheduler = new SimScheduler();
  const order: string[] = [];
  scheduler.after(1, () => {
    scheduler.endOfTurn(() => {
      order.push("end of turn");
      void deep(5).then(() => order.push("its promise"));
    });
    void deep(50).then(() => order.push("promise"));
  });
  scheduler.after(1, () => order.push("next event"));
  await scheduler.run(2);
  assert.deepEqual(order, ["promise", "end of turn", "its promise", "next event"]);
});

test("a condition that does not come true fails with its name", async () => {
  const scheduler = new SimScheduler();
  const timer = scheduler.every(10, () => {});
  await assert.rejects(
    scheduler.runUntil("the moon", () => false, 100),
    /not within 100 ms.*the moon/,
  );
  assert.equal(scheduler.nowMs, 100);
  timer.cancel();
});

test("several may wait at once, each for its own condition", async () => {
  const scheduler = new SimScheduler();
  let count = 0;
  scheduler.every(1, () => count++);
  const seen = await Promise.all(
    [3, 1, 2].map(async (goal) => {
      await scheduler.runUntil("the count", () => count >= goal);
      return count;
    }),
  );
  assert.deepEqual(seen, [3, 1, 2]);
});

test("an error in an event fails who runs the simulation, and the next run goes on", async () => {
  const scheduler = new SimScheduler();
  let didRun = false;
  scheduler.after(1, () => {
    throw new Error("broken");
  });
  scheduler.after(2, () => {
    didRun = true;
  });
  await assert.rejects(scheduler.run(5), /broken/);
  await scheduler.run(5);
  assert.equal(didRun, true);
});

test("equal runs have equal digests, and another order another one", () => {
  const digestOf = (delays: readonly number[]): number => {
    const scheduler = new SimScheduler();
    for (const delayMs of delays) scheduler.after(delayMs, () => scheduler.after(1, () => {}));
    scheduler.runSync(100);
    return scheduler.digest;
  };
  assert.equal(digestOf([1, 2, 3]), digestOf([1, 2, 3]));
  assert.notEqual(digestOf([1, 2, 3]), digestOf([1, 3, 2]));
});

test("the wall clock can jump, the monotonic one does not", async () => {
  const scheduler = new SimScheduler();
  const clock = new SimClock(scheduler);
  const wallMs = clock.wallMs();
  clock.wallOffsetMs = -3_600_000;
  await scheduler.run(1500.5);
  assert.equal(clock.wallMs(), wallMs + 1500 - 3_600_000);
  assert.equal(clock.monotonicMs(), 1500.5);
});

test("a clock that drifts goes on from where it was, and its wall clock can stand still", async () => {
  const scheduler = new SimScheduler();
  const clock = new SimClock(scheduler);
  await scheduler.run(1_000);
  clock.rate = 1.01;
  assert.equal(clock.monotonicMs(), 1_000);
  await scheduler.run(2_000);
  assert.equal(clock.monotonicMs(), 2_010);
  const wallMs = clock.wallMs();
  clock.freezeWall();
  await scheduler.run(3_000);
  assert.equal(clock.wallMs(), wallMs);
  clock.thawWall();
  assert.equal(clock.wallMs(), wallMs + 1_010);
});

async function deep(depth: number): Promise<void> {
  for (let i = 0; i < depth; i++) await undefined;
}
