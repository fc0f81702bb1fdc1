import assert from "node:assert/strict";
import { test } from "node:test";
import { SimWorld } from "../support/simulation/sim-world.js";
import { Journal, NodeJournal } from "../support/simulation/system/journal.js";
import { optionsOf } from "../support/simulation/system/run-seed.js";
import { SimGroup } from "../support/simulation/system/sim-group.js";
import { SimScm } from "../support/simulation/system/sim-scm.js";
import { SimTrace } from "../support/simulation/system/trace.js";

/** Writes of the first start until it serves, at least: the disk may fail at each of them. */
const WRITES = 6;

for (let writeCount = 0; writeCount < WRITES; writeCount++) {
  test(`a start whose disk fails after ${writeCount} writes says so, and the next one serves`, async () => {
    const world = new SimWorld(1);
    const trace = new SimTrace(world.clock);
    const scm = new SimScm({
      world,
      number: 1,
      options: optionsOf(1),
      trace,
      journal: new NodeJournal(new Journal(() => {})),
      random: world.random.stream("disk"),
      onFailure: (error) => {
        throw error;
      },
    });
    await scm.initialize();
    scm.start();
    scm.breakDisk("STORAGE_IO", writeCount);
    await world.scheduler.runUntil("the process ends", () => !scm.isUp);
    assert.match(trace.lastLines(2).join("\n"), /gives up: STORAGE_IO/);
    scm.start();
    await world.scheduler.runUntil("the next one serves", () => scm.serving !== undefined);
  });
}

/** Two SCMs of one service; the first has been initialized and starts. */
async function firstOfTwo(seed: number) {
  const world = new SimWorld(seed);
  const group = new SimGroup({
    world,
    options: optionsOf(seed),
    trace: new SimTrace(world.clock),
    journal: new Journal(() => {}),
    random: world.random.stream("disk"),
    onFailure: (error) => {
      throw error;
    },
  });
  const [first, second] = [group.add(), group.add()];
  for (const scm of [first, second]) scm.joinService([first, second]);
  await first.initialize();
  first.start();
  return { world, first, second };
}

test("a learner that is started while nobody leads serves all the same", async () => {
  const { world, first, second } = await firstOfTwo(3);
  await world.scheduler.runUntil("the first one leads", () => first.leads);
  await world.scheduler.settle(second.bootstrap());
  second.start();
  const status = () => second.running?.raft.status();
  await world.scheduler.runUntil("it knows that it learns", () => status()?.confState.learners.length === 1);
  first.crash("machine");
  const { appliedIndex } = second.running!.cluster;
  await world.scheduler.runUntil("its state is on disk", () => {
    return (
      second.running!.raft.flushes.counters.flushes > 0 &&
      second.running!.cluster.appliedIndex >= appliedIndex
    );
  });
  second.crash("process");
  second.start();
  await world.scheduler.runUntil("it serves", () => second.serving !== undefined);
  assert.deepEqual(status()?.confState.learners, [2]);
});

test("an SCM is ready when it leads, or follows a leader with whom it has caught up", async () => {
  const { world, first, second } = await firstOfTwo(4);
  await world.scheduler.runUntil("the first one is ready", () => first.serving?.isReady === true);
  assert.equal(first.leads, true);
  await world.scheduler.settle(second.bootstrap());
  second.start();
  await world.scheduler.runUntil("the second one is ready", () => second.serving?.isReady === true);
  assert.equal(second.leads, false);
  assert.ok(second.serving!.cluster.appliedIndex > 0);
  await world.scheduler.runUntil(
    "it votes",
    () => second.running?.raft.status().confState.voters.length === 2,
  );
  first.crash("machine");
  await world.scheduler.runUntil("it hears nobody", () => second.serving?.isReady === false);
  first.start();
  await world.scheduler.runUntil("both are ready again", () => {
    return first.serving?.isReady === true && second.serving?.isReady === true;
  });
});
