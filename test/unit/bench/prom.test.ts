import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketOf } from "../../../bench/harness/prom.js";

test("the share of a histogram lies in the first bucket that counts as many, whatever their order", () => {
  const counts = new Map([
    ['x_bucket{le="+Inf"}', 100],
    ['x_bucket{le="16"}', 50],
    ['x_bucket{le="8"}', 10],
    ['y_bucket{le="1"}', 100],
  ]);
  const at = (rank: number): number => bucketOf(counts.keys(), "x", rank, (name) => counts.get(name) ?? 0);
  assert.equal(at(0.1), 8);
  assert.equal(at(0.5), 16);
  assert.equal(at(0.99), Number.POSITIVE_INFINITY);
  assert.equal(
    bucketOf(counts.keys(), "z", 0.5, () => 1),
    0,
  );
});
