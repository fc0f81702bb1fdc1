import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError } from "../../../engine/core/assert.js";
import type { Random } from "../../../engine/core/random.js";

/** What every source of randomness must do, the real one and the one with a seed. */
export function randomContract(name: string, makeRandom: () => Random): void {
  describe(`random ${name}`, () => {
    test("numbers are whole, in range and do not repeat", () => {
      const random = makeRandom();
      const numbers = Array.from({ length: 5000 }, () => random.uint32());
      for (const number of numbers) assert.ok(Number.isInteger(number) && number >= 0 && number < 2 ** 32);
      // 5,000 of 2^32 collide with a probability of 0.3 %; ten collisions do not happen.
      assert.ok(new Set(numbers).size > 4990);
    });

    test("below stays below its bound and reaches every value", () => {
      const random = makeRandom();
      const seen = new Set(Array.from({ length: 1000 }, () => random.below(5)));
      assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4]);
      assert.equal(random.below(1), 0);
      assert.ok(random.below(2 ** 32) < 2 ** 32);
      assert.throws(() => random.below(0), AssertionError);
      assert.throws(() => random.below(2 ** 32 + 1), AssertionError);
    });

    test("fractions lie between 0 and 1, on both sides of the middle", () => {
      const random = makeRandom();
      const fractions = Array.from({ length: 1000 }, () => random.fraction());
      for (const fraction of fractions) assert.ok(fraction >= 0 && fraction < 1);
      assert.ok(
        fractions.some((fraction) => fraction < 0.5) && fractions.some((fraction) => fraction >= 0.5),
      );
    });

    test("fill overwrites all bytes", () => {
      const random = makeRandom();
      const seen = new Uint8Array(64);
      // A byte that is never written stays 0 in all of eight rounds.
      for (let round = 0; round < 8; round++) {
        const bytes = new Uint8Array(64);
        random.fill(bytes);
        bytes.forEach((byte, index) => {
          seen[index] = (seen[index] as number) | byte;
        });
      }
      assert.ok(seen.every((byte) => byte !== 0));
    });
  });
}
