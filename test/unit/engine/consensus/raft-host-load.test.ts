import assert from "node:assert/strict";
import { test } from "node:test";
import { LoadedGroup } from "../../../support/consensus/loaded-group.js";
import { eachSeed } from "../../../support/each-seed.js";

const SEEDS = 4;
const STEPS = 60;

test("under load and faults every question has one answer, and the answers are true", async () => {
  let acknowledgedCount = 0;
  await eachSeed(SEEDS, async (random) => {
    const group = new LoadedGroup(random);
    for (let step = 0; step < STEPS; step++) group.step();
    group.finish();
    acknowledgedCount += group.acknowledgedCount;
  });
  assert.ok(acknowledgedCount > 1000, "there was hardly any load");
});
