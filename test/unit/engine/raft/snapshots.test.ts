/** When the log is not enough: sending snapshots and beginning anew from one (thesis §5; raft.md §9). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, nodeId, ROLE } from "../../../../engine/raft/types.js";
import { Group } from "../../../support/raft/group.js";
import {
  appReject,
  appReq,
  appResp,
  entryId,
  heartbeat,
  heartbeatResp,
  makeConfState,
  makeSnapshot,
  snap,
} from "../../../support/raft/make-message.js";
import { follow, Member, type MemberOptions, PLAIN } from "../../../support/raft/member.js";
import { MemoryLog, makeEntries } from "../../../support/raft/memory-log.js";

const VOTERS = [1, 2, 3];
/** Through which the leader's log is gone. */
const SNAPSHOT = makeSnapshot([1, 10], { voters: VOTERS });

function truncatedLog(served: MemoryLog["served"] = SNAPSHOT): MemoryLog {
  const log = new MemoryLog(entryId([1, 10]));
  log.served = served;
  return log;
}

/** Leader of term 2 whose log begins after 10; its first entry there is 11. */
function truncatedLeader(options: MemberOptions = {}): Member {
  return new Member(1, { voters: VOTERS, log: truncatedLog(), ...options }).lead();
}

/** Leader that has sent 2, whose log is empty, the snapshot. */
function sendingSnapshot(): Member {
  const leader = truncatedLeader();
  leader.step(appReject([2, 1, 2], 10, [0, 0]));
  assert.deepEqual(leader.sent(), ["1>2 snap@2 1/10"]);
  return leader;
}

test("a member that needs entries that are gone gets the snapshot, and nothing else until it has it", () => {
  const leader = sendingSnapshot();
  assert.equal(leader.progressOf(2), "snapshot 0/11 paused pending 10");
  leader.propose(1);
  leader.step(heartbeatResp([2, 1, 2]));
  leader.step(appReject([2, 1, 2], 10, [0, 0]));
  assert.deepEqual(leader.sent(), []);
  leader.tick();
  assert.deepEqual(leader.sent(), ["1>2 heartbeat@2 commit 0", "1>3 heartbeat@2 commit 0"]);
});

test("no snapshot is sent to a member that does not answer", () => {
  const log = truncatedLog("pending");
  const leader = truncatedLeader({ log });
  leader.step(appReject([2, 1, 2], 10, [0, 0]));
  leader.step(appResp([3, 1, 2], 11));
  for (let round = 0; round < 2; round++) {
    leader.tick(10);
    leader.step(heartbeatResp([3, 1, 2]));
  }
  leader.sent();
  log.served = SNAPSHOT;
  leader.propose(1);
  assert.deepEqual(leader.sent(), ["1>3 appReq@2 after 2/11: 2/12, commit 11"]);
  leader.step(heartbeatResp([2, 1, 2]));
  assert.deepEqual(leader.sent(), ["1>2 snap@2 1/10"]);
});

test("a snapshot that is not at hand is asked for again at the next answer", () => {
  const log = truncatedLog("pending");
  const leader = truncatedLeader({ log });
  leader.step(appReject([2, 1, 2], 10, [0, 0]));
  assert.deepEqual(leader.sent(), []);
  assert.equal(leader.progressOf(2), "probe 0/1");
  log.served = SNAPSHOT;
  leader.step(heartbeatResp([2, 1, 2]));
  assert.deepEqual(leader.sent(), ["1>2 snap@2 1/10"]);
});

test("a snapshot that did not arrive is tried again from the beginning, after the next heartbeat", () => {
  const leader = sendingSnapshot();
  leader.node.reportSnapshot(nodeId(2), false);
  assert.equal(leader.progressOf(2), "probe 0/1 paused");
  leader.propose(1);
  assert.deepEqual(leader.sent(), []);
  leader.step(heartbeatResp([2, 1, 2]));
  assert.deepEqual(leader.sent(), ["1>2 snap@2 1/10"]);
});

test("a snapshot that arrived is followed by what comes after it, when the member speaks", () => {
  const leader = sendingSnapshot();
  leader.node.reportSnapshot(nodeId(2), true);
  assert.equal(leader.progressOf(2), "probe 0/11 paused");
  leader.propose(1);
  assert.deepEqual(leader.sent(), []);
  leader.step(appResp([2, 1, 2], 10));
  assert.deepEqual(leader.sent(), ["1>2 appReq@2 after 1/10: 2/11 2/12, commit 10"]);
});

test("a report about a snapshot that nobody waits for changes nothing", () => {
  const leader = truncatedLeader();
  const before = leader.progressOf(2);
  for (const isDelivered of [true, false]) leader.node.reportSnapshot(nodeId(2), isDelivered);
  leader.node.reportSnapshot(nodeId(9), true);
  assert.equal(leader.progressOf(2), before);
});

test("whatever index a member acknowledges, replication goes on when the log continues from there", () => {
  for (const [index, progress] of [
    [9, "snapshot 9/11 paused pending 10"],
    [10, "replicate 10/12 inflight 1"],
    [11, "replicate 11/12"],
  ] as const) {
    const leader = sendingSnapshot();
    leader.step(appResp([2, 1, 2], index));
    leader.settle();
    assert.equal(leader.progressOf(2), progress, `${index}`);
  }
});

test("a member that got an older snapshot than the one sent goes on if the log continues there", () => {
  const log = truncatedLog(makeSnapshot([1, 12], { voters: VOTERS }));
  log.write(makeEntries(11, [1, 1]));
  const leader = truncatedLeader({ log, commit: 12, applied: 12 });
  leader.step(appReject([2, 1, 2], 12, [0, 0]));
  assert.deepEqual(leader.sent(), ["1>2 snap@2 1/12"]);
  leader.step(appResp([2, 1, 2], 10));
  assert.deepEqual(leader.sent(), ["1>2 appReq@2 after 1/10: 1/11 1/12 2/13, commit 12"]);
});

test("a follower begins anew from a snapshot and answers when it is installed", () => {
  const follower = follow(new Member(1, { voters: [1, 2] }), 2, 2);
  assert.equal(
    follower.step(snap([2, 1, 2], makeSnapshot([1, 10], { voters: VOTERS, learners: [4] }))),
    "done",
  );
  follower.takeReady();
  assert.deepEqual(follower.outbox, [], "not before it is durable");
  assert.equal(follower.node.status().applied, 0);
  assert.deepEqual(follower.sent(), ["1>2 appResp@2 has 10"]);
  const { applied, lastIndex, hardState, confState } = follower.node.status();
  assert.deepEqual([applied, lastIndex, hardState.commit], [10, 10, 10]);
  assert.deepEqual(confState, makeConfState({ voters: VOTERS, learners: [4] }));
  assert.deepEqual(follower.disk.truncated, entryId([1, 10]));
  follower.step(appReq([2, 1, 2], { previous: [1, 10], entries: makeEntries(11, [2]), commit: 11 }));
  assert.deepEqual(follower.sent(), ["1>2 appResp@2 has 11"]);
  assert.deepEqual(follower.appliedIds, ["2/11"]);
});

test("nothing is applied and nobody campaigns while a snapshot is being installed", () => {
  const follower = follow(new Member(1), 2, 2);
  follower.step(snap([2, 1, 2], SNAPSHOT));
  follower.step(appReq([2, 1, 2], { previous: [1, 10], entries: makeEntries(11, [2]), commit: 11 }));
  follower.takeReady();
  assert.deepEqual(follower.applies, []);
  follower.tick(20);
  follower.node.campaign();
  assert.equal(follower.role, ROLE.FOLLOWER);
  follower.settle();
  assert.deepEqual(follower.appliedIds, ["2/11"]);
  follower.node.campaign();
  assert.equal(follower.role, ROLE.PRE_CANDIDATE);
});

test("a snapshot of what is committed already is ignored, and the answer tells the commit index", () => {
  for (const index of [1, 2, 3]) {
    const follower = follow(new Member(1, { log: [1, 1, 1, 1], commit: 3 }), 2, 2);
    follower.step(snap([2, 1, 2], makeSnapshot([1, index], { voters: VOTERS })));
    assert.deepEqual(follower.sent(), ["1>2 appResp@2 has 3"]);
    assert.deepEqual(follower.log, ["1/1", "1/2", "1/3", "1/4"]);
  }
});

test("etcd PR #1763: a snapshot that the log holds only moves the commit index; nothing is dropped", () => {
  const follower = follow(new Member(1, { log: [1, 1, 1, 1], commit: 1 }), 2, 2);
  follower.step(snap([2, 1, 2], makeSnapshot([1, 3], { voters: [2, 3], learners: [1] })));
  assert.deepEqual(follower.sent(), ["1>2 appResp@2 has 3"]);
  assert.deepEqual(follower.log, ["1/1", "1/2", "1/3", "1/4"]);
  assert.deepEqual(follower.appliedIds, ["1/1", "1/2", "1/3"]);
  assert.deepEqual(follower.node.status().confState.voters, VOTERS, "membership comes with the entries");
});

test("hashicorp/raft#697: a snapshot that the log contradicts replaces the log, once", () => {
  const follower = follow(new Member(1, { log: [1, 1, 2, 2, 2], commit: 1 }), 2, 4);
  follower.step(snap([2, 1, 4], makeSnapshot([3, 4], { voters: VOTERS })));
  assert.deepEqual(follower.sent(), ["1>2 appResp@4 has 4"]);
  assert.deepEqual([follower.lastIndex, follower.commit, follower.log.length], [4, 4, 0]);
  // The leader's next append matches: it need not send the snapshot again.
  follower.step(appReq([2, 1, 4], { previous: [3, 4], entries: makeEntries(5, [4]), commit: 5 }));
  assert.deepEqual(follower.sent(), ["1>2 appResp@4 has 5"]);
});

test("etcd#18055: a second snapshot close to the first takes its place, and each is installed once", () => {
  const follower = follow(new Member(1), 2, 2);
  follower.step(snap([2, 1, 2], SNAPSHOT));
  follower.takeReady();
  follower.step(snap([2, 1, 2], SNAPSHOT));
  follower.step(snap([2, 1, 2], makeSnapshot([1, 20], { voters: VOTERS })));
  follower.takeReady();
  const installed = follower.appends.map((append) => append.snapshot?.id.index);
  assert.deepEqual(
    installed.filter((index) => index !== undefined),
    [10, 20],
  );
  follower.writeAndAnswer();
  assert.equal(follower.lastIndex, 20, "the answer about the first says nothing about the second");
  follower.settle();
  assert.deepEqual([follower.node.status().applied, follower.lastIndex], [20, 20]);
  follower.step(snap([2, 1, 2], SNAPSHOT));
  follower.outbox.length = 0;
  assert.deepEqual(follower.sent(), ["1>2 appResp@2 has 20"]);
});

test("entries that follow a snapshot under way are not handed out twice, nor applied before it", () => {
  const follower = follow(new Member(1, { log: [1, 1] }), 2, 2);
  follower.step(snap([2, 1, 2], SNAPSHOT));
  follower.takeReady();
  follower.step(appReq([2, 1, 2], { previous: [1, 10], entries: makeEntries(11, [2, 2]), commit: 12 }));
  follower.takeReady();
  assert.deepEqual(
    follower.appends.flatMap((append) => append.entries.map((entry) => entry.index)),
    [11, 12],
  );
  follower.settle();
  assert.deepEqual(follower.appliedIds, ["2/11", "2/12"]);
});

test("a snapshot's installation counts though the term has moved on meanwhile", () => {
  const follower = follow(new Member(1), 2, 2);
  follower.step(snap([2, 1, 2], SNAPSHOT));
  follower.takeReady();
  follower.step(heartbeat([3, 1, 3]));
  follower.writeAndAnswer();
  assert.equal(follower.node.status().applied, 10);
});

test("membership is the snapshot's: a voter may become a learner, a learner a voter", () => {
  for (const members of [
    { voters: [2, 3], learners: [1] },
    { voters: [1, 2] },
    { voters: [2, 3], votersOutgoing: [1, 2, 3] },
    { voters: [2, 3], votersOutgoing: [1, 2], learnersNext: [1] },
  ]) {
    for (const start of [{ voters: VOTERS }, { voters: [2, 3], learners: [1] }]) {
      const follower = follow(new Member(1, start), 2, 2);
      follower.step(snap([2, 1, 2], makeSnapshot([1, 10], members)));
      follower.settle();
      assert.deepEqual(follower.node.status().confState, makeConfState(members));
      follower.node.campaign();
      assert.equal(follower.role === ROLE.PRE_CANDIDATE, !members.learners?.includes(1));
    }
  }
});

test("a snapshot in which this node is no member is not installed", () => {
  const follower = follow(new Member(1), 2, 2);
  follower.step(snap([2, 1, 2], makeSnapshot([1, 10], { voters: [2, 3], learners: [4] })));
  assert.deepEqual(follower.sent(), ["1>2 appResp@2 has 0"]);
  assert.equal(follower.lastIndex, 0);
  assert.ok(follower.kinds.includes("snapshotRefused"));
});

test("a candidate follows the leader whose snapshot it gets", () => {
  const candidate = new Member(1, { config: PLAIN });
  candidate.node.campaign();
  candidate.settle();
  candidate.step(snap([2, 1, 1], SNAPSHOT));
  candidate.settle();
  assert.deepEqual([candidate.role, candidate.leader, candidate.lastIndex], [ROLE.FOLLOWER, 2, 10]);
});

test("a new leader does not commit by what it learned from a snapshot of an earlier term", () => {
  const follower = follow(new Member(1), 2, 1);
  follower.step(snap([2, 1, 1], SNAPSHOT));
  follower.settle().outbox.length = 0;
  follower.lead();
  assert.deepEqual([follower.commit, follower.lastIndex], [10, 11]);
  follower.step(appResp([2, 1, 2], 11));
  assert.equal(follower.commit, 11);
});

for (const learner of [false, true]) {
  test(`a ${learner ? "learner" : "voter"} that was away too long for the log gets one snapshot`, () => {
    const members = learner ? { voters: [1, 2], learners: [3] } : { voters: VOTERS };
    const confState = makeConfState(members);
    const group = new Group(VOTERS.map((id) => new Member(id, { confState })));
    const leader = group.elect(1);
    group.isolate(3);
    for (let i = 0; i < 20; i++) leader.propose(1);
    group.settle();
    const { applied } = leader.node.status();
    leader.snapshot();
    group.heal();
    const snapshots: number[] = [];
    group.hold((message) => {
      if (message.kind === MESSAGE_KIND.SNAP) snapshots.push(message.snapshot.id.index);
      return false;
    });
    group.tick(3);
    assert.deepEqual(snapshots, [applied]);
    leader.propose(1);
    group.settle();
    assert.deepEqual(
      group.members.map((member) => [member.commit, member.lastIndex]),
      VOTERS.map(() => [applied + 1, applied + 1]),
    );
    assert.deepEqual(group.leaders, [1]);
  });
}

test("canonical/raft#250: membership that is not applied is in no snapshot", () => {
  const leader = new Member(1).lead();
  leader.step(appResp([2, 1, 1], 1));
  leader.settle();
  leader.proposeConfChange({
    transition: CONF_CHANGE_TRANSITION.AUTO,
    steps: [{ type: CONF_CHANGE.ADD_LEARNER, nodeId: nodeId(4) }],
    context: new Uint8Array(0),
  });
  leader.settle();
  assert.deepEqual(leader.snapshot(0).confState, makeConfState({ voters: VOTERS }));
  assert.deepEqual(leader.node.status().confState, makeConfState({ voters: VOTERS }));
  leader.step(appResp([2, 1, 1], 2));
  leader.takeReady();
  assert.equal(leader.commit, 2);
  assert.deepEqual(
    leader.node.status().confState,
    makeConfState({ voters: VOTERS }),
    "committed, not applied",
  );
  leader.settle();
  assert.deepEqual(leader.snapshot(0).confState, makeConfState({ voters: VOTERS, learners: [4] }));
});
