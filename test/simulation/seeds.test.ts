import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FAULT_NAMES, type SimOptions } from "../support/simulation/system/options.js";
import { runSeed, type SimOutcome } from "../support/simulation/system/run-seed.js";

const FIXED_SEEDS = [1, 2, 3, 14];
/** Short ones: a run that differs from itself does so on any seed (`npm run sim -- --twice` for more). */
const PLAYED_TWICE = [2, 3];
/** Often enough that each kind happens. */
const FAULT_RATE = 0.4;
const RANDOM_SEEDS = 3;

/** The outcome of a seed that must go well; says how to play it again when it does not. */
async function play(seed: number, changes: Partial<SimOptions> = {}): Promise<SimOutcome> {
  const outcome = await runSeed(seed, { changes });
  if (outcome.error === undefined) return outcome;
  const lines = outcome.lastLines.join("\n");
  throw new Error(`${lines}\nreplay: npm run sim -- --seed ${seed} --trace`, { cause: outcome.error });
}

describe("a simulated cluster", () => {
  const digests = new Set<string>();

  for (const seed of FIXED_SEEDS) {
    test(`seed ${seed} keeps every invariant`, async () => {
      const first = await play(seed);
      digests.add(first.digest);
      if (!PLAYED_TWICE.includes(seed)) return;
      const second = await play(seed);
      assert.equal(second.digest, first.digest);
      assert.equal(second.ticks, first.ticks);
    });
  }

  test("different seeds play differently", () => {
    assert.equal(digests.size, FIXED_SEEDS.length);
  });

  test("a group keeps every invariant when every kind of fault happens", async () => {
    const faults = Object.fromEntries(FAULT_NAMES.map((name) => [name, FAULT_RATE])) as unknown;
    const { faultCounts } = await play(2, {
      groupSize: 3,
      rounds: 2,
      roundMs: 10_000,
      faults: faults as SimOptions["faults"],
    });
    assert.deepEqual([...faultCounts.keys()].sort(), [...FAULT_NAMES].sort());
  });

  for (let i = 0; i < RANDOM_SEEDS; i++) {
    const seed = Math.floor(Math.random() * 2 ** 30);
    test(`random seed ${seed} keeps every invariant`, async () => {
      await play(seed);
    });
  }
});
