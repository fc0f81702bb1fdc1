import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  committedIndex,
  jointCommittedIndex,
  jointVoteResult,
  majorityCount,
  voteResult,
} from "../../../../engine/raft/quorum.js";

test("no voters hold nothing back", () => {
  assert.equal(committedIndex([]), Number.POSITIVE_INFINITY);
  assert.equal(voteResult([]), "won");
  assert.equal(jointCommittedIndex([7], []), 7);
  assert.equal(jointVoteResult([undefined], []), "pending");
});

test("a lone voter decides", () => {
  assert.equal(committedIndex([0]), 0);
  assert.equal(committedIndex([9]), 9);
  assert.equal(voteResult([undefined]), "pending");
  assert.equal(voteResult([true]), "won");
  assert.equal(voteResult([false]), "lost");
});

test("an election is lost as soon as the missing votes cannot win it", () => {
  assert.equal(voteResult([true, false, undefined]), "pending");
  assert.equal(voteResult([false, false, undefined]), "lost");
  assert.equal(voteResult([true, true, undefined]), "won");
  assert.equal(voteResult([true, true, false, false]), "lost");
});

test("both halves of a joint configuration must agree", () => {
  assert.equal(jointCommittedIndex([5, 5, 1], [2]), 2);
  assert.equal(jointVoteResult([true], [false]), "lost");
  assert.equal(jointVoteResult([true], [undefined]), "pending");
  assert.equal(jointVoteResult([undefined], [false]), "lost");
  assert.equal(jointVoteResult([true], [true]), "won");
});

test("the committed index is the one that sorting finds", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (acked) => {
      const descending = acked.toSorted((a, b) => b - a);
      assert.equal(committedIndex(acked), descending[majorityCount(acked.length) - 1]);
    }),
  );
});

test("an election's result equals trying all ways the missing votes can fall", () => {
  const vote = fc.constantFrom(true, false, undefined);
  fc.assert(
    fc.property(fc.array(vote, { minLength: 1, maxLength: 7 }), (votes) => {
      const missing = votes.filter((cast) => cast === undefined).length;
      const granted = votes.filter((cast) => cast === true).length;
      const outcomes = new Set<boolean>();
      for (let more = 0; more <= missing; more++) {
        outcomes.add(granted + more >= majorityCount(votes.length));
      }
      const expected = outcomes.size === 2 ? "pending" : outcomes.has(true) ? "won" : "lost";
      assert.equal(voteResult(votes), expected);
    }),
  );
});
