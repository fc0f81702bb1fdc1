/** Handing over leadership on request (thesis §3.10). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { CONF_CHANGE_TRANSITION, nodeId, ROLE } from "../../../../engine/raft/types.js";
import { Group } from "../../../support/raft/group.js";
import { addLearner, change, LEAVE_JOINT, remove } from "../../../support/raft/make-change.js";
import { appResp, timeoutNow, transferLeader, voteReq } from "../../../support/raft/make-message.js";
import { follow, Member, PLAIN } from "../../../support/raft/member.js";

const T = 10;

/** 1 leads three voters; all have its first entry. */
function ledByOne(): Group {
  const group = Group.of(3);
  group.elect(1);
  return group;
}

function transfer(group: Group, from: number, target: number): void {
  group.member(from).node.transferLeadership(nodeId(target));
  group.settle();
}

/** 1 waits for 3, which cannot be reached. */
function transferring(): Group {
  const group = ledByOne();
  group.isolate(3);
  transfer(group, 1, 3);
  assert.equal(target(group), 3);
  return group;
}

function target(group: Group): number {
  return group.member(1).node.status().transferTarget;
}

test("leadership goes to a member whose log is complete at once, within every lease", () => {
  const group = ledByOne();
  transfer(group, 1, 3);
  assert.deepEqual(group.leaders, [3]);
  assert.deepEqual(
    group.members.map((member) => [member.leader, member.term]),
    [1, 2, 3].map(() => [3, 2]),
  );
  group.member(3).propose(1);
  group.settle();
  transfer(group, 3, 1);
  assert.deepEqual(group.leaders, [1]);
});

test("a follower passes the request on to the leader", () => {
  const group = ledByOne();
  transfer(group, 2, 2);
  assert.deepEqual(group.leaders, [2]);
  transfer(group, 3, 1);
  assert.deepEqual(group.leaders, [1]);
});

test("without a leader nobody is asked", () => {
  const follower = new Member(1);
  follower.node.transferLeadership(nodeId(2));
  assert.deepEqual(follower.sent(), []);
});

test("a target that lags behind is brought up to date first", () => {
  const group = ledByOne();
  group.isolate(3);
  group.member(1).propose(1, 2, 3);
  group.settle().heal();
  // What was sent meanwhile is lost; the next append of the leader tells it so.
  transfer(group, 1, 3);
  group.tick();
  assert.deepEqual(group.leaders, [3]);
  assert.equal(group.member(3).log.length, 5);
});

test("a target that needs a snapshot is installed first", () => {
  const group = ledByOne();
  group.isolate(3);
  group.member(1).propose(1, 2, 3);
  group.settle();
  group.member(1).snapshot();
  group.heal();
  transfer(group, 1, 3);
  group.tick(3);
  assert.deepEqual(group.leaders, [3]);
  assert.equal(group.member(3).disk.truncated.index, 4);
});

test("a leader that hands over takes no proposals, and those it has stay", () => {
  const group = transferring();
  const leader = group.member(1);
  const before = leader.lastIndex;
  assert.deepEqual(leader.node.propose([new Uint8Array(1)]), { kind: "dropped", reason: "transferring" });
  assert.deepEqual(leader.node.proposeConfChange(change(remove(3))), {
    kind: "dropped",
    reason: "transferring",
  });
  assert.equal(leader.lastIndex, before);
});

test("a transfer that is not done within an election timeout is given up, and proposals flow again", () => {
  const group = transferring();
  group.tick(T - 1, [1]);
  assert.equal(target(group), 3);
  group.tick(1, [1]);
  assert.equal(target(group), 0);
  assert.deepEqual(group.leaders, [1]);
  assert.equal(group.member(1).node.propose([new Uint8Array(1)]).kind, "accepted");
});

test("a transfer has a whole election timeout, whenever it begins", () => {
  const group = ledByOne();
  group.tick(T - 2);
  group.isolate(3);
  transfer(group, 1, 3);
  group.tick(T - 1, [1, 2]);
  assert.equal(target(group), 3);
  group.tick(1, [1, 2]);
  assert.equal(target(group), 0);
});

test("asking again for the same target does not prolong the transfer", () => {
  const group = transferring();
  group.tick(1, [1]);
  transfer(group, 1, 3);
  group.tick(T - 1, [1]);
  assert.equal(target(group), 0);
  assert.deepEqual(group.leaders, [1]);
});

test("asking for another target ends the first transfer and begins the second", () => {
  const group = transferring();
  transfer(group, 1, 2);
  assert.deepEqual(group.leaders, [2]);
});

test("asking for the leader itself only ends a transfer under way", () => {
  const group = ledByOne();
  transfer(group, 1, 1);
  assert.deepEqual([group.leaders, target(group)], [[1], 0]);
  const waiting = transferring();
  transfer(waiting, 1, 1);
  assert.deepEqual([waiting.leaders, target(waiting)], [[1], 0]);
});

test("nobody is handed over to who is no voter", () => {
  const leader = new Member(1, { voters: [1, 2], learners: [3] }).lead();
  for (const id of [3, 4]) {
    leader.node.transferLeadership(nodeId(id));
    assert.equal(leader.node.status().transferTarget, 0);
    assert.deepEqual(leader.sent(), []);
  }
});

test("a transfer ends when its target is removed or demoted", () => {
  const leader = () => {
    const group = ledByOne();
    group.ignore(MESSAGE_KIND.TIMEOUT_NOW);
    transfer(group, 1, 3);
    assert.equal(target(group), 3);
    return group.member(1);
  };
  const removing = leader();
  removing.node.applyConfChange(change(remove(3)));
  assert.equal(removing.node.status().transferTarget, 0);
  const demoting = leader();
  demoting.node.applyConfChange({
    ...change(remove(3), addLearner(3)),
    transition: CONF_CHANGE_TRANSITION.JOINT_EXPLICIT,
  });
  assert.equal(demoting.node.status().transferTarget, 3, "it still votes in the outgoing half");
  demoting.node.applyConfChange(LEAVE_JOINT);
  assert.equal(demoting.node.status().transferTarget, 0);
  assert.ok(removing.isLeader && demoting.isLeader);
});

test("a leader that hands over and sees a higher term follows", () => {
  const group = ledByOne();
  group.isolate(3);
  transfer(group, 1, 3);
  group.member(2).node.forgetLeader();
  group.member(1).step(voteReq([2, 1, 2], [1, 1], true));
  assert.deepEqual([group.member(1).role, group.member(1).term, target(group)], [ROLE.FOLLOWER, 2, 0]);
});

test("who is told to take over campaigns at once, without a pre-vote, and says that it was told", () => {
  const follower = follow(new Member(2), 1, 1);
  follower.step(timeoutNow([1, 2, 1]));
  assert.deepEqual(follower.sent(), ["2>1 voteReq@2 last 0/0, transfer", "2>3 voteReq@2 last 0/0, transfer"]);
  // The next attempt is one like any other.
  follower.tick(T);
  assert.deepEqual(follower.sent(), ["2>1 preVoteReq@3 last 0/0", "2>3 preVoteReq@3 last 0/0"]);
});

test("who may not lead, or campaigns already, does not take over", () => {
  const removed = new Member(1, { voters: [2, 3, 4] });
  const learner = new Member(1, { voters: [2, 3], learners: [1] });
  const candidate = new Member(1, { config: PLAIN });
  candidate.node.campaign();
  const leader = new Member(1).lead();
  for (const member of [removed, learner, candidate, leader]) {
    member.settle().outbox.length = 0;
    const { role, term } = member;
    member.step(timeoutNow([2, 1, term]));
    assert.deepEqual(member.sent(), []);
    assert.deepEqual([member.role, member.term], [role, term]);
  }
});

test("a request to take over that comes from an earlier term is ignored", () => {
  const follower = follow(new Member(2), 3, 5);
  follower.step(timeoutNow([1, 2, 4]));
  assert.deepEqual(follower.sent(), []);
  assert.equal(follower.term, 5);
});

test("the target is told as soon as it has acknowledged the last entry", () => {
  const leader = new Member(1).lead();
  leader.propose(1);
  leader.settle();
  leader.step(transferLeader([2, 1, 0], 2));
  leader.step(appResp([2, 1, 1], 1));
  leader.sent();
  leader.step(appResp([2, 1, 1], 2));
  assert.ok(leader.sent().includes("1>2 timeoutNow@1"));
});
