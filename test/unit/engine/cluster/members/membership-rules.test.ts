import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeChangeContext } from "../../../../../engine/cluster/members/change-context.js";
import { MemberTable } from "../../../../../engine/cluster/members/member-table.js";
import {
  type GroupFacts,
  MEMBER_COUNT_MAX,
  type Plan,
  planAdd,
  planPromotion,
  planRemove,
  planTransfer,
} from "../../../../../engine/cluster/members/membership-rules.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import { logIndex } from "../../../../../engine/core/ids.js";
import { CONF_CHANGE, type ConfState, type NodeId, nodeId } from "../../../../../engine/raft/types.js";
import { memberOf } from "../../../../support/cluster/builders.js";
import { LONE_CONF_STATE } from "../../../../support/raft/lone-voter.js";

const CONFIG_VERSION = 50;

interface Situation {
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  /** Were members once. */
  readonly removed?: readonly number[];
  /** Do not answer. */
  readonly dead?: readonly number[];
  readonly lastIndex?: number;
  /** Last acknowledged entry of the learners; else all have all. */
  readonly match?: number;
}

/** Node 1 leads. */
function factsOf(situation: Situation): GroupFacts {
  const { voters = [1, 2, 3], learners = [], removed = [], dead = [], lastIndex = 100 } = situation;
  const ids = (numbers: readonly number[]) => numbers.map((number) => nodeId(number));
  const confState: ConfState = { ...LONE_CONF_STATE, voters: ids(voters), learners: ids(learners) };
  const members = new MemberTable();
  members.begin({ ...LONE_CONF_STATE, voters: ids([...voters, ...learners, ...removed]) });
  const everybody: ConfState = { ...confState, voters: ids([...voters, ...learners, ...removed]) };
  for (const id of everybody.voters) members.set(memberOf(id), everybody);
  members.change(logIndex(CONFIG_VERSION), confState, undefined);
  return {
    leaderId: nodeId(1),
    confState,
    members,
    lastIndex: logIndex(lastIndex),
    match: (id: NodeId) => logIndex(learners.includes(id) ? (situation.match ?? lastIndex) : lastIndex),
    isLive: (id: NodeId) => !dead.includes(id),
  };
}

/** `done`, the change's kind and member, or the code with its text. */
function outcome(plan: () => Plan | NodeId): string {
  try {
    const result = plan();
    if (typeof result === "number") return `to ${result}`;
    if (result.kind === "done") return "done";
    const [step] = result.change.steps;
    const name = Object.entries(CONF_CHANGE).find(([, type]) => type === step?.type)?.[0];
    return `${name} ${step?.nodeId}`;
  } catch (error) {
    assert.ok(error instanceof StrataError);
    return `${error.code}: ${error.message}`;
  }
}

const { nodeId: _, ...CANDIDATE } = memberOf(7);
const ANY = undefined;
const scmId = (number: number) => memberOf(number).scmId;

test("a new SCM becomes a learner under the next number, and the log says who it is", () => {
  const plan = planAdd(factsOf({ removed: [9] }), CANDIDATE, logIndex(CONFIG_VERSION));
  assert.ok(plan.kind === "change");
  assert.deepEqual(plan.change.steps, [{ type: CONF_CHANGE.ADD_LEARNER, nodeId: 10 }]);
  assert.deepEqual(decodeChangeContext(plan.change.context), { ...CANDIDATE, nodeId: 10 });
});

const add = (situation: Situation, changes: Partial<typeof CANDIDATE> = {}, expected?: number) =>
  outcome(() =>
    planAdd(
      factsOf(situation),
      { ...CANDIDATE, ...changes },
      expected === undefined ? ANY : logIndex(expected),
    ),
  );

test("adding what is a member already changes nothing, whatever version was expected", () => {
  assert.equal(add({}, memberOf(2)), "done");
  assert.equal(add({ learners: [4] }, memberOf(4), 1), "done");
});

test("what would add the wrong one is refused", () => {
  assert.match(add({ removed: [7] }), /^MEMBER_REMOVED: /);
  assert.match(add({}, {}, CONFIG_VERSION - 1), /^CONFIG_VERSION: .* version 50, .* version 49/);
  assert.match(add({}, { name: "scm2" }), /^CHANGE_REFUSED: .*: scm2 is SCM .*: decommission that one first/);
  const place = { host: memberOf(3).host, name: "" };
  assert.match(add({}, place), /^CHANGE_REFUSED: .* is at scm3.example.org:9894: decommission/);
  assert.equal(add({}, { ...place, ports: { ...CANDIDATE.ports, raft: 9895 } }), "ADD_LEARNER 4");
  assert.equal(add({ removed: [8] }, { name: "scm8" }), "ADD_LEARNER 9", "a removed one's name is free");
  const many = Array.from({ length: MEMBER_COUNT_MAX }, (__, i) => i + 1);
  assert.match(add({ voters: many }, { ...memberOf(99), name: "one more" }), /16 members, the most allowed/);
});

const remove = (situation: Situation, number: number, force = false, expected?: number) =>
  outcome(() =>
    planRemove(factsOf(situation), scmId(number), {
      force,
      expected: expected === undefined ? ANY : logIndex(expected),
    }),
  );

const REMOVALS: readonly [string, Situation, number, RegExp][] = [
  ["a follower of three", {}, 3, /^REMOVE 3$/],
  ["a follower of three that is dead", { dead: [3] }, 3, /^REMOVE 3$/],
  ["a learner, however many are dead", { learners: [4], dead: [2, 3] }, 4, /^REMOVE 4$/],
  ["one that was removed", { removed: [5] }, 5, /^done$/],
  ["one that nobody knows", {}, 9, /^MEMBER_UNKNOWN: /],
  ["the leader", {}, 1, /^CHANGE_REFUSED: removing SCM .*: it leads the group: transfer leadership first/],
  ["a live one of three while another is dead", { dead: [3] }, 2, /1 of 2 voters would answer, .* no quorum/],
  ["one when the group has no quorum now", { dead: [2, 3] }, 3, /1 of 3 voters would answer/],
  [
    "a live one of five, two dead",
    { voters: [1, 2, 3, 4, 5], dead: [4, 5] },
    3,
    /2 of 4 voters would answer/,
  ],
  ["a dead one of five, two dead", { voters: [1, 2, 3, 4, 5], dead: [4, 5] }, 5, /^REMOVE 5$/],
  ["one of two", { voters: [1, 2] }, 2, /a lone voter would be left, .* or use --force/],
  ["one of two that is dead", { voters: [1, 2], dead: [2] }, 2, /1 of 2 voters would answer/],
  ["the last one", { voters: [1] }, 1, /it leads the group/],
];
for (const [who, situation, number, expected] of REMOVALS) {
  test(`removing ${who}: ${expected.source}`, () => {
    assert.match(remove(situation, number), expected);
  });
}

test("force leaves a lone voter, but never a group without a quorum", () => {
  assert.equal(remove({ voters: [1, 2] }, 2, true), "REMOVE 2");
  assert.match(remove({ voters: [1, 2], dead: [2] }, 2, true), /no quorum/);
  assert.match(remove({ dead: [3] }, 2, true), /no quorum/);
  assert.match(remove({}, 1, true), /transfer leadership first/);
});

test("a removal decided on other members than those of now is refused", () => {
  assert.match(remove({}, 3, false, 7), /^CONFIG_VERSION/);
  assert.equal(remove({}, 3, false, CONFIG_VERSION), "REMOVE 3");
});

const PROMOTIONS: readonly [string, Situation, RegExp][] = [
  ["that has all", {}, /^ADD_VOTER 4$/],
  ["a thousand entries behind", { lastIndex: 2000, match: 1000 }, /^ADD_VOTER 4$/],
  ["one more behind", { lastIndex: 2001, match: 1000 }, /^CHANGE_REFUSED: .*: it lacks 1001 entries/],
  ["without the latest change of membership", { match: 49 }, /lacks the latest change of membership/],
  ["that has just that", { match: 50 }, /^ADD_VOTER 4$/],
  ["that does not answer", { dead: [4] }, /it does not answer/],
  ["that would be the third of four who answers", { dead: [3] }, /^ADD_VOTER 4$/],
  ["that would be the second of four who answers", { voters: [1, 2, 3], dead: [2, 3] }, /no quorum/],
  ["of a lone leader", { voters: [1] }, /^ADD_VOTER 4$/],
];
for (const [which, situation, expected] of PROMOTIONS) {
  test(`promoting a learner ${which}: ${expected.source}`, () => {
    const facts = factsOf({ learners: [4], ...situation });
    const row = facts.members.get(nodeId(4));
    assert.ok(row !== undefined);
    assert.match(
      outcome(() => planPromotion(facts, row)),
      expected,
    );
  });
}

test("a voter is not promoted again, nor one that is no member", () => {
  const facts = factsOf({ removed: [5] });
  const [voter, removed] = [facts.members.get(nodeId(2)), facts.members.get(nodeId(5))];
  assert.ok(voter !== undefined && removed !== undefined);
  assert.equal(
    outcome(() => planPromotion(facts, voter)),
    "done",
  );
  assert.match(
    outcome(() => planPromotion(facts, removed)),
    /it is no learner/,
  );
});

const transfer = (situation: Situation, number?: number) =>
  outcome(() => planTransfer(factsOf(situation), number === undefined ? undefined : scmId(number)));

test("leadership goes to who is named, when it votes and answers", () => {
  assert.equal(transfer({}, 3), "to 3");
  assert.equal(transfer({}, 1), "to 1", "it leads already");
  assert.match(transfer({ learners: [4] }, 4), /it is a learner and cannot lead/);
  assert.match(transfer({ dead: [3] }, 3), /it does not answer/);
  assert.match(transfer({}, 9), /^MEMBER_UNKNOWN/);
  assert.match(transfer({ removed: [5] }, 5), /^MEMBER_REMOVED/);
});

test("without a name the voter that is furthest takes over", () => {
  const facts = { ...factsOf({}), match: (id: NodeId) => logIndex(id === 3 ? 90 : 80) };
  assert.equal(planTransfer(facts, undefined), 3);
  assert.equal(transfer({ dead: [2] }), "to 3");
  assert.match(transfer({ voters: [1], learners: [4] }), /no other voter answers/);
});
