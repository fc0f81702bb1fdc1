import assert from "node:assert/strict";
import { test } from "node:test";
import { faultsOf, linesOf, replayCommand } from "../../../../scripts/sim/system.js";
import { optionsOf, type SimOutcome } from "../../../support/simulation/system/run-seed.js";
import { reducedOptions, shrinkSystem, WHOLE } from "../../../support/simulation/system/shrink.js";

const OUTCOME: SimOutcome = {
  seed: 9,
  options: optionsOf(9),
  ticks: 1234,
  digest: "00ff",
  error: undefined,
  lastLines: ["what happened last"],
  faultCounts: new Map(),
};

test("a seed that went well is one line", () => {
  assert.deepEqual(linesOf(OUTCOME, WHOLE), ["PASS seed=9 ticks=1234 digest=00ff"]);
});

test("a failed one tells what happened last, why, and how to play it again", () => {
  const lines = linesOf({ ...OUTCOME, error: new Error("broken") }, WHOLE);
  assert.equal(lines[0], "what happened last");
  assert.match(lines[1] ?? "", /broken/);
  assert.deepEqual(lines.slice(2), [
    "FAIL seed=9 ticks=1234 digest=00ff",
    "replay: npm run sim -- --seed 9 --trace",
  ]);
});

test("the command that plays it again names what is left out", () => {
  assert.equal(
    replayCommand(7, { without: faultsOf("scmCrash,damage"), size: 3, rounds: undefined }),
    "npm run sim -- --seed 7 --without scmCrash,damage --size 3 --trace",
  );
  assert.throws(() => faultsOf("scmCrash,lunch"), /there is no lunch, but connectionLoss,/);
});

test("what is left out does not happen, and the rest is as the seed draws it", () => {
  const whole = optionsOf(7, 3);
  const options = reducedOptions(7, { without: ["scmCrash"], size: 3, datanodes: 2 });
  assert.equal(options.faults.scmCrash, 0);
  assert.equal(options.faults.groupPartition, whole.faults.groupPartition);
  assert.equal(options.datanodeCount, 2);
  assert.equal(options.roundMs, whole.roundMs);
});

test("a run is made smaller as long as it fails", async () => {
  const seed = 7;
  const on = Object.entries(optionsOf(seed, 3).faults).filter(([, rate]) => rate > 0);
  const needed = on[0]?.[0] ?? "none";
  const smallest = await shrinkSystem(seed, { without: [], size: 3 }, ({ without, admins }) =>
    Promise.resolve(!without.some((name) => name === needed) && admins !== 1),
  );
  assert.deepEqual(
    smallest.without,
    on.slice(1).map(([name]) => name),
  );
  assert.equal(smallest.admins, undefined);
  assert.equal(smallest.datanodes, 3);
});
