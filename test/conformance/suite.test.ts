import assert from "node:assert/strict";
import { test } from "node:test";
import { confChangeSuite } from "./conf-change-suite.js";
import { quorumSuite } from "./quorum-suite.js";
import { ScenarioError } from "./scenario-errors.js";
import type { FileRunner } from "./suite.js";
import { BrokenOffError, describeFailure, runSuite } from "./suite.js";

test("a scenario that ends otherwise is told with the difference", () => {
  const text = "vote cfg=(1) votes=(y)\n----\nVoteLost\n";
  const { passed, failures } = runSuite(quorumSuite, [{ name: "some.txt", text }]);
  assert.equal(passed, 0);
  assert.equal(
    describeFailure(failures[0] as never),
    "some.txt:1: vote cfg=(1) votes=(y)\n-VoteLost\n+VoteWon\n",
  );
});

test("what throws has failed, whatever was expected, and the rest is run", () => {
  const suite = (): FileRunner => (directive) => {
    if (directive.command === "crash") throw new BrokenOffError("so far\n", new Error("no such thing"));
    if (directive.command === "wrong") throw new ScenarioError("no such node");
    return "fine";
  };
  const text = "crash\n----\nso far\n\nwrong\n----\n\ngarbage\n\nrun\n----\nfine\n";
  const { passed, failures } = runSuite(suite, [{ name: "f", text }]);
  assert.equal(passed, 1);
  const [crash, wrong, garbage] = failures.map(describeFailure);
  assert.match(crash ?? "", /^f:1: crash\n…\nbroken off: Error: no such thing\n {4}at /);
  assert.equal(wrong, "f:5: wrong\nbroken off: no such node\n");
  assert.equal(garbage, "f:8: garbage\nno ---- follows\n");
  assert.equal(failures.length, 3);
});

test("members, bars and infinity are printed in the suites' form", () => {
  const text = [
    "committed cfg=(1,2,17) cfgj=(2) idx=(5,_,7)",
    "----",
    "       idx",
    "x>       5    (id=1)",
    "?        0    (id=2)",
    "xx>      7    (id=11)",
    "0",
    "",
    "committed",
    "----",
    "<empty majority quorum>∞",
  ].join("\n");
  assert.deepEqual(runSuite(quorumSuite, [{ name: "a", text }]).failures, []);
});

test("wrong input is answered, not obeyed", () => {
  const text = [
    "committed cfg=(1,2) idx=(7)",
    "----",
    "error: mismatched input (explicit or _) for voters map[1:{} 2:{}]: [7]",
    "",
    "vote cfg=(1,2) cfgj=(2,3) votes=(y,n,_,y)",
    "----",
    "error: mismatched input (explicit or _) for voters map[1:{} 2:{} 3:{}]: [2 1 0 2]",
    "",
    "count",
    "----",
    "unknown command: count",
  ].join("\n");
  assert.deepEqual(runSuite(quorumSuite, [{ name: "a", text }]).failures, []);
  const changes = [
    "simple",
    "x1",
    "----",
    "unknown input: x1",
    "",
    "simple",
    "v",
    "----",
    "unknown token v",
    "",
    "simple",
    "v1",
    "----",
    "voters=(1)",
    "1: StateProbe match=0 next=2",
    "",
    "leave-joint",
    "v1",
    "----",
    "this command takes no input",
  ].join("\n");
  assert.deepEqual(runSuite(confChangeSuite, [{ name: "a", text: changes }]).failures, []);
});
