/** Changes of membership as the core sees them (thesis §4; raft.md §8). The arithmetic of configurations is
 * tested with conf-change.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeConfChange } from "../../../../engine/raft/conf-change-codec.js";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { ENTRY_TYPE, nodeId, ROLE } from "../../../../engine/raft/types.js";
import { Group } from "../../../support/raft/group.js";
import {
  addLearner,
  addVoter,
  change,
  explicitJoint,
  implicitJoint,
  LEAVE_JOINT,
  remove,
} from "../../../support/raft/make-change.js";
import {
  appReq,
  appResp,
  heartbeatResp,
  makeConfState,
  prop,
  timeoutNow,
  voteResp,
} from "../../../support/raft/make-message.js";
import { follow, Member, type MemberOptions, PLAIN } from "../../../support/raft/member.js";
import { makeEntries } from "../../../support/raft/memory-log.js";

/** Leader that has committed and applied its first entry, which the others have. */
function leading(options: MemberOptions = {}): Member {
  const leader = new Member(1, options).lead();
  for (const { id } of leader.node.status().progress) {
    if (id !== 1) leader.step(appResp([id, 1, leader.term], leader.lastIndex));
  }
  leader.sent();
  assert.equal(leader.commit, leader.lastIndex);
  return leader;
}

function acknowledgeAll(leader: Member, ...from: readonly number[]): void {
  leader.settle();
  for (const id of from) leader.step(appResp([id, 1, leader.term], leader.lastIndex));
  leader.settle();
}

/** Of each entry from `first` on: whether it is a change. */
function changesFrom(leader: Member, first: number): boolean[] {
  leader.settle();
  return leader.entriesFrom(first).map((entry) => entry.type !== ENTRY_TYPE.NORMAL);
}

function voters(member: Member): readonly number[] {
  return member.node.status().confState.voters;
}

test("a change is an entry like any other, and takes effect when it is applied", () => {
  const leader = leading();
  leader.proposeConfChange(change(addVoter(4)));
  leader.settle();
  assert.deepEqual(voters(leader), [1, 2, 3]);
  leader.step(appResp([2, 1, 1], 2));
  assert.equal(leader.commit, 2);
  assert.deepEqual(voters(leader), [1, 2, 3]);
  leader.settle();
  assert.deepEqual(voters(leader), [1, 2, 3, 4]);
  assert.deepEqual(leader.confState, makeConfState({ voters: [1, 2, 3, 4] }));
});

test("redpanda#17675: while a change is not applied, another one becomes an empty entry", () => {
  const leader = leading();
  leader.proposeConfChange(change(addLearner(4)));
  leader.proposeConfChange(change(addVoter(4)));
  assert.deepEqual(changesFrom(leader, 2), [true, false]);
  assert.ok(leader.events.some((event) => event.kind === "confChangeIgnored" && event.reason === "pending"));
  // Committed is not enough.
  leader.step(appResp([2, 1, 1], 3));
  leader.proposeConfChange(change(addVoter(5)));
  assert.deepEqual(leader.disk.lastIndex < leader.lastIndex, true);
  assert.deepEqual(changesFrom(leader, 2), [true, false, false]);
  leader.proposeConfChange(change(addVoter(4)));
  assert.deepEqual(changesFrom(leader, 5), [true]);
});

test("a new leader takes no change before all that it found in its log is applied", () => {
  const leader = new Member(1, { log: [1, 1], commit: 1 }).lead();
  leader.proposeConfChange(change(addVoter(4)));
  assert.deepEqual(changesFrom(leader, 3), [false, false]);
  leader.step(appResp([2, 1, 2], 3));
  leader.settle();
  leader.proposeConfChange(change(addVoter(4)));
  assert.deepEqual(changesFrom(leader, 5), [true]);
  const fresh = new Member(1).lead();
  fresh.proposeConfChange(change(addVoter(4)));
  assert.deepEqual(changesFrom(fresh, 2), [true], "nothing was found, so nothing is waited for");
});

test("in a joint configuration only leaving is taken, elsewhere everything but that", () => {
  const leader = leading();
  leader.proposeConfChange(LEAVE_JOINT);
  assert.deepEqual(changesFrom(leader, 2), [false]);
  leader.proposeConfChange(explicitJoint(addVoter(4)));
  acknowledgeAll(leader, 2, 3);
  assert.deepEqual(leader.confState, makeConfState({ voters: [1, 2, 3, 4], votersOutgoing: [1, 2, 3] }));
  leader.proposeConfChange(change(addVoter(5)));
  assert.deepEqual(changesFrom(leader, 4), [false]);
  leader.proposeConfChange(LEAVE_JOINT);
  assert.deepEqual(changesFrom(leader, 5), [true]);
  const reasons = leader.events.flatMap((event) =>
    event.kind === "confChangeIgnored" ? [event.reason] : [],
  );
  assert.deepEqual(reasons, ["notJoint", "mustLeaveJoint"]);
});

test("a change that would be refused when it is applied is not taken, or it would stop every member", () => {
  const leader = new Member(1, { voters: [1] }).lead();
  for (const steps of [[remove(1)], [remove(1), addLearner(1)], [addLearner(1)]]) {
    leader.proposeConfChange(change(...steps));
    leader.settle();
    assert.deepEqual(leader.confState, makeConfState({ voters: [1] }));
  }
  assert.deepEqual(changesFrom(leader, 2), [false, false, false]);
});

test("who switches the validation off gets every change into the log", () => {
  const leader = leading({ config: { disableConfChangeValidation: true } });
  for (const it of [LEAVE_JOINT, change(addVoter(4)), change(addVoter(5))]) leader.proposeConfChange(it);
  assert.deepEqual(changesFrom(leader, 2), [true, true, true]);
});

test("a change of the first version goes the same way", () => {
  const leader = leading();
  const payload = encodeConfChange(change(addVoter(4)));
  assert.equal(
    leader.step({ ...prop(1, 1), proposals: [{ type: ENTRY_TYPE.CONF_CHANGE_V1, payload }] }),
    "done",
  );
  acknowledgeAll(leader, 2, 3);
  assert.equal(leader.applied.at(-1)?.type, ENTRY_TYPE.CONF_CHANGE_V1);
  assert.deepEqual(voters(leader), [1, 2, 3, 4]);
});

test("of several changes in one proposal only the first stays", () => {
  const leader = leading();
  const proposal = { type: ENTRY_TYPE.CONF_CHANGE_V2, payload: encodeConfChange(change(addVoter(4))) };
  leader.step({
    ...prop(1, 1),
    proposals: [proposal, { ...proposal }, { ...proposal, type: ENTRY_TYPE.NORMAL }],
  });
  assert.deepEqual(changesFrom(leader, 2), [true, false, false]);
});

test("adding a member that is one already changes nothing, and the next change goes through", () => {
  const leader = leading();
  for (const [i, id] of [3, 3, 4].entries()) {
    leader.proposeConfChange(change(addVoter(id)));
    acknowledgeAll(leader, 2, 3);
    assert.deepEqual(voters(leader), i < 2 ? [1, 2, 3] : [1, 2, 3, 4]);
  }
});

test("a new member is probed at once, and counts as active until the next check of the quorum", () => {
  const leader = new Member(1, { voters: [1] }).lead();
  leader.tick(9);
  leader.proposeConfChange(change(addVoter(2)));
  assert.deepEqual(leader.sent(), ["1>2 appReq@1 after 1/1: 1/2, commit 2"]);
  leader.tick();
  assert.ok(leader.isLeader);
  leader.tick(10);
  assert.equal(leader.role, ROLE.FOLLOWER);
});

test("what was waiting for a removed voter is committed when the removal is applied", () => {
  const leader = leading({ voters: [1, 2] });
  leader.proposeConfChange(change(remove(2)));
  leader.propose(5);
  leader.settle();
  assert.equal(leader.commit, 1);
  leader.step(appResp([2, 1, 1], 2));
  leader.settle();
  assert.deepEqual(voters(leader), [1]);
  assert.deepEqual(leader.appliedIds, ["1/1", "1/2", "1/3"]);
});

test("one voter changes simply; more go through the joint configuration, which is left by itself", () => {
  const leader = leading();
  leader.proposeConfChange(change(addVoter(4), remove(3)));
  acknowledgeAll(leader, 2, 3);
  const joint = { voters: [1, 2, 4], votersOutgoing: [1, 2, 3] };
  assert.deepEqual(leader.confState, makeConfState(joint, true));
  assert.deepEqual(changesFrom(leader, 2), [true, true]);
  acknowledgeAll(leader, 2);
  assert.deepEqual(leader.confState, makeConfState({ voters: [1, 2, 4] }));
  assert.equal(leader.applied.at(-1)?.payload.length, 0, "no limit in bytes refuses leaving");
});

test("one voter goes through the joint configuration too when that is asked for", () => {
  const leader = leading({ voters: [1] });
  leader.proposeConfChange(implicitJoint(addLearner(2)));
  leader.takeReady();
  leader.settle();
  assert.deepEqual(leader.confState, makeConfState({ voters: [1], learners: [2] }));
  const switched = leader.events.flatMap((event) =>
    event.kind === "switchedConfig" ? [event.confState] : [],
  );
  assert.deepEqual(switched.at(-2), makeConfState({ voters: [1], votersOutgoing: [1], learners: [2] }, true));
});

test("an explicit joint configuration stays until it is left", () => {
  const leader = leading();
  leader.proposeConfChange(explicitJoint(addVoter(4), remove(3)));
  acknowledgeAll(leader, 2, 3);
  leader.propose(1);
  acknowledgeAll(leader, 2, 3, 4);
  assert.deepEqual(leader.confState, makeConfState({ voters: [1, 2, 4], votersOutgoing: [1, 2, 3] }));
  leader.proposeConfChange(LEAVE_JOINT);
  acknowledgeAll(leader, 2, 4);
  assert.deepEqual(leader.confState, makeConfState({ voters: [1, 2, 4] }));
});

test("thesis §4.3: in a joint configuration an entry needs a majority of each half", () => {
  const confState = makeConfState({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
  const cases: [number[], boolean][] = [
    [[2, 3], false],
    [[4, 5], false],
    [[2, 4], true],
    [[3, 5], true],
  ];
  for (const [from, isCommitted] of cases) {
    const leader = new Member(1, { confState }).lead();
    acknowledgeAll(leader, ...from);
    assert.equal(leader.commit === 1, isCommitted, `${from}`);
  }
});

test("thesis §4.3: in a joint configuration a candidate needs a majority of each half", () => {
  const confState = makeConfState({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
  const cases: [number[], number][] = [
    [[2, 3], ROLE.CANDIDATE],
    [[4, 5], ROLE.CANDIDATE],
    [[3, 4], ROLE.LEADER],
  ];
  for (const [granted, role] of cases) {
    const candidate = new Member(1, { confState, config: PLAIN });
    candidate.node.campaign();
    assert.equal(candidate.sent().length, 4);
    for (const from of granted) candidate.step(voteResp([from, 1, 1]));
    assert.equal(candidate.role, role, `${granted}`);
  }
  const loser = new Member(1, { confState, config: PLAIN });
  loser.node.campaign();
  loser.settle();
  for (const from of [2, 4]) loser.step(voteResp([from, 1, 1]));
  assert.equal(loser.role, ROLE.LEADER);
  const refused = new Member(1, { confState, config: PLAIN });
  refused.node.campaign();
  refused.settle();
  for (const from of [4, 5]) refused.step(voteResp([from, 1, 1], true));
  assert.equal(refused.role, ROLE.FOLLOWER, "one half is enough to lose");
});

test("in a joint configuration the check of the quorum needs both halves", () => {
  const confState = makeConfState({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
  for (const [from, stays] of [
    [[2, 3], false],
    [[2, 5], true],
  ] as const) {
    const leader = new Member(1, { confState }).lead();
    leader.tick(10);
    assert.ok(!leader.isLeader, "nobody spoke since the election");
    leader.lead();
    for (const id of from) leader.step(heartbeatResp([id, 1, leader.term]));
    leader.tick(10);
    assert.equal(leader.isLeader, stays, `${from}`);
  }
});

test("only a leader leaves a joint configuration; a later one does when its first entry is applied", () => {
  const group = Group.of(3);
  group.elect(1);
  // The change is committed and reaches all, but 1 is gone before it can propose to leave.
  const leader = group.member(1);
  leader.proposeConfChange(implicitJoint(addLearner(4)));
  group.hold((message) => message.kind === MESSAGE_KIND.APP_REQ && message.entries[0]?.payload.length === 0);
  group.settle();
  group.tick();
  group.isolate(1);
  group.held.length = 0;
  assert.equal(group.member(2).confState.autoLeave, true);
  group.tick(5, [2, 3]);
  assert.equal(group.member(2).lastIndex, 2);
  group.member(3).node.forgetLeader();
  group.member(2).node.forgetLeader();
  group.hold(() => false);
  group.elect(2);
  assert.deepEqual(group.member(2).confState, makeConfState({ voters: [1, 2, 3], learners: [4] }));
  assert.deepEqual(group.member(3).confState, group.member(2).confState);
});

test("a new leader does not leave a joint configuration before all that it found is applied", () => {
  const confState = makeConfState({ voters: [1], votersOutgoing: [1, 2, 3] }, true);
  // One entry at a time is applied.
  const config = { committedBytesPerReadyMax: 1 };
  const leader = new Member(1, { confState, log: [1, 1, 1], commit: 1, applied: 1, config }).lead();
  assert.deepEqual(changesFrom(leader, 4), [false]);
  acknowledgeAll(leader, 2);
  assert.deepEqual(changesFrom(leader, 4), [false, true]);
});

test("leaving by itself waits for the end of a transfer, and is tried again when more is applied", () => {
  const leader = leading();
  leader.proposeConfChange(change(addVoter(4), addVoter(5)));
  leader.propose(1);
  leader.settle();
  leader.step(appResp([2, 1, 1], 2));
  leader.takeReady();
  leader.node.transferLeadership(nodeId(3));
  leader.settle();
  assert.equal(leader.confState.autoLeave, true);
  assert.deepEqual(changesFrom(leader, 2), [true, false]);
  leader.node.transferLeadership(nodeId(1));
  acknowledgeAll(leader, 2, 3, 4);
  assert.deepEqual(changesFrom(leader, 2), [true, false, true]);
});

test("a voter that is demoted while its half still votes becomes a learner when the half is left", () => {
  const leader = leading();
  leader.proposeConfChange(explicitJoint(remove(3), addLearner(3), addVoter(4)));
  acknowledgeAll(leader, 2, 3);
  const joint = { voters: [1, 2, 4], votersOutgoing: [1, 2, 3], learnersNext: [3] };
  assert.deepEqual(leader.confState, makeConfState(joint));
  assert.equal(leader.progress(3).isLearner, false);
  leader.proposeConfChange(LEAVE_JOINT);
  acknowledgeAll(leader, 2, 3, 4);
  assert.deepEqual(leader.confState, makeConfState({ voters: [1, 2, 4], learners: [3] }));
  assert.equal(leader.progress(3).isLearner, true);
});

test("thesis §4.2.2: a leader that is removed or demoted steps down when it has applied that", () => {
  for (const steps of [[remove(1)], [remove(1), addLearner(1)]]) {
    const leader = leading();
    leader.proposeConfChange(change(...steps));
    // Demoting oneself takes the joint configuration and the leaving of it.
    for (let round = 0; round < 2; round++) acknowledgeAll(leader, 2, 3);
    assert.equal(leader.role, ROLE.FOLLOWER);
    leader.tick(40);
    assert.deepEqual([leader.role, leader.term], [ROLE.FOLLOWER, 1], "and does not campaign");
  }
});

test("a removed leader that does not step down takes no proposals and does not count itself", () => {
  const leader = leading({ config: { stepDownOnRemoval: false } });
  leader.proposeConfChange(change(remove(1)));
  leader.propose(1);
  leader.settle();
  leader.step(appResp([2, 1, 1], 2));
  leader.settle();
  assert.ok(leader.isLeader);
  assert.deepEqual(leader.node.propose([new Uint8Array(1)]), { kind: "dropped", reason: "notVoter" });
  leader.step(appResp([2, 1, 1], 3));
  assert.equal(leader.commit, 2, "one of the two that are left");
  leader.step(appResp([3, 1, 1], 3));
  assert.equal(leader.commit, 3);
});

test("etcd#12359: nobody campaigns, not even when told to, while a committed change is not applied", () => {
  for (const type of [ENTRY_TYPE.CONF_CHANGE_V1, ENTRY_TYPE.CONF_CHANGE_V2]) {
    const follower = follow(new Member(2), 1, 1);
    const payload = encodeConfChange(change(remove(3)));
    const entries = makeEntries(1, [1, 1]).map((entry, i) => (i === 1 ? { ...entry, type, payload } : entry));
    follower.step(appReq([1, 2, 1], { entries, commit: 2 }));
    follower.takeReady();
    follower.writeAndAnswer();
    follower.takeReady();
    follower.tick(25);
    follower.step(timeoutNow([1, 2, 1]));
    follower.node.campaign();
    assert.deepEqual([follower.role, follower.term], [ROLE.FOLLOWER, 1]);
    follower.settle();
    assert.deepEqual(voters(follower), [1, 2]);
    follower.node.campaign();
    assert.equal(follower.role, ROLE.PRE_CANDIDATE);
  }
});

test("a learner that is promoted may campaign, and wins", () => {
  const group = new Group([1, 2].map((id) => new Member(id, { voters: [1], learners: [2] })));
  group.elect(1);
  group.member(1).proposeConfChange(change(addVoter(2)));
  group.settle();
  assert.deepEqual(voters(group.member(2)), [1, 2]);
  group.member(1).node.transferLeadership(nodeId(2));
  group.settle();
  assert.deepEqual(group.leaders, [2]);
});

test("learners get every entry, and their acknowledgements commit nothing", () => {
  const leader = new Member(1, { voters: [1, 2, 3], learners: [4, 5] }).lead();
  acknowledgeAll(leader, 4, 5);
  assert.equal(leader.commit, 0);
  assert.equal(leader.progress(4).match, 1);
  acknowledgeAll(leader, 2);
  assert.equal(leader.commit, 1);
  assert.ok(leader.sent().includes("1>4 appReq@1 after 1/1:, commit 1"));
});

test("a change that is not legal when it is applied is a bug of the caller", () => {
  const leader = leading();
  assert.throws(() => leader.node.applyConfChange(LEAVE_JOINT), /AssertionError|joint/);
  assert.throws(() => leading({ voters: [1] }).node.applyConfChange(change(remove(1))));
});
