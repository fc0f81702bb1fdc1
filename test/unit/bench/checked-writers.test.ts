import assert from "node:assert/strict";
import { test } from "node:test";
import { compareSequences } from "../../../bench/load/checked-writers.js";

test("operations that are each there once, in order, are right", () => {
  assert.deepEqual(compareSequences([1, 2, 3], 3), { lost: 0, repeated: 0 });
});

test("what was acknowledged and is not there is lost", () => {
  assert.deepEqual(compareSequences([1, 3], 3), { lost: 1, repeated: 0 });
  assert.deepEqual(compareSequences([], 2), { lost: 2, repeated: 0 });
});

test("what is there twice, out of order, or was never acknowledged, is repeated", () => {
  assert.deepEqual(compareSequences([1, 2, 2, 3], 3), { lost: 0, repeated: 1 });
  assert.deepEqual(compareSequences([2, 1], 2), { lost: 0, repeated: 1 });
  assert.deepEqual(compareSequences([1, 2, 3], 2), { lost: 0, repeated: 1 });
});
