import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, seedsOf } from "../../../scripts/sim.js";
import { optionsOf, type SimOutcome } from "../../support/simulation/system/run-seed.js";

const OUTCOME: SimOutcome = {
  seed: 9,
  options: optionsOf(9),
  ticks: 1234,
  digest: "00ff",
  error: undefined,
  lastLines: ["what happened last"],
  faultCounts: new Map(),
};

test("seeds follow the first one, which is any when it is not given", () => {
  assert.deepEqual(
    seedsOf({ seeds: 3, firstSeed: 7 }, () => 0),
    [7, 8, 9],
  );
  assert.deepEqual(
    seedsOf({ seeds: 2 }, () => 40),
    [40, 41],
  );
});

test("one seed that is named is played alone", () => {
  assert.deepEqual(
    seedsOf({ seeds: 20, firstSeed: 7, seed: 5 }, () => 0),
    [5],
  );
});

test("a seed that went well is one line", () => {
  assert.deepEqual(linesOf(OUTCOME), ["PASS seed=9 ticks=1234 digest=00ff"]);
});

test("a failed one tells what happened last, why, and how to play it again", () => {
  const lines = linesOf({ ...OUTCOME, error: new Error("broken") });
  assert.equal(lines[0], "what happened last");
  assert.match(lines[1] ?? "", /broken/);
  assert.deepEqual(lines.slice(2), [
    "FAIL seed=9 ticks=1234 digest=00ff",
    "replay: npm run sim -- --seed 9 --trace",
  ]);
});
