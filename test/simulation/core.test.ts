import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logIndex } from "../../engine/core/ids.js";
import { NO_ENTRY } from "../../engine/raft/log.js";
import type { Message } from "../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import { type CoreSimOutcome, runCoreSeed } from "../support/core-simulation/run-core-seed.js";
import { Scenario } from "../support/core-simulation/scenario.js";
import { CORE_PARTS, shrink } from "../support/core-simulation/shrink.js";

/** Chosen so that among them every kind of fault happens, and memberships change. */
const FIXED_SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const RANDOM_SEEDS = 6;

/** The outcome of a seed that must go well; says how to play it again when it does not. */
function play(seed: number): CoreSimOutcome {
  const outcome = runCoreSeed(seed);
  if (outcome.error === undefined) return outcome;
  const lines = outcome.simulation.cluster.trace.lastLines().slice(-60).join("\n");
  throw new Error(`${lines}\nreplay: npm run sim -- --core --seed ${seed} --trace`, { cause: outcome.error });
}

describe("simulated cores", () => {
  const faults = new Set<string>();
  const digests = new Set<string>();
  let promotionCount = 0;
  let readCount = 0;

  for (const seed of FIXED_SEEDS) {
    test(`seed ${seed} keeps every invariant, and plays the same twice`, () => {
      const first = play(seed);
      const second = play(seed);
      assert.equal(second.digest, first.digest);
      assert.equal(second.steps, first.steps);
      digests.add(first.digest);
      for (const fault of first.simulation.faults.counts.keys()) faults.add(fault);
      promotionCount += first.simulation.cluster.checker.promotionCount;
      readCount += first.simulation.cluster.checker.readCount;
    });
  }

  test("different seeds play differently", () => {
    assert.equal(digests.size, FIXED_SEEDS.length);
  });

  test("every kind of fault happens in the fixed seeds, and learners are promoted, and reads served", () => {
    const kinds = [
      "applyStall",
      "crash",
      "crashAtSync",
      "damage",
      "diskStall",
      "massCrash",
      "partition",
      "pause",
      "slowClock",
    ];
    assert.deepEqual([...faults].sort(), kinds);
    assert.ok(promotionCount > 0);
    assert.ok(readCount > 0);
  });

  for (let i = 0; i < RANDOM_SEEDS; i++) {
    const seed = Math.floor(Math.random() * 2 ** 30);
    test(`random seed ${seed} keeps every invariant`, () => {
      play(seed);
    });
  }
});

/** The simulator's own checks: each must see what it is there for. */
describe("the checker", () => {
  /** A cluster in which each message that `forge` changes arrives as another one. */
  function forging(scenario: Scenario, forge: (message: Message) => Message | undefined): void {
    const { network } = scenario.cluster;
    network.intercept = (message) => {
      const forged = forge(message);
      if (forged === undefined) return "pass";
      const before = network.intercept;
      network.intercept = () => "pass";
      network.send(scenario.replica(message.from), forged);
      network.intercept = before;
      return "drop";
    };
  }

  test("sees an entry committed that no majority has (R8)", () => {
    const scenario = new Scenario();
    const leader = scenario.elect(1);
    scenario.converge();
    forging(scenario, (message) => {
      if (message.kind === MESSAGE_KIND.APP_REQ) return { ...message, entries: [], previous: NO_ENTRY };
      if (message.kind !== MESSAGE_KIND.APP_RESP) return undefined;
      return { ...message, rejected: false, index: logIndex(leader.log.lastIndex) };
    });
    scenario.append(leader, 3);
    assert.throws(() => scenario.cluster.run(20), /R8: 1 commits/);
  });

  test("sees two leaders of one term (R1)", () => {
    const scenario = new Scenario();
    forging(scenario, (message) =>
      message.kind === MESSAGE_KIND.VOTE_RESP || message.kind === MESSAGE_KIND.PRE_VOTE_RESP
        ? { ...message, rejected: false }
        : undefined,
    );
    const campaignAll = (): void => {
      for (let i = 0; i < 20; i++) {
        for (const replica of scenario.cluster.replicas) replica.ask(() => replica.core.campaign());
        scenario.cluster.run(1);
      }
    };
    assert.throws(campaignAll, /R1: \d leads term/);
  });

  test("sees harm that recovery does not (§12)", () => {
    const scenario = new Scenario({ markInterval: 1_000_000, flushIntervalMax: 10_000 });
    scenario.elect(1);
    scenario.commit(10);
    const replica = scenario.replica(2);
    replica.crash();
    // The watermark lags behind: what is taken away is more than it can tell.
    replica.disk.loseTail(5);
    assert.throws(() => replica.start(), /§12: 2 does not see/);
  });
});

describe("the shrinker", () => {
  test("leaves out what a failure does not need, and shortens the rest", () => {
    const needed = ["crash", "membership"] as const;
    const found = shrink(({ without, steps = 20_000 }) =>
      steps >= 700 && needed.every((part) => !without.includes(part)) ? 3_000 : undefined,
    );
    assert.deepEqual(
      CORE_PARTS.filter((part) => !found.without.includes(part)),
      needed,
    );
    assert.equal(found.steps, 750);
  });
});
