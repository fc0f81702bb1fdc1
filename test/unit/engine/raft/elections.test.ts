/** Who may be elected, and by whom, beyond the paper: thesis §9.6 (pre-vote), §6.2 (check
 * of the quorum). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROLE } from "../../../../engine/raft/types.js";
import { brief } from "../../../support/raft/brief.js";
import { Group } from "../../../support/raft/group.js";
import {
  appReq,
  appResp,
  heartbeat,
  heartbeatResp,
  type Id,
  preVoteReq,
  preVoteResp,
  voteReq,
  voteResp,
} from "../../../support/raft/make-message.js";
import { follow, Member, PLAIN } from "../../../support/raft/member.js";

const PRE_VOTE = { preVote: true, checkQuorum: false } as const;
const CHECK_QUORUM = { preVote: false, checkQuorum: true } as const;

function inEveryRole(config = PLAIN as { preVote: boolean; checkQuorum: boolean }): [string, Member][] {
  const preCandidate = new Member(1, { term: 1, config: { ...config, preVote: true } });
  preCandidate.node.campaign();
  const candidate = new Member(1, { config });
  candidate.node.campaign();
  candidate.settle().outbox.length = 0;
  preCandidate.settle().outbox.length = 0;
  return [
    ["follower", follow(new Member(1, { config }), 3, 1)],
    ["preCandidate", preCandidate],
    ["candidate", candidate],
    ["leader", new Member(1, { config }).lead()],
  ];
}

for (const [name, config] of [
  ["without pre-vote", PLAIN],
  ["with pre-vote", PRE_VOTE],
] as const) {
  test(`whoever campaigns while no lease stands is elected, each after the other, ${name}`, () => {
    const group = Group.of(3, { config });
    for (const id of [1, 2, 3]) {
      group.elect(id);
      assert.deepEqual(group.leaders, [id]);
      for (const member of group.members) assert.equal(member.leader, id);
    }
  });

  test(`an election needs a majority of those that answer, ${name}`, () => {
    const cases: [number, number[], boolean][] = [
      [3, [], true],
      [3, [3], true],
      [3, [2, 3], false],
      [4, [2, 3], false],
      [5, [2, 3], true],
    ];
    for (const [count, dead, isWon] of cases) {
      const group = Group.of(count, { config });
      for (const id of dead) group.isolate(id);
      group.campaign(1);
      assert.equal(group.member(1).isLeader, isWon, `${count} without ${dead}`);
      // A pre-vote that does not come to an end does not raise the term.
      if (!isWon) assert.equal(group.member(1).term, config.preVote ? 0 : 1);
    }
  });

  test(`a leader may win whose log is not the newest, and then overwrites later terms, ${name}`, () => {
    // 1 led term 1 and reached 2; 3 led term 2 with the votes of 4 and 5, and reached nobody.
    const voters = [1, 2, 3, 4, 5];
    const withLog = (id: number, log: number[]) => new Member(id, { voters, log, config });
    const voted = (id: number) => new Member(id, { voters, term: 2, vote: 3, config });
    const logs = [withLog(1, [1]), withLog(2, [1]), withLog(3, [2]), voted(4), voted(5)];
    const group = new Group(logs);
    group.campaign(1);
    assert.equal(group.member(1).role, ROLE.FOLLOWER);
    assert.equal(group.member(1).term, 2);
    group.elect(1);
    assert.equal(group.member(1).term, 3);
    for (const member of group.members) assert.deepEqual(member.log, ["1/1", "3/2"]);
  });

  test(`the own vote that is delivered after the election is lost does not count, ${name}`, () => {
    const candidate = new Member(1, { config });
    candidate.node.campaign();
    candidate.takeReady();
    candidate.step(heartbeat([2, 1, candidate.term === 0 ? 1 : candidate.term]));
    assert.equal(candidate.role, ROLE.FOLLOWER);
    candidate.settle();
    assert.equal(candidate.role, ROLE.FOLLOWER);
    assert.ok(!candidate.kinds.includes("votesCounted"));
  });

  test(`after a split vote the next round elects somebody, ${name}`, () => {
    const group = Group.of(3, { config });
    group.elect(1);
    group.isolate(1);
    group.hold(() => true);
    group.campaign(2);
    group.campaign(3);
    group.release();
    group.campaign(2);
    group.campaign(3);
    assert.equal(group.leaders.filter((id) => id !== 1).length, 1);
  });
}

test("a pre-vote changes neither term nor vote, of nobody", () => {
  for (const [role, member] of inEveryRole()) {
    const before = { ...member.node.status() };
    member.step(preVoteReq([2, 1, before.hardState.term + 1], [1, 42]));
    assert.deepEqual(member.sent(), [`1>2 preVoteResp@${before.hardState.term + 1} grants`], role);
    assert.deepEqual(member.node.status().hardState, before.hardState, role);
    assert.equal(member.role, before.softState.role, role);
  }
});

test("a vote request of a later term is granted in every role, and makes a follower", () => {
  for (const [role, member] of inEveryRole()) {
    const asked = member.term + 1;
    member.step(voteReq([2, 1, asked], [1, 42]));
    assert.deepEqual(member.sent(), [`1>2 voteResp@${asked} grants`], role);
    assert.deepEqual([member.role, member.term, member.vote], [ROLE.FOLLOWER, asked, 2], role);
  }
});

test("votes and pre-votes are refused to a log that is less up to date", () => {
  const cases: [Id, boolean][] = [
    [[0, 0], false],
    [[1, 3], false],
    [[2, 1], false],
    [[2, 2], true],
    [[2, 3], true],
    [[3, 1], true],
  ];
  for (const [last, isGranted] of cases) {
    const answer = isGranted ? "grants" : "rejects";
    const voter = new Member(1, { log: [2, 2], term: 3, config: PLAIN });
    voter.step(voteReq([2, 1, 3], last));
    assert.deepEqual(voter.sent(), [`1>2 voteResp@3 ${answer}`], `${last}`);
    const asked = new Member(1, { log: [2, 2], term: 3, config: PLAIN });
    asked.step(preVoteReq([2, 1, 4], last));
    assert.deepEqual(asked.sent(), [`1>2 preVoteResp@${isGranted ? 4 : 3} ${answer}`], `${last}`);
  }
});

test("a vote for another, or an own candidacy, refuses all others in the term", () => {
  for (const [role, member] of inEveryRole()) {
    if (role === "preCandidate" || role === "follower") continue;
    member.step(voteReq([2, 1, 1], [1, 9]));
    assert.deepEqual(member.sent(), ["1>2 voteResp@1 rejects"], role);
    member.step(preVoteReq([2, 1, 1], [1, 9]));
    assert.deepEqual(member.sent(), ["1>2 preVoteResp@1 rejects"], role);
  }
  const follower = follow(new Member(1, { config: PLAIN }), 3, 1);
  follower.step(voteReq([2, 1, 1], [1, 9]));
  assert.deepEqual(follower.sent(), ["1>2 voteResp@1 rejects"], "it has a leader in this term");
});

test("pre-votes are asked for the next term, and only when they are won is it entered", () => {
  const candidate = new Member(1, { log: [1], config: PRE_VOTE });
  candidate.node.campaign();
  assert.deepEqual(candidate.sent(), ["1>2 preVoteReq@2 last 1/1", "1>3 preVoteReq@2 last 1/1"]);
  assert.deepEqual([candidate.role, candidate.term, candidate.vote], [ROLE.PRE_CANDIDATE, 1, 0]);
  candidate.step(preVoteResp([2, 1, 2]));
  assert.deepEqual(candidate.sent(), ["1>2 voteReq@2 last 1/1", "1>3 voteReq@2 last 1/1"]);
  assert.deepEqual([candidate.role, candidate.term, candidate.vote], [ROLE.CANDIDATE, 2, 1]);
});

test("a pre-vote that is lost changes nothing but the role", () => {
  const candidate = new Member(1, { log: [1], config: PRE_VOTE });
  candidate.node.campaign();
  candidate.settle();
  for (const from of [2, 3]) candidate.step(preVoteResp([from, 1, 1], true));
  assert.deepEqual([candidate.role, candidate.term, candidate.vote], [ROLE.FOLLOWER, 1, 0]);
});

test("a pre-vote that is refused in a later term takes the candidate there", () => {
  const candidate = new Member(1, { config: PRE_VOTE });
  candidate.node.campaign();
  candidate.settle();
  candidate.step(preVoteResp([2, 1, 7], true));
  assert.deepEqual([candidate.role, candidate.term, candidate.vote], [ROLE.FOLLOWER, 7, 0]);
});

test("grants of the pre-vote do not count in the election after it", () => {
  const candidate = new Member(1, { config: PRE_VOTE });
  candidate.node.campaign();
  candidate.takeReady();
  // Both others grant before the own pre-vote is back.
  for (const from of [2, 3]) candidate.step(preVoteResp([from, 1, 1]));
  assert.equal(candidate.role, ROLE.CANDIDATE);
  candidate.writeAndAnswer();
  assert.equal(candidate.role, ROLE.CANDIDATE, "the late own pre-vote is not a vote");
  candidate.step(preVoteResp([2, 1, 1]));
  assert.equal(candidate.role, ROLE.CANDIDATE, "nor is one of another");
  candidate.step(voteResp([2, 1, 1]));
  assert.equal(candidate.role, ROLE.CANDIDATE, "one vote of three");
  candidate.settle();
  assert.equal(candidate.role, ROLE.LEADER, "with the own one it is two");
});

test("etcd#8243: answers to a pre-vote carry the term asked for, so a cluster of mixed terms elects", () => {
  const behind = new Member(1, { term: 1 });
  behind.step(preVoteReq([2, 1, 5], [0, 0]));
  assert.deepEqual(behind.sent(), ["1>2 preVoteResp@5 grants"]);
  const group = Group.of(3, { config: PRE_VOTE });
  group.isolate(3);
  group.elect(1);
  group.campaign(3);
  group.elect(2);
  assert.deepEqual(
    group.members.map((member) => member.term),
    [2, 2, 0],
  );
  group.heal();
  group.isolate(2);
  group.campaign(3);
  group.campaign(1);
  assert.equal(group.leaders.filter((id) => id !== 2).length, 1);
});

test("raft.md §5: a pre-vote of an earlier term is refused aloud, so that the better log wins", () => {
  // 3 was alone for two elections without pre-vote: its term is higher, its log shorter.
  const voters = [1, 2, 3];
  const group = new Group([
    new Member(1, { voters, term: 2, log: [1, 2], config: PRE_VOTE }),
    new Member(2, { voters, term: 2, log: [1, 2], config: PRE_VOTE }),
    new Member(3, { voters, term: 4, log: [1], config: PRE_VOTE }),
  ]);
  group.isolate(1);
  group.campaign(3);
  group.campaign(2);
  assert.deepEqual([group.member(2).role, group.member(2).term], [ROLE.FOLLOWER, 4]);
  group.campaign(2);
  assert.deepEqual(group.leaders, [2]);
});

test("etcd#9586: a pre-candidate has no leader, so it grants the pre-vote of another", () => {
  const follower = follow(new Member(1), 2, 1);
  assert.equal(follower.leader, 2);
  follower.tick(10);
  assert.deepEqual([follower.role, follower.leader], [ROLE.PRE_CANDIDATE, 0]);
  follower.settle().outbox.length = 0;
  follower.step(preVoteReq([3, 1, 2], [0, 0]));
  assert.deepEqual(follower.sent(), ["1>3 preVoteResp@2 grants"]);
  // The whole of it: of three the leader dies, and the two left find together in one round.
  const group = Group.of(3);
  group.member(3).jitterTicks = 5;
  group.elect(1);
  group.isolate(1);
  group.tick(10, [2, 3]);
  assert.deepEqual(group.leaders.filter((id) => id !== 1).length, 1);
});

test("nobody votes within its leader's lease, and the term stays", () => {
  for (const config of [CHECK_QUORUM, { preVote: true, checkQuorum: true }]) {
    const follower = follow(new Member(1, { config }), 2, 1);
    follower.tick(9);
    for (const request of [voteReq([3, 1, 2], [2, 9]), preVoteReq([3, 1, 2], [2, 9])]) {
      follower.step(request);
      assert.deepEqual(follower.sent(), [], brief(request));
      assert.equal(follower.term, 1);
    }
    assert.equal(follower.events.filter((event) => event.kind === "voteDecided").length, 2);
  }
  const leader = new Member(1).lead();
  leader.tick(9);
  leader.outbox.length = 0;
  leader.step(voteReq([3, 1, 2], [2, 9]));
  assert.ok(leader.isLeader, "a leader is within its own lease");
});

test("a vote is given when the lease has run out, though the own timeout has not", () => {
  const follower = new Member(1, { config: CHECK_QUORUM });
  follower.jitterTicks = 5;
  follow(follower, 2, 1).tick(10);
  assert.equal(follower.role, ROLE.FOLLOWER);
  follower.step(voteReq([3, 1, 2], [0, 0]));
  assert.deepEqual(follower.sent(), ["1>3 voteResp@2 grants"]);
});

test("who gives its vote waits an election timeout for the outcome", () => {
  const voter = new Member(1, { term: 1, config: PLAIN });
  voter.tick(9);
  voter.step(voteReq([2, 1, 1], [0, 0]));
  voter.tick(9);
  assert.equal(voter.role, ROLE.FOLLOWER);
  voter.tick();
  assert.equal(voter.role, ROLE.CANDIDATE);
});

test("a vote that the leader itself asked for is given within the lease (transfer)", () => {
  const follower = follow(new Member(1), 2, 1);
  follower.step(voteReq([3, 1, 2], [0, 0], true));
  assert.deepEqual(follower.sent(), ["1>3 voteResp@2 grants"]);
});

test("who forgets its leader votes within the lease, and hears of it again by any message", () => {
  const follower = follow(new Member(1), 2, 1);
  follower.node.forgetLeader();
  assert.deepEqual([follower.leader, follower.term, follower.role], [0, 1, ROLE.FOLLOWER]);
  follower.step(preVoteReq([3, 1, 2], [0, 0]));
  assert.deepEqual(follower.sent(), ["1>3 preVoteResp@2 grants"]);
  follower.step(heartbeat([2, 1, 1]));
  assert.equal(follower.leader, 2);
  const leader = new Member(1).lead();
  leader.node.forgetLeader();
  assert.ok(leader.isLeader && leader.leader === 1, "a leader does not forget itself");
});

test("a leader that hears from a quorum within an election timeout stays, else it steps down", () => {
  const leader = new Member(1, { voters: [1, 2, 3, 4, 5] }).lead();
  for (let round = 0; round < 3; round++) {
    for (const from of [2, 3]) leader.step(heartbeatResp([from, 1, 1]));
    leader.tick(10);
    assert.ok(leader.isLeader, `round ${round}`);
  }
  leader.step(heartbeatResp([2, 1, 1]));
  leader.tick(10);
  assert.deepEqual([leader.role, leader.term, leader.leader], [ROLE.FOLLOWER, 1, 0]);
});

test("appends that are rejected are a sign of life as well", () => {
  const leader = new Member(1, { log: [1, 1] }).lead();
  leader.step({ ...appResp([2, 1, leader.term], 2), rejected: true });
  leader.tick(10);
  assert.ok(leader.isLeader);
});

test("learners do not count in the check of the quorum", () => {
  const leader = new Member(1, { voters: [1, 2, 3], learners: [4, 5] }).lead();
  for (const from of [4, 5]) leader.step(heartbeatResp([from, 1, 1]));
  leader.tick(10);
  assert.equal(leader.role, ROLE.FOLLOWER);
});

test("without the check a leader without a quorum stays, since nobody told it otherwise", () => {
  const leader = new Member(1, { config: PLAIN }).lead();
  leader.tick(100);
  assert.ok(leader.isLeader);
});

test("a candidate with a higher term that gets no vote is freed by the leader's heartbeat", () => {
  const group = Group.of(3, { config: CHECK_QUORUM });
  group.elect(1);
  group.isolate(3);
  group.campaign(3);
  group.campaign(3);
  assert.equal(group.member(3).term, 3);
  group.heal();
  // The lease of 1 ignores its requests for votes; its answer to the heartbeat is not ignored.
  group.tick(1, [1]);
  assert.deepEqual(group.leaders, []);
  assert.equal(group.member(1).term, 3);
  group.campaign(1);
  assert.equal(group.leaders.length, 1);
});

test("thesis §9.6: with pre-vote a member that was cut off comes back without disturbing its leader", () => {
  const group = Group.of(3);
  group.elect(1);
  group.isolate(3);
  for (let round = 0; round < 50; round++) group.tick();
  assert.deepEqual([group.member(3).role, group.member(3).term], [ROLE.PRE_CANDIDATE, 1]);
  group.member(1).propose(1);
  group.settle();
  group.heal();
  group.tick();
  assert.deepEqual(group.leaders, [1]);
  assert.deepEqual(
    group.members.map((member) => [member.term, member.leader, member.commit]),
    [1, 2, 3].map(() => [1, 1, 2]),
  );
});

test("thesis §4.2.3: a removed member that was not told disturbs nobody", () => {
  const removed = new Member(4, { voters: [1, 2, 3, 4] });
  const group = new Group([...[1, 2, 3].map((id) => new Member(id)), removed]);
  group.elect(1);
  for (let round = 0; round < 50; round++) group.tick();
  assert.deepEqual(group.leaders, [1]);
  assert.equal(group.member(1).term, 1);
});

test("who is no voter of its own configuration never campaigns, but votes when asked", () => {
  const members: [string, Member][] = [
    ["learner", new Member(2, { voters: [1], learners: [2] })],
    ["removed", new Member(2, { voters: [1, 3] })],
    ["empty", new Member(2, { voters: [] })],
  ];
  for (const [name, member] of members) {
    member.tick(30);
    member.node.campaign();
    assert.deepEqual([member.role, member.term], [ROLE.FOLLOWER, 0], name);
    assert.deepEqual(member.sent(), [], name);
    member.step(voteReq([1, 2, 1], [1, 11]));
    assert.deepEqual(member.sent(), ["2>1 voteResp@1 grants"], name);
  }
});

test("etcd PR #10998: a learner that does not know of its promotion elects the last voter left", () => {
  const confState = { voters: [1, 2, 3] };
  const group = new Group([
    new Member(1, { voters: [2, 3], learners: [1] }),
    new Member(3, { ...confState, log: [1] }),
  ]);
  group.elect(3);
  assert.equal(group.member(1).vote, 3);
});

test("nobody campaigns while it leads", () => {
  for (const config of [PLAIN, PRE_VOTE]) {
    const leader = new Member(1, { config }).lead();
    leader.node.campaign();
    assert.deepEqual(leader.sent(), []);
    assert.deepEqual([leader.role, leader.term], [ROLE.LEADER, 1]);
  }
});

test("responses of an earlier term change nothing", () => {
  const leader = new Member(1, { log: [1, 2], term: 4 }).lead();
  const before = leader.node.status();
  for (const message of [
    appResp([2, 1, 4], 3),
    { ...appResp([2, 1, 4], 2), rejected: true },
    heartbeatResp([2, 1, 4], 9),
    voteResp([2, 1, 4]),
    preVoteResp([2, 1, 4], true),
  ]) {
    leader.step(message);
    assert.deepEqual(leader.sent(), [], brief(message));
    assert.deepEqual(leader.node.status(), before, brief(message));
  }
});

test("votes that come late do not touch a leader or a follower of the same term", () => {
  for (const [role, member] of inEveryRole()) {
    if (role === "preCandidate" || role === "candidate") continue;
    const before = member.node.status();
    for (const rejected of [false, true]) {
      member.step(voteResp([2, 1, 1], rejected));
      member.step(preVoteResp([2, 1, 1], rejected));
    }
    assert.deepEqual(member.sent(), [], role);
    assert.deepEqual(member.node.status(), before, role);
  }
});

test("a deposed leader's own acknowledgement of its entries is not counted in the next term", () => {
  const leader = new Member(1, { config: PLAIN }).lead();
  leader.propose(1);
  leader.takeReady();
  leader.step(heartbeat([2, 1, 2]));
  leader.settle();
  assert.deepEqual([leader.role, leader.commit], [ROLE.FOLLOWER, 0]);
  leader.node.campaign();
  leader.settle();
  leader.step(voteResp([2, 1, 3]));
  leader.settle();
  assert.equal(leader.commit, 0);
});

test("a stale leader is told of the new term by the answer to its append or heartbeat", () => {
  for (const message of [appReq([2, 1, 1]), heartbeat([2, 1, 1])]) {
    const ahead = new Member(1, { term: 5 });
    ahead.step(message);
    assert.deepEqual(ahead.sent(), ["1>2 appResp@5 has 0"]);
    const silent = new Member(1, { term: 5, config: PLAIN });
    silent.step(message);
    assert.deepEqual(silent.sent(), [], "needed only where votes may be ignored");
  }
  const stale = new Member(2).lead();
  stale.step(appResp([1, 2, 5], 0));
  assert.deepEqual([stale.role, stale.term, stale.leader], [ROLE.FOLLOWER, 5, 0]);
});

test("openraft#2080: a leader that one follower still hears gives up, and does not block the others", () => {
  // 1 hears nobody, but its heartbeats keep 2 from voting for 3.
  const group = Group.of(3);
  group.elect(1);
  group.cut(1, 3);
  group.drop(2, 1);
  for (let tick = 0; tick < 60 && !group.leaders.some((id) => id !== 1); tick++) group.tick();
  assert.equal(group.leaders.length, 1);
  assert.notEqual(group.leaders[0], 1);
  group.member(group.leaders[0] as number).propose(1);
  group.tick(2);
  assert.equal(group.member(2).commit, group.member(3).commit);
  assert.equal(group.member(2).lastIndex, group.member(3).commit);
});
