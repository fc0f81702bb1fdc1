import assert from "node:assert/strict";
import { test } from "node:test";
import { seedsOf } from "../../../scripts/sim.js";

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
