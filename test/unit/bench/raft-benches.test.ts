import assert from "node:assert/strict";
import { test } from "node:test";
import type { Figure } from "../../../bench/harness/figure.js";
import { RaftGroup } from "../../../bench/micro/raft-step.js";
import { runQuorums, runRaftSteps } from "../../../bench/scenarios/raft.js";

const ROUNDS = 3;
const PROPOSALS = 16;

function areTimes(figures: readonly Figure[]): void {
  assert.ok(figures.length > 0);
  for (const { name, value } of figures)
    assert.ok(Number.isFinite(value) && value > 0, `${name} is ${value}`);
}

test("in the group of the raft-step bench every proposal is applied by all", () => {
  for (const entries of [1, 32]) {
    const group = new RaftGroup(5, entries);
    group.run(ROUNDS, false);
    // The first entry is the leader's own.
    assert.equal(group.lastIndex, 1 + ROUNDS * PROPOSALS * entries);
    assert.equal(group.appliedIndex, group.lastIndex);
    group.close();
  }
});

test("the raft benches answer times", () => {
  areTimes(runRaftSteps({ print: () => undefined, directory: "" }, { roundCount: 20, warmUpCount: 5 }));
  areTimes(runQuorums(3));
});
