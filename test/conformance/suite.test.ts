import assert from "node:assert/strict";
import { test } from "node:test";
import { confChangeSuite } from "./conf-change-suite.js";
import { hasArgument, parseDirectives, valuesOf } from "./datadriven.js";
import { quorumSuite } from "./quorum-suite.js";
import { describeFailure, runSuite } from "./suite.js";

test("scenario files are read as they are written", () => {
  const [first, second, third] = parseDirectives(
    [
      "# about",
      "put flag key=value list=(1, 2,3) empty=()",
      "some",
      "input",
      "----",
      "out",
      "",
      "show",
      "----",
      "----",
      "a",
      "",
      "b",
      "----",
      "----",
      "",
      "stop \\",
      "  now",
      "----",
      "",
    ].join("\n"),
  );
  assert.equal(first?.command, "put");
  assert.equal(first?.line, 2);
  assert.deepEqual(valuesOf(first as never, "list"), ["1", "2", "3"]);
  assert.deepEqual(valuesOf(first as never, "key"), ["value"]);
  assert.equal(hasArgument(first as never, "flag"), true);
  assert.deepEqual(valuesOf(first as never, "empty"), []);
  assert.equal(first?.input, "some\ninput");
  assert.equal(first?.expected, "out\n");
  assert.equal(second?.expected, "a\n\nb\n");
  assert.deepEqual(third?.args, [{ key: "now", values: [] }]);
  assert.equal(third?.expected, "");
  assert.throws(() => parseDirectives("lonely\n"), /no ---- follows/);
});

test("a scenario that ends otherwise is told with both outputs", () => {
  const text = "vote cfg=(1) votes=(y)\n----\nVoteLost\n";
  const { passed, failures } = runSuite(quorumSuite, [{ name: "some.txt", text }]);
  assert.equal(passed, 0);
  assert.equal(
    describeFailure(failures[0] as never),
    "some.txt:1: vote cfg=(1) votes=(y)\nexpected:\nVoteLost\nactual:\nVoteWon\n",
  );
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
    "committed cfg=(1,2) idx=(1)",
    "----",
    "error: mismatched input (explicit or _) for voters [1 2]: [1]",
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
