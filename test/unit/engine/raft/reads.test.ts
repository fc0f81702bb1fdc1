/** Reads of the present without an entry in the log (thesis §6.4; raft.md §9). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { nodeId } from "../../../../engine/raft/types.js";
import { Group } from "../../../support/raft/group.js";
import { addVoter, change, remove } from "../../../support/raft/make-change.js";
import {
  appReject,
  appResp,
  heartbeat,
  heartbeatResp,
  makeConfState,
  readIndexReq,
} from "../../../support/raft/make-message.js";
import { Member, type MemberOptions } from "../../../support/raft/member.js";

/** Leader of three that has committed its first entry; node 2 has acknowledged it. */
function leading(options: MemberOptions = {}): Member {
  const leader = new Member(1, options).lead();
  leader.step(appResp([2, 1, leader.term], leader.lastIndex));
  leader.sent();
  return leader;
}

function reads(member: Member): (readonly [context: number, index: number])[] {
  member.settle();
  return member.readStates.map(({ context, index }) => [context, index]);
}

test("a read gets the commit index of its time, when a quorum has answered a later heartbeat", () => {
  const leader = leading();
  leader.readIndex(7);
  assert.deepEqual(leader.sent(), ["1>2 heartbeat@1 commit 1, round 1", "1>3 heartbeat@1 commit 0, round 1"]);
  assert.deepEqual(reads(leader), []);
  leader.propose(1);
  leader.settle();
  leader.step(appResp([2, 1, 1], 2));
  assert.equal(leader.commit, 2);
  leader.step(heartbeatResp([2, 1, 1], 1));
  assert.deepEqual(reads(leader), [[7, 1]]);
});

test("a read does not wait for what was proposed before it and is not committed", () => {
  const leader = leading();
  leader.propose(1);
  leader.settle();
  leader.readIndex(7);
  leader.step(heartbeatResp([2, 1, 1], 1));
  assert.deepEqual(reads(leader), [[7, 1]]);
});

test("every member may read: followers and learners ask their leader", () => {
  for (const options of [{ voters: [1, 2, 3] }, { voters: [1, 2], learners: [3] }]) {
    const group = new Group([1, 2, 3].map((id) => new Member(id, options)));
    group.elect(1);
    for (const [i, id] of [1, 2, 3, 1, 2, 3].entries()) {
      group.member(1).propose(1, 2, 3);
      group.settle();
      group.member(id).readIndex(i + 1);
      group.settle();
      assert.deepEqual(group.member(id).readStates.splice(0), [{ context: i + 1, index: 1 + 3 * (i + 1) }]);
    }
  }
});

test("a lone voter reads at once, and answers a learner at once", () => {
  const leader = new Member(1, { voters: [1], learners: [2] }).lead();
  leader.readIndex(5);
  assert.deepEqual(reads(leader), [[5, 1]]);
  leader.step(readIndexReq(2, 1, 6));
  assert.deepEqual(leader.sent(), ["1>2 readIndexResp@1 context 6 at 1"]);
});

test("the only incoming voter of a joint configuration needs the outgoing half to confirm a read", () => {
  const leader = leading({ confState: makeConfState({ voters: [1], votersOutgoing: [1, 2, 3] }) });
  assert.equal(leader.commit, 1);
  leader.readIndex(7);
  assert.deepEqual(reads(leader), []);
  leader.step(heartbeatResp([3, 1, leader.term], 1));
  assert.deepEqual(reads(leader), [[7, 1]]);
});

test("a lone voter that restarted knows what it had committed only when it commits again", () => {
  // Before the crash all three were committed and read; the commit index on disk need not be the last one.
  const leader = new Member(1, { voters: [1], log: [1, 1, 1], commit: 1 });
  leader.node.campaign();
  while (!leader.isLeader) {
    leader.takeReady();
    leader.writeAndAnswer();
  }
  leader.readIndex(1);
  leader.takeReady();
  assert.deepEqual(leader.readStates, []);
  assert.deepEqual(reads(leader), [[1, 4]]);
});

test("a read whose last missing voter is removed is answered at once", () => {
  const leader = leading({ voters: [1, 2] });
  leader.readIndex(7);
  assert.deepEqual(reads(leader), []);
  leader.node.applyConfChange(change(remove(2)));
  assert.deepEqual(reads(leader), [[7, 1]]);
});

test("a removed leader that still leads asks the voter that is left", () => {
  const leader = leading({ voters: [1, 2], config: { stepDownOnRemoval: false } });
  leader.node.applyConfChange(change(remove(1)));
  leader.readIndex(1);
  assert.deepEqual(reads(leader), []);
  leader.step(heartbeatResp([2, 1, 1], 1));
  assert.deepEqual(reads(leader), [[1, 1]]);
});

test("without a leader a read is dropped, and no answer comes", () => {
  const follower = new Member(1);
  follower.readIndex(1);
  assert.deepEqual(follower.sent(), []);
  assert.deepEqual(reads(follower), []);
  assert.ok(follower.kinds.includes("readDropped"));
});

test("thesis §6.4: a leader that has committed nothing in its term keeps reads back until it has", () => {
  const leader = new Member(1, { log: [1, 1], commit: 1 }).lead();
  leader.readIndex(7);
  leader.step(readIndexReq(3, 1, 8));
  assert.deepEqual(leader.sent(), []);
  leader.step(heartbeatResp([2, 1, 2], 0));
  leader.sent();
  leader.step(appResp([2, 1, 2], 2));
  assert.deepEqual(reads(leader), [], "an entry of an earlier term is not enough");
  leader.step(appResp([2, 1, 2], 3));
  assert.deepEqual(reads(leader), []);
  assert.match(leader.sent().join("\n"), /heartbeat@2 commit 3, round 2/);
  leader.step(heartbeatResp([2, 1, 2], 2));
  assert.deepEqual(reads(leader), [[7, 3]]);
  assert.deepEqual(leader.sent(), ["1>3 readIndexResp@2 context 8 at 3"]);
});

test("one heartbeat confirms all reads before it, in order, and none after it", () => {
  const leader = leading();
  leader.readIndex(1);
  leader.readIndex(2);
  leader.sent();
  leader.propose(1);
  leader.settle();
  leader.step(appResp([2, 1, 1], 2));
  leader.readIndex(3);
  leader.sent();
  leader.step(heartbeatResp([2, 1, 1], 2));
  assert.deepEqual(reads(leader), [
    [1, 1],
    [2, 1],
  ]);
  leader.step(heartbeatResp([3, 1, 1], 3));
  assert.deepEqual(reads(leader), [
    [1, 1],
    [2, 1],
    [3, 2],
  ]);
});

test("the periodic heartbeat asks again for what is not confirmed, and for nothing when all is", () => {
  const leader = leading();
  leader.readIndex(1);
  leader.sent();
  leader.tick();
  assert.match(leader.sent().join(), /commit 1, round 1/);
  leader.step(heartbeatResp([2, 1, 1], 1));
  leader.tick();
  assert.deepEqual(leader.sent(), ["1>2 heartbeat@1 commit 1", "1>3 heartbeat@1 commit 0"]);
});

test("learners, strangers and answers to earlier heartbeats confirm nothing", () => {
  const leader = leading({ voters: [1, 2, 3], learners: [4] });
  leader.readIndex(1);
  leader.readIndex(2);
  leader.step(heartbeatResp([4, 1, 1], 2));
  leader.step(heartbeatResp([2, 1, 1]));
  leader.step(heartbeatResp([9, 1, 1], 2));
  assert.deepEqual(reads(leader), []);
  leader.step(heartbeatResp([2, 1, 1], 1));
  assert.deepEqual(reads(leader), [[1, 1]]);
});

test("in a joint configuration both halves must confirm", () => {
  const leader = leading({ voters: [1, 2, 3] });
  leader.node.applyConfChange(change(addVoter(4), addVoter(5)));
  assert.deepEqual(leader.node.status().confState.votersOutgoing, [1, 2, 3]);
  leader.readIndex(1);
  for (const from of [4, 5]) leader.step(heartbeatResp([from, 1, 1], 1));
  assert.deepEqual(reads(leader), [], "three of the new five, one of the old three");
  leader.step(heartbeatResp([2, 1, 1], 1));
  assert.deepEqual(reads(leader), [[1, 1]]);
  leader.readIndex(2);
  leader.step(heartbeatResp([2, 1, 1], 2));
  assert.equal(reads(leader).length, 1, "two of the new five, two of the old three");
});

test("reads of a leader that is deposed are forgotten, and its next term answers only new ones", () => {
  const leader = leading();
  leader.readIndex(1);
  leader.settle();
  leader.step(heartbeat([2, 1, 2]));
  leader.settle().outbox.length = 0;
  leader.tick(10);
  leader.lead();
  leader.step(appResp([2, 1, 3], leader.lastIndex));
  leader.sent();
  leader.step(heartbeatResp([2, 1, 3], 1));
  assert.deepEqual(reads(leader), []);
  leader.readIndex(2);
  leader.step(heartbeatResp([2, 1, 3], 1));
  assert.deepEqual(reads(leader), [[2, 2]]);
});

test("answers to rounds of an earlier term do not confirm the rounds of this one", () => {
  const leader = new Member(1, { voters: [1, 2, 3, 4, 5] }).lead();
  const commit = () => {
    for (const from of [2, 3]) leader.step(appResp([from, 1, leader.term], leader.lastIndex));
    leader.sent();
  };
  commit();
  for (const context of [1, 2]) leader.readIndex(context);
  for (const from of [2, 3]) leader.step(heartbeatResp([from, 1, 1], 2));
  assert.equal(reads(leader).length, 2);
  leader.step(heartbeat([2, 1, 2]));
  leader.settle().outbox.length = 0;
  leader.tick(10);
  leader.lead();
  commit();
  leader.readIndex(3);
  leader.step(heartbeatResp([4, 1, 3], 1));
  assert.equal(reads(leader).length, 2, "two of five");
});

test("reads that a leader kept back are forgotten with its term", () => {
  const leader = new Member(1).lead();
  leader.readIndex(1);
  leader.step(heartbeat([2, 1, 2]));
  leader.settle().outbox.length = 0;
  leader.tick(10);
  leader.lead();
  leader.step(appResp([2, 1, 3], leader.lastIndex));
  assert.deepEqual(
    leader.sent().filter((line) => line.includes("round")),
    [],
  );
});

test("etcd#20418: a request that is repeated, delayed and overtaken never yields a stale read", () => {
  const group = Group.of(3, { config: { checkQuorum: false } });
  const [one, two] = [group.elect(1), group.member(2)];
  const first = one.commit;
  // Read 1 of node 2 is under way; the answers to its heartbeats are late.
  group.hold(({ kind }) => kind === MESSAGE_KIND.HEARTBEAT_RESP);
  two.readIndex(1);
  group.settle();
  group.tick(1, [1]);
  const late = group.held.splice(0);
  group.isolate(1);
  group.elect(2);
  two.propose(1);
  group.settle();
  const second = two.commit;
  assert.ok(second > first);
  // The old leader, which knows nothing of it, is asked for read 2; then read 1 arrives once more.
  one.readIndex(2);
  group.settle().heal();
  one.step(readIndexReq(2, 1, 1));
  for (const answer of late) one.step(answer);
  group.settle();
  for (const member of group.members) {
    for (const { context, index } of member.readStates) {
      assert.ok(index >= (Number(context) === 1 ? first : second), `read ${context} at ${index}`);
    }
  }
});

test("raft PR #397: an answer to a heartbeat before a read does not confirm it, whatever its context", () => {
  const leader = leading();
  leader.readIndex(7);
  leader.sent();
  // The same context again, since the host retried; the answers are those of the first round.
  leader.readIndex(7);
  leader.propose(1);
  leader.step(heartbeatResp([2, 1, 1], 1));
  leader.step(heartbeatResp([3, 1, 1], 1));
  assert.equal(reads(leader).length, 1);
});

test("with leases a leader answers from its commit index without asking, until it is deposed", () => {
  const leader = leading({ config: { readOnly: "leaseBased" } });
  leader.readIndex(1);
  assert.deepEqual(leader.sent(), []);
  assert.deepEqual(reads(leader), [[1, 1]]);
  leader.step(readIndexReq(2, 1, 2));
  assert.deepEqual(leader.sent(), ["1>2 readIndexResp@1 context 2 at 1"]);
  leader.tick(20);
  assert.ok(!leader.isLeader);
  leader.readIndex(3);
  assert.equal(reads(leader).length, 1);
});

test("with leases nobody forgets its leader, whose reads rely on it", () => {
  const follower = new Member(1, { config: { readOnly: "leaseBased" } });
  follower.step(heartbeat([2, 1, 1]));
  follower.node.forgetLeader();
  assert.equal(follower.leader, 2);
});

test("a rejection of an append confirms no read, and neither does an acknowledgement", () => {
  const leader = leading();
  leader.readIndex(1);
  leader.step(appReject([2, 1, 1], 1, [0, 0]));
  leader.step(appResp([3, 1, 1], 1));
  assert.deepEqual(reads(leader), []);
});

test("who is asked to pass a read on and has no leader any more drops it", () => {
  const follower = new Member(2);
  follower.step(heartbeat([1, 2, 1]));
  follower.sent();
  follower.readIndex(1);
  assert.deepEqual(follower.sent(), ["2>1 readIndex@0 context 1"]);
  follower.node.forgetLeader();
  follower.readIndex(2);
  assert.deepEqual(follower.sent(), []);
  assert.equal(follower.node.status().softState.leader, nodeId(0));
});
