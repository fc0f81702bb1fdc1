import assert from "node:assert/strict";
import { test } from "node:test";
import { SimWorld } from "../support/simulation/sim-world.js";
import { Journal, NodeJournal } from "../support/simulation/system/journal.js";
import { optionsOf } from "../support/simulation/system/run-seed.js";
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
