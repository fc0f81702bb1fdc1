import assert from "node:assert/strict";
import { test } from "node:test";
import { detailOf } from "../../../scripts/mutants/catch.js";
import { allCatchers, linesOf } from "../../../scripts/mutants/run-mutants.js";
import { runNode } from "../../../scripts/mutants/run-node.js";
import { type Catcher, coreSeeds, type Mutant, tests } from "../../mutants/mutant.js";
import { waitFor } from "../../support/wait.js";

function mutant(...catchers: Catcher[]): Mutant {
  return { name: "m", bug: "b", source: "s", edits: [], catchers, budgetSeconds: 1 };
}

test("the unchanged tree runs each test file once, and of seeds the longest row", () => {
  const catchers = allCatchers([
    mutant(tests("b.test.ts"), coreSeeds(20)),
    mutant(tests("a.test.ts", "b.test.ts"), coreSeeds(40)),
    mutant(coreSeeds(5), { kind: "kill9", times: 2, seed: 3 }),
  ]);
  assert.deepEqual(catchers, [
    tests("a.test.ts", "b.test.ts"),
    coreSeeds(40),
    { kind: "kill9", times: 2, seed: 3 },
  ]);
});

test("of a failed run the first test that failed is told", () => {
  const output = [
    "TAP version 13",
    "# Subtest: suite",
    "    ok 1 - this is right",
    "    not ok 2 - that is wrong \\# 7",
    "not ok 1 - suite",
  ].join("\n");
  const ended = { code: 1, isTimedOut: false, output };
  assert.equal(detailOf(tests("a.test.ts"), ended), "that is wrong # 7");
  assert.equal(detailOf(coreSeeds(1), { ...ended, output: "seed 3: R6: a\nx" }), "seed 3: R6: a");
});

test("who caught a mutant stands below its name, with the command that repeats it", () => {
  const tried = [{ command: "npm test -- a.test.ts", kind: "caught", detail: "that", seconds: 1.5 }] as const;
  const result = { name: "m", bug: "b", source: "s", tried, isCaught: true };
  assert.deepEqual(linesOf(result), ["caught m: b [s]", "  caught in 1.5 s by npm test -- a.test.ts: that"]);
  assert.match(linesOf({ ...result, tried: [], isCaught: false })[0] ?? "", /^NOT CAUGHT m: /);
});

test("a program that takes too long ends with all that it started", async () => {
  const child = "setTimeout(() => {}, 60_000)";
  const parent = [
    `const { pid } = require("node:child_process").spawn(process.execPath, ["-e", "${child}"]);`,
    "console.log(pid);",
    child,
  ].join("\n");
  const { code, isTimedOut, output } = await runNode(["-e", parent], ".", 1500);
  assert.equal(code, null);
  assert.ok(isTimedOut);
  // It may take a moment until a killed process is gone.
  const isGone = (): boolean => {
    try {
      process.kill(Number(output), 0);
      return false;
    } catch {
      return true;
    }
  };
  assert.ok(Number(output) > 0, output);
  await waitFor(`process ${output} is gone`, isGone);
});
