import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../../engine/core/assert.js";
import { NodeRandom } from "../../../../engine/host/node-random.js";

test("numbers are whole, in range and do not repeat when the pool is filled again", () => {
  const random = new NodeRandom();
  const numbers = Array.from({ length: 5000 }, () => random.uint32());
  for (const number of numbers) assert.ok(Number.isInteger(number) && number >= 0 && number < 2 ** 32);
  // 5,000 of 2^32 collide with a probability of 0.3 %; ten collisions do not happen.
  assert.ok(new Set(numbers).size > 4990);
});

test("below stays below its bound and reaches every value", () => {
  const random = new NodeRandom();
  const seen = new Set(Array.from({ length: 1000 }, () => random.below(5)));
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4]);
  assert.ok(random.below(2 ** 32) < 2 ** 32);
  assert.throws(() => random.below(0), AssertionError);
  assert.throws(() => random.below(2 ** 32 + 1), AssertionError);
});

test("fractions lie between 0 and 1", () => {
  const random = new NodeRandom();
  for (let i = 0; i < 1000; i++) {
    const fraction = random.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
  }
});

test("fill overwrites all bytes", () => {
  const bytes = new Uint8Array(64);
  new NodeRandom().fill(bytes);
  assert.ok(bytes.some((byte) => byte !== 0));
});
