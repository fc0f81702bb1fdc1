import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex } from "../../../../engine/core/ids.js";
import type { Membership } from "../../../../engine/raft/conf-change.js";
import {
  changeSimply,
  checkMembership,
  enterJoint,
  isRestorable,
  leaveJoint,
  NO_MEMBERS,
  restoreMembership,
} from "../../../../engine/raft/conf-change.js";
import { progressOf } from "../../../../engine/raft/progress.js";
import type { ConfChangeStep, ConfState, NodeId } from "../../../../engine/raft/types.js";
import { CONF_CHANGE, LOCAL_APPEND_THREAD, NO_NODE, nodeId } from "../../../../engine/raft/types.js";

const ADDED = { lastIndex: logIndex(5), inflightLimits: { countMax: 4, bytesMax: 1000 } };
const TYPE = {
  v: CONF_CHANGE.ADD_VOTER,
  l: CONF_CHANGE.ADD_LEARNER,
  r: CONF_CHANGE.REMOVE,
  u: CONF_CHANGE.UPDATE,
};

/** "v1 l2 r3": make 1 a voter and 2 a learner, remove 3. */
function steps(text: string): ConfChangeStep[] {
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => ({ type: TYPE[word[0] as keyof typeof TYPE], nodeId: nodeId(Number(word.slice(1))) }));
}

function describe({ confState }: Membership): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const sets = [voters, votersOutgoing, learners, learnersNext].map((ids) => ids.join(" "));
  return sets.join("|") + (autoLeave ? "|auto" : "");
}

function simple(before: Membership, text: string): Membership {
  const result = changeSimply(before, steps(text), ADDED);
  assert.equal(result.kind, "changed", `${text}: ${result.kind === "refused" ? result.reason : ""}`);
  return result.kind === "changed" ? result.membership : before;
}

function joint(before: Membership, text: string, autoLeave = false): Membership {
  const result = enterJoint(before, steps(text), { ...ADDED, autoLeave });
  assert.equal(result.kind, "changed");
  return result.kind === "changed" ? result.membership : before;
}

function reasonOf(result: ReturnType<typeof changeSimply>): string {
  return result.kind === "refused" ? result.reason : "changed";
}

const THREE = ["v1", "v2", "v3"].reduce(simple, NO_MEMBERS);

test("one voter at a time may come, go, or become a learner", () => {
  assert.equal(describe(THREE), "1 2 3|||");
  assert.equal(describe(simple(THREE, "v4 l5")), "1 2 3 4||5|");
  assert.equal(describe(simple(THREE, "r2")), "1 3|||");
  assert.equal(describe(simple(THREE, "l2")), "1 3||2|");
  assert.equal(describe(simple(simple(THREE, "l2"), "v2")), "1 2 3|||");
  assert.equal(reasonOf(changeSimply(THREE, steps("r1 r2"), ADDED)), "moreThanOneVoter");
  assert.equal(reasonOf(changeSimply(simple(NO_MEMBERS, "v1"), steps("r1"), ADDED)), "removedAllVoters");
});

test("several voters change in two steps, and in between both halves decide", () => {
  const between = joint(THREE, "r2 r3 v4 v5", true);
  assert.equal(describe(between), "1 4 5|1 2 3|||auto");
  assert.equal(reasonOf(changeSimply(between, steps("v6"), ADDED)), "mustLeaveJointFirst");
  assert.equal(reasonOf(enterJoint(between, steps("v6"), { ...ADDED, autoLeave: false })), "alreadyJoint");
  const after = leaveJoint(between);
  assert.equal(after.kind === "changed" && describe(after.membership), "1 4 5|||");
  assert.deepEqual(after.kind === "changed" && after.membership.progress.map(({ id }) => id), [1, 4, 5]);
});

test("a voter that becomes a learner waits until the outgoing half is gone", () => {
  const between = joint(THREE, "l2");
  assert.equal(describe(between), "1 3|1 2 3||2");
  assert.equal(progressOf(between.progress, nodeId(2))?.isLearner, false);
  const after = leaveJoint(between);
  assert.ok(after.kind === "changed");
  assert.equal(describe(after.membership), "1 3||2|");
  assert.equal(progressOf(after.membership.progress, nodeId(2))?.isLearner, true);
});

test("there is no joint configuration of nobody, and none to leave", () => {
  assert.equal(reasonOf(enterJoint(NO_MEMBERS, steps("v1"), { ...ADDED, autoLeave: false })), "noVoters");
  assert.equal(reasonOf(leaveJoint(THREE)), "notJoint");
});

test("a refused change leaves everything as it was, also what is known of members", () => {
  const learner = progressOf(THREE.progress, nodeId(3));
  assert.equal(reasonOf(changeSimply(THREE, steps("l3 l2"), ADDED)), "moreThanOneVoter");
  assert.equal(learner?.isLearner, false);
  assert.equal(describe(THREE), "1 2 3|||");
  checkMembership(THREE);
});

test("members that stay keep what is known of them", () => {
  const known = progressOf(THREE.progress, nodeId(2));
  assert.ok(known);
  known.acknowledged(logIndex(4));
  const between = joint(THREE, "l2 v4");
  assert.equal(progressOf(between.progress, nodeId(2))?.match, 4);
  assert.equal(progressOf(between.progress, nodeId(4))?.match, 0);
});

test("broken memberships are found", () => {
  const broken = (change: Partial<ConfState>) => ({ ...THREE, confState: { ...THREE.confState, ...change } });
  const ids = (...numbers: number[]): NodeId[] => numbers.map(nodeId);
  assert.throws(() => checkMembership(broken({ voters: ids(2, 1, 3) })), /ascend/);
  assert.throws(() => checkMembership(broken({ voters: ids(1, 2, 3, 9) })), /no progress/);
  assert.throws(() => checkMembership(broken({ learners: ids(3) })), /learner and a voter/);
  assert.throws(() => checkMembership(broken({ learnersNext: ids(3) })), /no outgoing voter/);
  assert.throws(() => checkMembership(broken({ autoLeave: true })), /only a joint/);
  assert.throws(() => checkMembership(broken({ voters: ids(1, 2) })), /no member/);
});

const step = fc.record({
  type: fc.constantFrom(...Object.values(TYPE)),
  nodeId: fc.integer({ min: 0, max: 6 }).map(nodeId),
});

test("whatever is changed, the result is legal and restores from its stored form", () => {
  const round = fc.record({
    steps: fc.array(step, { maxLength: 6 }),
    isJoint: fc.boolean(),
    leave: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(round, { maxLength: 12 }), (rounds) => {
      let membership = simple(NO_MEMBERS, "v1");
      for (const { steps: taken, isJoint, leave } of rounds) {
        const before = membership;
        const result = leave
          ? leaveJoint(membership)
          : isJoint
            ? enterJoint(membership, taken, { ...ADDED, autoLeave: taken.length > 2 })
            : changeSimply(membership, taken, ADDED);
        if (result.kind === "refused") continue;
        membership = result.membership;
        checkMembership(before);
        checkMembership(membership);
        const restored = restoreMembership(membership.confState, ADDED);
        assert.equal(describe(restored), describe(membership));
        const { voters, votersOutgoing } = membership.confState;
        const moved = voters.filter((id) => !before.confState.voters.includes(id)).length;
        assert.ok(votersOutgoing.length > 0 || leave || moved <= 1);
      }
    }),
  );
});

test("changing jointly ends where changing one by one does", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (taken) => {
      const start = simple(simple(simple(simple(NO_MEMBERS, "v1"), "v2"), "v3"), "l4");
      let oneByOne = start;
      for (const single of taken) {
        const result = changeSimply(oneByOne, [single], ADDED);
        // Without the last voter nothing more can be compared.
        if (result.kind === "refused") return;
        oneByOne = result.membership;
      }
      const between = enterJoint(start, taken, { ...ADDED, autoLeave: false });
      assert.ok(between.kind === "changed");
      const after = leaveJoint(between.membership);
      assert.ok(after.kind === "changed");
      assert.equal(describe(after.membership), describe(oneByOne));
    }),
  );
});

test("exactly the configurations that changes lead to are restorable", () => {
  const ids = fc
    .subarray([1, 2, 3, 4].map(nodeId))
    .chain((some) => fc.constantFrom(some, some.toReversed(), some.concat(some.slice(-1))));
  const anyConfState = fc.record({
    voters: ids,
    votersOutgoing: fc.oneof(fc.constant([]), ids),
    learners: fc.oneof(fc.constant([]), ids),
    learnersNext: fc.oneof(fc.constant([]), ids),
    autoLeave: fc.boolean(),
  });
  let restorable = 0;
  fc.assert(
    fc.property(anyConfState, (confState) => {
      if (isRestorable(confState)) restorable++;
      const isSorted = (list: readonly NodeId[]) =>
        list.every((id, i) => i === 0 || (list[i - 1] as NodeId) < id);
      // The order of ids is for the receiver to check; restoring puts them in order by itself.
      const { voters, votersOutgoing, learners, learnersNext } = confState;
      if (voters.length === 0 || ![voters, votersOutgoing, learners, learnersNext].every(isSorted)) {
        return !isRestorable(confState);
      }
      if (isRestorable(confState)) restoreMembership(confState, ADDED);
      else assert.throws(() => restoreMembership(confState, ADDED));
      return true;
    }),
    { numRuns: 3000 },
  );
  assert.ok(restorable > 100, `${restorable} restorable`);
  for (const id of [NO_NODE, LOCAL_APPEND_THREAD]) {
    assert.equal(
      isRestorable({ voters: [id], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }),
      false,
    );
  }
});
