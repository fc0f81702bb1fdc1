/** The rules of the Raft paper (Ongaro and Ousterhout, extended version), by its sections. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { ROLE } from "../../../../engine/raft/types.js";
import { brief } from "../../../support/raft/brief.js";
import { Group } from "../../../support/raft/group.js";
import {
  appReq,
  appResp,
  heartbeat,
  type Id,
  voteReq,
  voteResp,
} from "../../../support/raft/make-message.js";
import { follow, Member, type MemberOptions, PLAIN } from "../../../support/raft/member.js";
import { makeEntries } from "../../../support/raft/memory-log.js";

const VOTERS = [1, 2, 3, 4, 5];

function member(options: MemberOptions = {}): Member {
  return new Member(1, { ...options, config: { ...PLAIN, ...options.config } });
}

function campaigning(options: MemberOptions = {}): Member {
  const candidate = member(options);
  candidate.node.campaign();
  return candidate.settle();
}

/** The others have all of the leader's log. */
function acknowledge(leader: Member, acceptors: readonly number[]): void {
  leader.settle();
  for (const from of acceptors) leader.step(appResp([from, leader.id, leader.term], leader.lastIndex));
  leader.settle();
}

test("§5.1: whatever its role, who sees a higher term takes it over and follows", () => {
  const roles: [string, Member][] = [
    ["follower", follow(member(), 2, 1)],
    ["candidate", campaigning()],
    ["leader", member().lead()],
  ];
  for (const [role, it] of roles) {
    assert.equal(it.term, 1, role);
    it.step(appReq([2, 1, 2]));
    assert.equal(it.term, 2, role);
    assert.equal(it.role, ROLE.FOLLOWER, role);
    assert.equal(it.leader, 2, role);
  }
});

test("§5.1: a request of an earlier term changes nothing", () => {
  const follower = member({ term: 2, log: [1] });
  const before = follower.node.status();
  for (const message of [
    appReq([2, 1, 1], { previous: [1, 1], entries: makeEntries(2, [1]), commit: 2 }),
    heartbeat([2, 1, 1], 1),
    voteReq([2, 1, 1], [1, 9]),
  ]) {
    assert.equal(follower.step(message), "done");
    assert.deepEqual(follower.sent(), [], brief(message));
    assert.deepEqual(follower.node.status(), before, brief(message));
  }
});

test("§5.2: everybody starts as a follower", () => {
  assert.equal(member().role, ROLE.FOLLOWER);
  assert.equal(member({ term: 3, vote: 1, log: [1, 3] }).role, ROLE.FOLLOWER);
});

test("§5.2: a leader sends heartbeats without entries to all others, one per interval", () => {
  const leader = member({ config: { heartbeatTicks: 3 } }).lead();
  leader.tick(2);
  assert.deepEqual(leader.sent(), []);
  leader.tick();
  assert.deepEqual(leader.sent(), ["1>2 heartbeat@1 commit 0", "1>3 heartbeat@1 commit 0"]);
});

test("§5.2: who hears nothing for an election timeout asks for votes in a new term, its own first", () => {
  const roles: [string, Member][] = [
    ["follower", follow(member(), 2, 1)],
    ["candidate", campaigning()],
  ];
  for (const [role, it] of roles) {
    it.outbox.length = 0;
    it.tick(9);
    assert.deepEqual(it.sent(), [], role);
    it.tick();
    assert.equal(it.term, 2, role);
    assert.equal(it.vote, 1, role);
    assert.equal(it.role, ROLE.CANDIDATE, role);
    assert.deepEqual(it.sent(), ["1>2 voteReq@2 last 0/0", "1>3 voteReq@2 last 0/0"], role);
  }
});

test("§5.2: a candidate wins with a majority, gives up when a majority refuses, and waits otherwise", () => {
  const { LEADER, FOLLOWER, CANDIDATE } = ROLE;
  const cases: [number, Record<number, boolean>, number][] = [
    [1, {}, LEADER],
    [3, { 2: true, 3: true }, LEADER],
    [3, { 2: true }, LEADER],
    [5, { 2: true, 3: true, 4: true, 5: true }, LEADER],
    [5, { 2: true, 3: true }, LEADER],
    [3, { 2: false, 3: false }, FOLLOWER],
    [5, { 2: false, 3: false, 4: false, 5: false }, FOLLOWER],
    [5, { 2: true, 3: false, 4: false, 5: false }, FOLLOWER],
    [3, {}, CANDIDATE],
    [5, { 2: true }, CANDIDATE],
    [5, { 2: false, 3: false }, CANDIDATE],
    [5, {}, CANDIDATE],
  ];
  for (const [count, votes, role] of cases) {
    const candidate = campaigning({ voters: VOTERS.slice(0, count) });
    for (const [from, isGranted] of Object.entries(votes)) {
      candidate.step(voteResp([Number(from), 1, 1], !isGranted));
    }
    assert.equal(candidate.role, role, `${count} voters, ${JSON.stringify(votes)}`);
    assert.equal(candidate.term, 1);
  }
});

test("§5.2: a vote that is repeated counts once, and the first answer stands", () => {
  const candidate = campaigning({ voters: VOTERS });
  for (let i = 0; i < 3; i++) candidate.step(voteResp([2, 1, 1]));
  assert.equal(candidate.role, ROLE.CANDIDATE);
  candidate.step(voteResp([2, 1, 1], true));
  candidate.step(voteResp([3, 1, 1]));
  assert.equal(candidate.role, ROLE.LEADER);
});

test("§5.2: one vote in a term, first come, first served", () => {
  const cases: [number, number, string][] = [
    [0, 2, "grants"],
    [0, 3, "grants"],
    [2, 2, "grants"],
    [3, 3, "grants"],
    [2, 3, "rejects"],
    [3, 2, "rejects"],
  ];
  for (const [vote, from, answer] of cases) {
    const voter = member({ term: 1, vote });
    voter.step(voteReq([from, 1, 1], [0, 0]));
    assert.deepEqual(voter.sent(), [`1>${from} voteResp@1 ${answer}`], `voted for ${vote}`);
    assert.equal(voter.vote, vote === 0 ? from : vote);
  }
});

test("§5.2: a candidate follows a leader of its own term or of a later one", () => {
  for (const termNumber of [1, 2]) {
    const messages = [appReq([2, 1, termNumber]), heartbeat([2, 1, termNumber])];
    for (const message of messages) {
      const candidate = campaigning();
      candidate.step(message);
      assert.equal(candidate.role, ROLE.FOLLOWER, brief(message));
      assert.equal(candidate.leader, 2, brief(message));
      assert.equal(candidate.term, termNumber, brief(message));
    }
  }
});

test("§5.2: the election timeout is drawn anew each time, from all of T to 2T − 1", () => {
  for (const isCandidate of [false, true]) {
    const it = member();
    const random = new SeededRandom(1);
    const seen = new Set<number>();
    for (let round = 1; round <= 300; round++) {
      it.jitterTicks = random.below(10);
      if (isCandidate) it.node.campaign();
      else it.step(heartbeat([2, 1, it.term + 1]));
      it.settle();
      const termNumber = it.term;
      let ticks = 0;
      for (; it.term === termNumber; ticks++) it.tick();
      seen.add(ticks);
    }
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      [10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
    );
  }
});

test("§5.2: random timeouts keep most elections from colliding", () => {
  const random = new SeededRandom(2);
  let collisions = 0;
  for (let round = 0; round < 300; round++) {
    const group = Group.of(5, { config: PLAIN });
    for (const it of group.members) {
      it.jitterTicks = random.below(10);
      it.step(heartbeat([(it.id % 5) + 1, it.id, 1]));
      it.settle();
    }
    let candidates: readonly Member[] = [];
    while (candidates.length === 0) {
      for (const it of group.members) it.tick();
      candidates = group.members.filter((it) => it.role === ROLE.CANDIDATE);
    }
    if (candidates.length > 1) collisions++;
  }
  assert.ok(collisions < 0.4 * 300, `${collisions} of 300`);
});

test("§5.3: a leader appends a proposal and sends it to all with the id of the entry before", () => {
  const leader = member().lead();
  acknowledge(leader, [2, 3]);
  leader.outbox.length = 0;
  leader.propose(4);
  assert.equal(leader.lastIndex, 2);
  assert.equal(leader.commit, 1);
  assert.deepEqual(leader.sent(), [
    "1>2 appReq@1 after 1/1: 1/2, commit 1",
    "1>3 appReq@1 after 1/1: 1/2, commit 1",
  ]);
  assert.deepEqual(leader.log, ["1/1", "1/2"]);
});

test("§5.3: what a majority has is committed, applied, and told to the others", () => {
  const leader = member().lead();
  acknowledge(leader, [2, 3]);
  leader.outbox.length = 0;
  leader.propose(4);
  leader.sent();
  acknowledge(leader, [2, 3]);
  assert.equal(leader.commit, 2);
  assert.deepEqual(leader.appliedIds, ["1/1", "1/2"]);
  assert.deepEqual(leader.sent(), ["1>2 appReq@1 after 1/2:, commit 2", "1>3 appReq@1 after 1/2:, commit 2"]);
});

test("§5.3: an entry is committed exactly when a majority has it", () => {
  const cases: [number, number[], boolean][] = [
    [1, [], true],
    [3, [], false],
    [3, [2], true],
    [3, [2, 3], true],
    [5, [], false],
    [5, [2], false],
    [5, [2, 3], true],
    [5, [2, 3, 4], true],
    [5, [2, 3, 4, 5], true],
  ];
  for (const [count, acceptors, isCommitted] of cases) {
    const leader = member({ voters: VOTERS.slice(0, count) }).lead();
    acknowledge(leader, VOTERS);
    leader.outbox.length = 0;
    leader.propose(4);
    acknowledge(leader, acceptors);
    assert.equal(leader.commit === 2, isCommitted, `${acceptors.length} of ${count - 1}`);
  }
});

test("§5.3: committing an entry commits all before it, those of earlier leaders too", () => {
  for (const log of [[], [2], [1, 2], [1]]) {
    const leader = member({ log, term: 2 }).lead();
    leader.propose(4);
    acknowledge(leader, [2]);
    const earlier = log.map((termNumber, i) => `${termNumber}/${i + 1}`);
    assert.deepEqual(leader.appliedIds, [...earlier, `3/${log.length + 1}`, `3/${log.length + 2}`]);
  }
});

test("§5.3: a follower applies what its leader says is committed, in the order of the log", () => {
  for (const commit of [1, 2]) {
    const follower = follow(member(), 2, 1);
    follower.step(appReq([2, 1, 1], { entries: makeEntries(1, [1, 1], 4), commit }));
    follower.settle();
    assert.equal(follower.commit, commit);
    assert.deepEqual(follower.appliedIds, ["1/1", "1/2"].slice(0, commit));
    assert.equal(follower.applied[0]?.payload.length, 4);
  }
});

test("§5.3: a follower takes entries only after one that it has, and else says where to look", () => {
  const cases: [Id, string][] = [
    [[0, 0], "has 1"],
    [[1, 1], "has 1"],
    [[2, 2], "has 2"],
    [[1, 2], "rejects 2, hint 1/1"],
    [[3, 3], "rejects 3, hint 2/2"],
  ];
  for (const [previous, answer] of cases) {
    const follower = follow(member({ log: [1, 2], commit: 1 }), 2, 3);
    follower.step(appReq([2, 1, 3], { previous }));
    assert.deepEqual(follower.sent(), [`1>2 appResp@3 ${answer}`], `after ${previous}`);
  }
});

test("§5.3: a follower drops a conflicting entry and all after it, and keeps what agrees", () => {
  const cases: [Id, number[], string[], string[]][] = [
    [[2, 2], [3], ["1/1", "2/2", "3/3"], ["3/3"]],
    [
      [1, 1],
      [3, 4],
      ["1/1", "3/2", "4/3"],
      ["3/2", "4/3"],
    ],
    [[0, 0], [1], ["1/1", "2/2"], []],
    [[0, 0], [3], ["3/1"], ["3/1"]],
    [[0, 0], [1, 2, 2], ["1/1", "2/2", "2/3"], ["2/3"]],
  ];
  for (const [previous, terms, log, written] of cases) {
    const follower = follow(member({ log: [1, 2] }), 2, 4);
    const entries = makeEntries(previous[1] + 1, terms);
    follower.step(appReq([2, 1, 4], { previous, entries }));
    follower.takeReady();
    const handedOut = follower.appends.flatMap((append) => append.entries);
    assert.deepEqual(
      handedOut.map((entry) => `${entry.term}/${entry.index}`),
      written,
    );
    follower.settle();
    assert.deepEqual(follower.log, log);
  }
});

test("§5.3: a leader brings every kind of divergent log in line with its own (figure 7)", () => {
  const own = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const others = [
    [1, 1, 1, 4, 4, 5, 5, 6, 6],
    [1, 1, 1, 4],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    [1, 1, 1, 4, 4, 4, 4],
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ];
  for (const other of others) {
    const voters = [1, 2, 3];
    const leader = new Member(1, { voters, log: own, term: 8, commit: own.length, config: PLAIN });
    // Its log may be the better one, so the third member, whose log is empty, decides the election.
    const divergent = new Member(2, { voters, log: other, term: 7, config: PLAIN });
    const group = new Group([leader, divergent, new Member(3, { voters, config: PLAIN })]);
    group.elect(1);
    leader.propose(4);
    group.settle();
    assert.deepEqual(divergent.log, leader.log);
    assert.deepEqual(divergent.appliedIds, leader.appliedIds);
    assert.equal(divergent.commit, own.length + 2);
  }
});

test("§5.4.1: a candidate tells everybody where its log ends", () => {
  for (const terms of [[1], [1, 2]]) {
    const last = terms.at(-1) as number;
    const follower = member();
    follower.step(appReq([2, 1, last], { entries: makeEntries(1, terms) }));
    follower.settle();
    follower.outbox.length = 0;
    follower.tick(10);
    const asked = `voteReq@${last + 1} last ${last}/${terms.length}`;
    assert.deepEqual(follower.sent(), [`1>2 ${asked}`, `1>3 ${asked}`]);
  }
});

test("§5.4.1: nobody votes for a candidate whose log is less up to date than its own", () => {
  const cases: [number[], Id, string][] = [
    [[1], [1, 1], "grants"],
    [[1], [1, 2], "grants"],
    [[1, 1], [1, 1], "rejects"],
    [[1], [2, 1], "grants"],
    [[1], [2, 2], "grants"],
    [[1, 1], [2, 1], "grants"],
    [[2], [1, 1], "rejects"],
    [[2], [1, 2], "rejects"],
    [[2, 2], [1, 1], "rejects"],
    [[], [0, 0], "grants"],
  ];
  for (const [log, last, answer] of cases) {
    const voter = member({ log });
    voter.step(voteReq([2, 1, 3], last));
    assert.deepEqual(voter.sent(), [`1>2 voteResp@3 ${answer}`], `[${log}] asked by ${last}`);
  }
});

test("§5.4.2: a leader commits entries of earlier terms only through one of its own (figure 8)", () => {
  for (const [index, commit] of [
    [1, 0],
    [2, 0],
    [3, 3],
  ] as const) {
    const leader = member({ voters: [1, 2], log: [1, 2] }).lead();
    assert.equal(leader.term, 3);
    leader.propose(4);
    leader.settle();
    leader.step(appResp([2, 1, 3], index));
    assert.equal(leader.commit, commit, `acknowledged up to ${index}`);
  }
});

test("§5.4.2: entries of an old leader are not committed before an entry of the new term", () => {
  const group = Group.of(5, { config: PLAIN });
  group.elect(1);
  for (const other of [3, 4, 5]) group.cut(1, other);
  group.member(1).propose(1, 2);
  group.settle();
  assert.equal(group.member(1).commit, 1);
  group.heal();
  group.ignore(MESSAGE_KIND.APP_REQ);
  const leader = group.elect(2);
  group.tick();
  assert.equal(leader.commit, 1);
  group.heal();
  group.tick();
  assert.equal(leader.commit, 4);
});

test("§8: a new leader begins its term with an empty entry", () => {
  const leader = member({ log: [1, 1] }).lead();
  assert.deepEqual(leader.log, ["1/1", "1/2", "2/3"]);
  assert.equal(leader.entriesFrom(3)[0]?.payload.length, 0);
});
