import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex } from "../../../../engine/core/ids.js";
import { CommitQuorum } from "../../../../engine/raft/commit-quorum.js";
import type { Membership } from "../../../../engine/raft/conf-change.js";
import { Progress } from "../../../../engine/raft/progress.js";
import { nodeId } from "../../../../engine/raft/types.js";

const LIMITS = { countMax: 4, bytesMax: 1000 };

function membershipOf(voters: readonly number[], votersOutgoing: readonly number[]): Membership {
  const ids = [...new Set([...voters, ...votersOutgoing])].sort((a, b) => a - b);
  return {
    confState: {
      voters: voters.map(nodeId),
      votersOutgoing: votersOutgoing.map(nodeId),
      learners: [],
      learnersNext: [],
      autoLeave: false,
    },
    progress: ids.map((id) => Progress.added(nodeId(id), false, logIndex(1), LIMITS)),
  };
}

function acknowledge({ progress }: Membership, id: number, index: number): void {
  progress.find((member) => member.id === id)?.acknowledged(logIndex(index));
}

test("follows the acknowledgements of the members", () => {
  const quorum = new CommitQuorum();
  const membership = membershipOf([1, 2, 3], []);
  assert.equal(quorum.index(membership), 0);
  acknowledge(membership, 1, 7);
  assert.equal(quorum.index(membership), 0);
  acknowledge(membership, 3, 5);
  assert.equal(quorum.index(membership), 5);
  acknowledge(membership, 2, 9);
  assert.equal(quorum.index(membership), 7);
});

test("with two halves of a membership both must have it", () => {
  const quorum = new CommitQuorum();
  const joint = membershipOf([1, 2, 3], [3, 4, 5]);
  acknowledge(joint, 1, 9);
  acknowledge(joint, 2, 9);
  acknowledge(joint, 3, 5);
  assert.equal(quorum.index(joint), 0, "only the new half has it");
  acknowledge(joint, 4, 4);
  assert.equal(quorum.index(joint), 4);
});

test("counts anew when the membership is another one", () => {
  const quorum = new CommitQuorum();
  const before = membershipOf([1], []);
  acknowledge(before, 1, 9);
  assert.equal(quorum.index(before), 9);
  const joint = membershipOf([1, 2, 3], [1]);
  acknowledge(joint, 1, 9);
  assert.equal(quorum.index(joint), 0);
  acknowledge(joint, 2, 4);
  assert.equal(quorum.index(joint), 4);
  assert.equal(quorum.index(membershipOf([1, 2], [])), 0);
  assert.equal(quorum.index(membershipOf([], [])), Number.POSITIVE_INFINITY);
});
