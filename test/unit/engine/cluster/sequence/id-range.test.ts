import assert from "node:assert/strict";
import { test } from "node:test";
import { IdRange } from "../../../../../engine/cluster/sequence/id-range.js";
import { term } from "../../../../../engine/core/ids.js";

const FIRST = 13n * 2n ** 53n;

function numberAt(range: IdRange, offset: number): bigint {
  return (BigInt(range.high(offset)) << 32n) | BigInt(range.low(offset));
}

function take(range: IdRange): bigint | undefined {
  return range.take(1) === 0 ? undefined : numberAt(range, 0);
}

test("numbers are handed out once each, across the border of two reservations", () => {
  const range = new IdRange(term(5));
  assert.equal(take(range), undefined);
  range.add({ first: FIRST, count: 2 }, term(5));
  range.add({ first: FIRST + 100n, count: 2 }, term(5));
  assert.equal(range.available, 4);
  const taken = [take(range), take(range), take(range), take(range), take(range)];
  assert.deepEqual(taken, [FIRST, FIRST + 1n, FIRST + 100n, FIRST + 101n, undefined]);
});

test("a reservation of another term is never used", () => {
  const range = new IdRange(term(5));
  range.add({ first: FIRST, count: 10 }, term(4));
  assert.equal(range.available, 0);
});

test("what is left of a term's numbers is lost with the term", () => {
  const range = new IdRange(term(5));
  range.add({ first: FIRST, count: 10 }, term(5));
  range.add({ first: FIRST + 10n, count: 10 }, term(5));
  take(range);
  range.startTerm(term(6));
  assert.equal(take(range), undefined);
  range.add({ first: FIRST + 20n, count: 10 }, term(6));
  assert.equal(take(range), FIRST + 20n);
  assert.throws(() => range.startTerm(term(5)), /term fell/);
});

test("several numbers at once are consecutive, and end with their reservation", () => {
  const range = new IdRange(term(5));
  const first = 7n * 2n ** 32n - 2n;
  range.add({ first, count: 5 }, term(5));
  range.add({ first: FIRST, count: 4 }, term(5));
  assert.equal(range.take(3), 3);
  const across = [0, 1, 2].map((offset) => numberAt(range, offset));
  assert.deepEqual(across, [first, first + 1n, first + 2n], "the lower half runs over");
  assert.equal(range.take(10), 2);
  assert.equal(numberAt(range, 1), first + 4n);
  assert.equal(range.take(10), 4);
  assert.equal(numberAt(range, 0), FIRST);
  assert.equal(range.take(10), 0);
});

test("reservations are used in the order in which they were made", () => {
  const range = new IdRange(term(5));
  range.add({ first: FIRST, count: 2 }, term(5));
  range.add({ first: FIRST + 2n, count: 2 }, term(5));
  range.take(2);
  range.add({ first: FIRST + 4n, count: 2 }, term(5));
  const taken = [take(range), take(range), take(range), take(range), take(range)];
  assert.deepEqual(taken, [FIRST + 2n, FIRST + 3n, FIRST + 4n, FIRST + 5n, undefined]);
});

test("a range runs out from its half on, unless another one waits", () => {
  const range = new IdRange(term(5));
  assert.equal(range.isRunningOut, true);
  range.add({ first: FIRST, count: 10 }, term(5));
  assert.equal(range.isRunningOut, false);
  range.take(4);
  assert.equal(range.isRunningOut, false);
  range.take(1);
  assert.equal(range.isRunningOut, true);
  range.add({ first: FIRST + 10n, count: 10 }, term(5));
  assert.equal(range.isRunningOut, false);
});
