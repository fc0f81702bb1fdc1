import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NO_FAULTS } from "../support/simulation/system/options.js";
import { runSeed, type SimOutcome } from "../support/simulation/system/run-seed.js";

/** Chosen so that among them every kind of fault happens, with one, two and three shards. */
const FIXED_SEEDS = [213, 230, 234, 235, 241];
const RANDOM_SEEDS = 4;

/** The outcome of a seed that must go well; says how to play it again when it does not. */
async function play(seed: number): Promise<SimOutcome> {
  const outcome = await runSeed(seed);
  if (outcome.error === undefined) return outcome;
  const lines = outcome.lastLines.join("\n");
  throw new Error(`${lines}\nreplay: npm run sim -- --seed ${seed} --trace`, { cause: outcome.error });
}

describe("a simulated cluster", () => {
  const digests = new Set<string>();
  const faults = new Set<string>();

  for (const seed of FIXED_SEEDS) {
    test(`seed ${seed} keeps every invariant, and plays the same twice`, async () => {
      const first = await play(seed);
      const second = await play(seed);
      assert.equal(second.digest, first.digest);
      assert.equal(second.ticks, first.ticks);
      digests.add(first.digest);
      for (const fault of first.faultCounts.keys()) faults.add(fault);
    });
  }

  test("different seeds play differently", () => {
    assert.equal(digests.size, FIXED_SEEDS.length);
  });

  test("every kind of fault happens in the fixed seeds", () => {
    assert.deepEqual([...faults].sort(), Object.keys(NO_FAULTS).sort());
  });

  for (let i = 0; i < RANDOM_SEEDS; i++) {
    const seed = Math.floor(Math.random() * 2 ** 30);
    test(`random seed ${seed} keeps every invariant`, async () => {
      await play(seed);
    });
  }
});
