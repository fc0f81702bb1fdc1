import assert from "node:assert/strict";
import { test } from "node:test";
import {
  coreLinesOf,
  coreOptionsWith,
  playCore,
  reductionOf,
  replayCommand,
} from "../../../../scripts/sim/core.js";

const ALL = reductionOf(undefined, undefined);

test("parts that are left out are told apart from those that are none", () => {
  assert.deepEqual(reductionOf("crash,reads", 100), { without: ["crash", "reads"], steps: 100 });
  assert.throws(() => reductionOf("crash,lunch", undefined), /there is no lunch, but crash,/);
});

test("what is left out does not happen", () => {
  const options = coreOptionsWith(3, reductionOf("crash,membership", 50));
  assert.equal(options.faults.crash, 0);
  assert.equal(options.membershipRate, 0);
  assert.equal(options.steps, 50);
  assert.equal(options.voterCount, coreOptionsWith(3, ALL).voterCount);
});

test("the command that plays a run again names what is left out of it", () => {
  assert.equal(replayCommand(7, ALL), "npm run sim -- --core --seed 7 --trace");
  assert.equal(
    replayCommand(7, reductionOf("loss,pause", 900)),
    "npm run sim -- --core --seed 7 --without loss,pause --steps 900 --trace",
  );
});

test("a seed that went well is one line", () => {
  const outcome = playCore(5, reductionOf(undefined, 500));
  assert.deepEqual(coreLinesOf(outcome), [`PASS seed=5 ticks=${outcome.steps} digest=${outcome.digest}`]);
});
