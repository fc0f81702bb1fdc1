import assert from "node:assert/strict";
import { test } from "node:test";
import { IdRange } from "../../../../../engine/cluster/sequence/id-range.js";
import { term } from "../../../../../engine/core/ids.js";

const FIRST = 13n * 2n ** 53n;

function take(range: IdRange): bigint | undefined {
  const offset = range.take();
  return offset < 0 ? undefined : range.base + BigInt(offset);
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
