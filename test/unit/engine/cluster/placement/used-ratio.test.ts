import assert from "node:assert/strict";
import { test } from "node:test";
import { isFullerThan } from "../../../../../engine/cluster/placement/used-ratio.js";

const GB = 1024 ** 3;

function usage(scmUsed: number, capacity: number) {
  return { scmUsed, capacity };
}

test("the greater part that is used counts, whatever it is in bytes", () => {
  assert.equal(isFullerThan(usage(GB, 2 * GB), usage(4 * GB, 100 * GB)), true);
  assert.equal(isFullerThan(usage(4 * GB, 100 * GB), usage(GB, 2 * GB)), false);
});

test("parts that differ by less than a millionth are equal: then bytes count, and then nothing", () => {
  assert.equal(isFullerThan(usage(1000, 100 * GB), usage(999, 100 * GB)), true);
  assert.equal(isFullerThan(usage(999, 100 * GB), usage(1000, 100 * GB)), false);
  assert.equal(isFullerThan(usage(1000, 100 * GB), usage(1000, 100 * GB)), false);
});

test("a node without capacity has one byte", () => {
  assert.equal(isFullerThan(usage(0, 0), usage(1, 2)), false);
  assert.equal(isFullerThan(usage(1, 0), usage(1, 2)), true);
});
