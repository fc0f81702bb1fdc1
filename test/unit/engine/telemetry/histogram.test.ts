import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../../../../engine/telemetry/histogram.js";

test("values fall into the bucket whose bound they do not exceed", () => {
  const histogram = new Histogram(1, 3);
  for (const value of [0, 1, 1.5, 2, 4, 5]) histogram.observe(value);
  const samples = histogram
    .samples("x")
    .map(({ metricName, labels, value }) => [metricName, labels["le"], value]);
  assert.deepEqual(samples, [
    ["x_bucket", "1", 2],
    ["x_bucket", "2", 4],
    ["x_bucket", "4", 5],
    ["x_bucket", "+Inf", 6],
    ["x_sum", undefined, 13.5],
    ["x_count", undefined, 6],
  ]);
});

test("a quantile is the bound of its bucket", () => {
  const histogram = new Histogram(1, 3);
  assert.equal(histogram.quantile(0.99), 0);
  for (const value of [1, 1, 2, 4]) histogram.observe(value);
  assert.deepEqual(
    [0, 0.5, 0.75, 0.76, 1].map((share) => histogram.quantile(share)),
    [1, 1, 2, 4, 4],
  );
  histogram.observe(100);
  assert.equal(histogram.quantile(1), Number.POSITIVE_INFINITY);
  assert.deepEqual([histogram.count, histogram.sum], [5, 108]);
});
