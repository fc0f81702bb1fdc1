import assert from "node:assert/strict";
import { test } from "node:test";
import { FetchedEntries } from "../../../../engine/consensus/fetched-entries.js";
import { logIndex } from "../../../../engine/core/ids.js";
import type { Entry } from "../../../../engine/raft/types.js";
import { makeEntries } from "../../../support/raft/memory-log.js";

const ALL = Number.POSITIVE_INFINITY;
/** What one entry of `entriesFrom` counts for in a message, and in memory. */
const SENT = 100;
const KEPT = 324;

function entriesFrom(first: number, count: number): Entry[] {
  return makeEntries(first, new Array<number>(count).fill(1), 68);
}

function find(fetched: FetchedEntries, low: number, high: number, bytesMax = ALL): number[] | "pending" {
  const entries = fetched.find(logIndex(low), logIndex(high), bytesMax);
  return entries === "pending" ? entries : entries.map(({ index }) => index);
}

test("what is asked for and not there is wanted once, in order", () => {
  const fetched = new FetchedEntries(10_000);
  assert.equal(fetched.begin(), undefined);
  assert.equal(find(fetched, 5, 20), "pending");
  find(fetched, 5, 30);
  find(fetched, 2, 9);
  assert.deepEqual(fetched.begin(), { low: 5, high: 20 });
  assert.throws(() => fetched.begin(), /one range/);
  find(fetched, 5, 20);
  fetched.put(entriesFrom(5, 3));
  assert.deepEqual(fetched.begin(), { low: 2, high: 9 });
  fetched.put(entriesFrom(2, 3));
  assert.equal(fetched.begin(), undefined, "5 was not wanted again while it was under way");
});

test("what is there is given, as far as it reaches and fits", () => {
  const fetched = new FetchedEntries(10_000);
  find(fetched, 5, 20);
  fetched.begin();
  fetched.put(entriesFrom(5, 4));
  assert.deepEqual(find(fetched, 5, 20), [5, 6, 7, 8]);
  assert.deepEqual(find(fetched, 6, 8), [6, 7]);
  assert.deepEqual(find(fetched, 6, 20, 2 * SENT), [6, 7]);
  assert.deepEqual(find(fetched, 8, 20, 1), [8]);
  assert.equal(find(fetched, 9, 20), "pending");
  assert.equal(find(fetched, 4, 20), "pending");
});

test("who waits for what has come with another range is not fetched for", () => {
  const fetched = new FetchedEntries(10_000);
  find(fetched, 5, 20);
  find(fetched, 7, 20);
  find(fetched, 9, 20);
  fetched.begin();
  fetched.put(entriesFrom(5, 4));
  assert.deepEqual(fetched.begin(), { low: 9, high: 20 });
});

test("the bytes are bounded: what was used longest ago goes, the newest stays", () => {
  const fetched = new FetchedEntries(7 * KEPT);
  const fetch = (first: number, count: number) => {
    find(fetched, first, first + count);
    fetched.begin();
    fetched.put(entriesFrom(first, count));
  };
  fetch(10, 3);
  fetch(20, 3);
  assert.deepEqual(find(fetched, 10, 11), [10]);
  fetch(30, 3);
  assert.equal(fetched.bytes, 6 * KEPT);
  assert.deepEqual(find(fetched, 10, 11), [10]);
  assert.equal(find(fetched, 20, 21), "pending");
  assert.deepEqual(find(fetched, 30, 31), [30]);
  fetched.clear();
  assert.equal(fetched.bytes, 0);
  fetch(40, 9);
  assert.deepEqual(find(fetched, 40, 41), [40], "also when it is too large alone");
  fetch(60, 1);
  assert.equal(fetched.bytes, KEPT);
});

test("no more than a few ranges are wanted at a time", () => {
  const fetched = new FetchedEntries(10_000);
  for (let low = 1; low <= 1000; low += 2) find(fetched, low, low + 1);
  let count = 0;
  for (; fetched.begin() !== undefined; count++) fetched.put([]);
  assert.ok(count >= 7, `${count}: each member has one`);
  assert.ok(count <= 16, `${count}`);
});

test("what is truncated is forgotten, also what is wanted of it", () => {
  const fetched = new FetchedEntries(10_000);
  find(fetched, 5, 9);
  fetched.begin();
  fetched.put(entriesFrom(5, 4));
  find(fetched, 3, 5);
  find(fetched, 20, 30);
  fetched.truncate(6);
  assert.equal(fetched.bytes, 0);
  assert.deepEqual(fetched.begin(), { low: 20, high: 30 });
  fetched.put([]);
  assert.equal(find(fetched, 20, 30), "pending", "nothing came: it is asked for again");
  assert.deepEqual(fetched.begin(), { low: 20, high: 30 });
});
