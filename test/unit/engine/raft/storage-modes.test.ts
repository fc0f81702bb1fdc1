/** What must be durable before what is sent, counted or applied, with the storage written by others and by
 * the caller (raft.md §6; thesis §3.8 and §10.2.1). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { ENTRY_OVERHEAD_BYTES, ROLE } from "../../../../engine/raft/types.js";
import { brief, briefId } from "../../../support/raft/brief.js";
import { Group } from "../../../support/raft/group.js";
import {
  appReject,
  appReq,
  appResp,
  entryId,
  heartbeat,
  makeSnapshot,
  preVoteReq,
  snap,
  voteReq,
  voteResp,
} from "../../../support/raft/make-message.js";
import { follow, Member, type MemberOptions, PLAIN } from "../../../support/raft/member.js";
import { MemoryLog, makeEntries } from "../../../support/raft/memory-log.js";

const SYNC = { asyncStorageWrites: false } as const;

/** Leader of three whose first entry is committed. */
function leading(options: MemberOptions = {}): Member {
  const leader = new Member(1, options).lead();
  leader.step(appResp([2, 1, leader.term], leader.lastIndex));
  leader.sent();
  return leader;
}

test("votes and acknowledgements, given or refused, leave when all before them is durable", () => {
  const cases: [string, Parameters<Member["step"]>[0]][] = [
    ["1>2 voteResp@3 grants", voteReq([2, 1, 3], [2, 9])],
    ["1>2 voteResp@3 rejects", voteReq([2, 1, 3], [1, 1])],
    ["1>2 preVoteResp@3 grants", preVoteReq([2, 1, 3], [2, 9])],
    ["1>2 preVoteResp@2 rejects", preVoteReq([2, 1, 3], [1, 1])],
    ["1>2 appResp@2 has 3", appReq([2, 1, 2], { previous: [2, 2], entries: makeEntries(3, [2]) })],
    ["1>2 appResp@2 rejects 7, hint 2/2", appReq([2, 1, 2], { previous: [2, 7] })],
    ["1>2 appResp@2 has 5", snap([2, 1, 2], makeSnapshot([2, 5], { voters: [1, 2, 3] }))],
  ];
  for (const [answer, message] of cases) {
    const it = new Member(1, { log: [1, 2] });
    it.step(message);
    it.takeReady();
    assert.deepEqual(it.outbox.map(brief), [], answer);
    const append = it.write();
    assert.deepEqual(it.outbox.map(brief), [], answer);
    it.deliver(append?.responses ?? []);
    assert.deepEqual(it.outbox.map(brief), [answer]);
  }
});

test("heartbeats, their answers, requests for votes and reads wait for nothing", () => {
  const follower = follow(new Member(1), 2, 1);
  follower.step(heartbeat([2, 1, 1]));
  follower.readIndex(3);
  follower.takeReady();
  assert.deepEqual(follower.outbox.map(brief), ["1>2 heartbeatResp@1", "1>2 readIndex@0 context 3"]);
  const candidate = new Member(1);
  candidate.node.campaign();
  candidate.takeReady();
  assert.deepEqual(candidate.outbox.map(brief), ["1>2 preVoteReq@1 last 0/0", "1>3 preVoteReq@1 last 0/0"]);
});

test("a leader sends entries while it writes them, and commits what a majority without it has", () => {
  const leader = leading();
  leader.propose(1);
  leader.takeReady();
  assert.deepEqual(leader.outbox.splice(0).map(brief), ["1>2 appReq@1 after 1/1: 1/2, commit 1"]);
  leader.step(appResp([2, 1, 1], 2));
  assert.equal(leader.commit, 1, "its own disk does not count yet");
  leader.step(appResp([3, 1, 1], 2));
  assert.equal(leader.commit, 2);
  leader.takeReady();
  assert.equal(leader.applies.length, 0, "applied only when it is durable here");
  leader.writeAndAnswer();
  leader.takeReady();
  assert.deepEqual(leader.applies[0]?.entries.map(briefId), ["1/2"]);
});

test("a new leader has its old log and not yet its first entry", () => {
  const candidate = new Member(1, { log: [1, 1], config: PLAIN });
  candidate.node.campaign();
  candidate.settle();
  candidate.step(voteResp([2, 1, 2]));
  candidate.takeReady();
  assert.equal(candidate.progress(1).match, 2);
  candidate.settle();
  assert.equal(candidate.progress(1).match, 3);
});

test("a candidate counts its own vote when it is durable", () => {
  const candidate = new Member(1, { config: PLAIN });
  candidate.node.campaign();
  candidate.takeReady();
  candidate.step(voteResp([2, 1, 1]));
  assert.equal(candidate.role, ROLE.CANDIDATE);
  candidate.settle();
  assert.equal(candidate.role, ROLE.LEADER);
});

test("appends that are under way are acknowledged one by one, each for all before it", () => {
  const follower = follow(new Member(1), 2, 1);
  for (let index = 1; index <= 3; index++) {
    const entries = makeEntries(index, [1]);
    follower.step(appReq([2, 1, 1], { previous: [index === 1 ? 0 : 1, index - 1], entries }));
    follower.takeReady();
  }
  for (let index = 1; index <= 3; index++) {
    assert.equal(follower.node.status().unstableOffset, index);
    follower.writeAndAnswer();
    assert.deepEqual(follower.outbox.splice(0).map(brief), [`1>2 appResp@1 has ${index}`]);
  }
  // An answer speaks for the end of the log when its append was handed out.
  assert.equal(follower.node.status().unstableOffset, 4);
});

test("append ABA: an entry that was replaced and came back is durable with its last write only", () => {
  // Leader 2 of term 1 appends, 3 of term 2 replaces that, and 2 again, in term 3, replaces it back.
  const follower = new Member(1);
  follower.step(appReq([2, 1, 1], { entries: makeEntries(1, [1, 1]) }));
  follower.takeReady();
  follower.step(appReq([3, 1, 2], { entries: makeEntries(1, [2, 2]) }));
  follower.takeReady();
  follower.step(appReq([2, 1, 3], { entries: makeEntries(1, [1, 1]), commit: 2 }));
  follower.takeReady();
  assert.equal(follower.appends.length, 3);
  follower.writeAndAnswer();
  assert.equal(follower.node.status().unstableOffset, 1, "the first write speaks for term 1");
  follower.writeAndAnswer();
  assert.equal(follower.node.status().unstableOffset, 1, "the disk now holds the entries of term 2");
  follower.takeReady();
  assert.equal(follower.applies.length, 0);
  assert.deepEqual(follower.log, ["2/1", "2/2"]);
  follower.writeAndAnswer();
  assert.equal(follower.node.status().unstableOffset, 3);
  assert.deepEqual(follower.settle().appliedIds, ["1/1", "1/2"]);
});

test("the first write after a change of term speaks for the tail anew, so that memory is freed", () => {
  const follower = follow(new Member(1), 2, 1);
  follower.step(appReq([2, 1, 1], { entries: makeEntries(1, [1, 1]) }));
  follower.takeReady();
  follower.step(heartbeat([3, 1, 2]));
  follower.takeReady();
  follower.writeAndAnswer();
  assert.equal(follower.node.status().unstableOffset, 1);
  assert.equal(follower.appends[0]?.entries.length, 0);
  follower.writeAndAnswer();
  assert.equal(follower.node.status().unstableOffset, 3);
});

test("an acknowledgement waits for the write of its own term, not for one before it", () => {
  const follower = follow(new Member(1), 2, 1);
  follower.step(appReq([2, 1, 1], { entries: makeEntries(1, [1]) }));
  follower.step(voteReq([3, 1, 2], [1, 1], true));
  follower.takeReady();
  const responses = follower.appends.flatMap((append) => append.responses.map((response) => response.kind));
  assert.equal(follower.appends.length, 1);
  assert.deepEqual(responses, [
    MESSAGE_KIND.APP_RESP,
    MESSAGE_KIND.VOTE_RESP,
    MESSAGE_KIND.STORAGE_APPEND_RESP,
  ]);
  assert.deepEqual(follower.appends[0]?.hardState, { term: 2, vote: 3, commit: 0 });
});

test("without asynchronous writes Ready says what must be synced, and sends only after that", () => {
  const follower = follow(new Member(1, { config: SYNC }), 2, 1);
  follower.step(appReq([2, 1, 1], { entries: makeEntries(1, [1, 1]), commit: 1 }));
  const first = follower.takeOneReady();
  assert.ok(first.mustSync);
  assert.deepEqual(first.entries.map(briefId), ["1/1", "1/2"]);
  assert.deepEqual(first.messages.map(brief), ["1>2 appResp@1 has 2"]);
  assert.deepEqual(
    first.committedEntries.map(briefId),
    ["1/1"],
    "committed elsewhere, written before it is applied",
  );
  follower.step(heartbeat([2, 1, 1], 2));
  const second = follower.takeOneReady();
  assert.deepEqual([second.mustSync, second.hardState?.commit], [false, 2], "a commit index needs no sync");
  assert.deepEqual(second.committedEntries.map(briefId), ["1/2"]);
  follower.step(voteReq([3, 1, 2], [1, 2], true));
  assert.ok(follower.takeOneReady().mustSync, "a vote does");
  assert.equal(follower.node.hasReady(), false);
});

test("without asynchronous writes a leader counts its own entries at advance", () => {
  const leader = new Member(1, { voters: [1], config: SYNC }).lead();
  leader.propose(1);
  const ready = leader.node.ready();
  assert.equal(leader.commit, 1);
  assert.equal(ready.committedEntries.length, 0);
  leader.disk.write(ready.entries);
  leader.node.advance();
  assert.equal(leader.commit, 2);
});

for (const [name, config] of [
  ["with asynchronous writes", { asyncStorageWrites: true }],
  ["without asynchronous writes", SYNC],
] as const) {
  test(`a group elects, commits, loses its leader and agrees again, ${name}`, () => {
    const group = Group.of(3, { config });
    group.member(3).jitterTicks = 5;
    const leader = group.elect(1);
    for (let i = 0; i < 5; i++) leader.propose(i, i);
    group.settle();
    group.isolate(1);
    leader.propose(100);
    group.tick(12, [2, 3]);
    const [next] = group.leaders.filter((id) => id !== 1);
    group.member(next as number).propose(7, 8, 9);
    group.settle().heal().tick(2);
    const [applied] = group.members.map((member) => member.appliedIds);
    assert.equal(applied?.at(-1), "2/15");
    for (const member of group.members) {
      assert.deepEqual(member.appliedIds, applied);
      assert.deepEqual(member.log, leader.log);
    }
  });

  test(`entries to apply come in portions of limited bytes, ${name}`, () => {
    const committedBytesPerReadyMax = 2 * (100 + ENTRY_OVERHEAD_BYTES);
    const log = new MemoryLog(undefined, makeEntries(1, [1, 1, 1, 1, 1], 100));
    const it = new Member(1, { log, commit: 5, config: { ...config, committedBytesPerReadyMax } });
    if (config.asyncStorageWrites) {
      it.takeReady();
      assert.deepEqual(it.applies[0]?.entries.map(briefId), ["1/1", "1/2"]);
      assert.equal(it.applies.length, 1, "the next portion waits for the first");
      it.apply();
      it.takeReady();
      assert.deepEqual(it.applies[0]?.entries.map(briefId), ["1/3", "1/4"]);
    } else {
      assert.deepEqual(it.takeOneReady().committedEntries.map(briefId), ["1/1", "1/2"]);
      assert.deepEqual(it.takeOneReady().committedEntries.map(briefId), ["1/3", "1/4"]);
    }
    assert.deepEqual(it.settle().appliedIds, ["1/1", "1/2", "1/3", "1/4", "1/5"]);
  });

  test(`a restarted member applies what is committed and writes nothing again, ${name}`, () => {
    const it = new Member(1, { log: [1, 1, 2], term: 3, vote: 2, commit: 3, applied: 1, config });
    const ready = it.takeOneReady();
    assert.deepEqual([ready.hardState, ready.softState, ready.mustSync], [undefined, undefined, false]);
    assert.equal(ready.entries.length, 0);
    assert.deepEqual(it.settle().appliedIds, ["1/2", "2/3"]);
    assert.deepEqual([it.term, it.vote, it.role], [3, 2, ROLE.FOLLOWER]);
    it.step(voteReq([3, 1, 3], [3, 9]));
    assert.deepEqual(it.sent(), ["1>3 voteResp@3 rejects"], "it remembers whom it voted for");
  });

  test(`a member restarted from a snapshot has no entry before it, ${name}`, () => {
    const log = new MemoryLog(entryId([3, 8]), makeEntries(9, [3, 3]));
    const it = new Member(1, { log, commit: 9, config });
    assert.deepEqual(it.settle().appliedIds, ["3/9"]);
    it.lead();
    assert.deepEqual(it.log, ["3/9", "3/10", "4/11"]);
  });
}

test("a hard state is handed out once", () => {
  const it = follow(new Member(1), 2, 4);
  assert.deepEqual(it.hardState, { term: 4, vote: 0, commit: 0 });
  it.step(heartbeat([2, 1, 4]));
  it.takeReady();
  assert.deepEqual(it.appends, []);
});

test("tikv#11320: entries that must be fetched first hold up nobody else, and go out later", () => {
  const leader = new Member(1, { log: [1, 1, 1, 1], commit: 4, applied: 4 }).lead();
  leader.step(appResp([3, 1, 2], 5));
  leader.sent();
  leader.pendingThrough = 4;
  leader.step(appReject([2, 1, 2], 4, [0, 0]));
  assert.deepEqual(leader.sent(), []);
  leader.propose(1);
  assert.deepEqual(leader.sent(), ["1>3 appReq@2 after 2/5: 2/6, commit 5"]);
  leader.pendingThrough = 0;
  leader.node.onEntriesFetched();
  assert.deepEqual(leader.sent(), ["1>2 appReq@2 after 0/0: 1/1 1/2 1/3 1/4 2/5 2/6, commit 5"]);
});
