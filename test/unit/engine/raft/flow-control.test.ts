/** What a leader sends to whom and when: probing, pipelining, windows, limits (raft.md §7). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import { ENTRY_OVERHEAD_BYTES } from "../../../../engine/raft/types.js";
import { Group } from "../../../support/raft/group.js";
import {
  appReject,
  appReq,
  appResp,
  heartbeat,
  heartbeatResp,
  type Id,
} from "../../../support/raft/make-message.js";
import { follow, Member, type MemberOptions, PLAIN } from "../../../support/raft/member.js";
import { makeEntries } from "../../../support/raft/memory-log.js";

const WINDOW = 8;

/** Leader of 1 and 2 in term 1 (or after `log`), of which 2 is being probed. */
function probing(options: MemberOptions = {}): Member {
  const config = { inflightLimits: { countMax: WINDOW, bytesMax: 1 << 26 }, ...options.config };
  return new Member(1, { voters: [1, 2], ...options, config }).lead();
}

/** The same when 2 has acknowledged everything. */
function replicating(options: MemberOptions = {}): Member {
  const leader = probing(options);
  leader.step(appResp([2, 1, leader.term], leader.lastIndex));
  leader.sent();
  assert.match(leader.progressOf(2), /^replicate/);
  return leader;
}

function fillWindow(leader: Member): void {
  for (let i = 0; i < WINDOW; i++) {
    leader.propose(1);
    assert.equal(leader.sent().length, 1);
  }
}

test("a member is probed with one append, and nothing more goes out until it answers", () => {
  const leader = probing();
  assert.equal(leader.progressOf(2), "probe 0/1 paused");
  for (let i = 0; i < 3; i++) {
    leader.propose(1);
    assert.deepEqual(leader.sent(), []);
  }
  leader.tick(3);
  const beat = "1>2 heartbeat@1 commit 0";
  assert.deepEqual(leader.sent(), [beat, beat, beat]);
  leader.step(heartbeatResp([2, 1, 1]));
  assert.deepEqual(leader.sent(), ["1>2 appReq@1 after 0/0: 1/1 1/2 1/3 1/4, commit 0"]);
  assert.equal(leader.progressOf(2), "probe 0/1 paused");
});

test("the answer to a probe starts the pipeline, which runs ahead of what is acknowledged", () => {
  const leader = probing();
  leader.step(appResp([2, 1, 1], 1));
  assert.deepEqual(leader.sent(), ["1>2 appReq@1 after 1/1:, commit 1"]);
  assert.equal(leader.progressOf(2), "replicate 1/2");
  for (let index = 2; index < 6; index++) {
    leader.propose(1);
    assert.deepEqual(leader.sent(), [`1>2 appReq@1 after 1/${index - 1}: 1/${index}, commit 1`]);
  }
  assert.equal(leader.progressOf(2), "replicate 1/6 inflight 4");
});

test("an answer to the probe that says nothing new still ends the probing", () => {
  const leader = replicating();
  leader.node.reportUnreachable(leader.progress(2).id);
  leader.step(heartbeatResp([2, 1, 1]));
  assert.deepEqual(leader.sent(), ["1>2 appReq@1 after 1/1:, commit 1"], "asked, though it has everything");
  assert.match(leader.progressOf(2), /^probe/);
  leader.step(appResp([2, 1, 1], 1));
  assert.match(leader.progressOf(2), /^replicate/);
});

test("each member is paused and resumed on its own", () => {
  const leader = new Member(1).lead();
  leader.step(appResp([2, 1, 1], 1));
  leader.sent();
  leader.propose(1);
  assert.deepEqual(leader.sent(), ["1>2 appReq@1 after 1/1: 1/2, commit 1"]);
  leader.step(appResp([3, 1, 1], 1));
  assert.deepEqual(leader.sent(), ["1>3 appReq@1 after 1/1: 1/2, commit 1"]);
});

test("appends fill the window, and no more are sent when it is full", () => {
  const leader = replicating();
  fillWindow(leader);
  assert.ok(leader.progress(2).isInflightFull && leader.progress(2).isPaused);
  for (let i = 0; i < 10; i++) {
    leader.propose(1);
    assert.deepEqual(leader.sent(), []);
  }
});

test("an answer frees all appends up to its index, and an older one frees nothing", () => {
  const leader = replicating();
  fillWindow(leader);
  for (let index = 2; index < 2 + WINDOW; index++) {
    leader.step(appResp([2, 1, 1], index));
    leader.sent();
    leader.propose(1);
    assert.equal(leader.sent().length, 1);
    assert.ok(leader.progress(2).isPaused, `after ${index}`);
    for (let old = 1; old < index; old++) leader.step(appResp([2, 1, 1], old));
    assert.ok(leader.progress(2).isPaused, `after old answers at ${index}`);
    assert.deepEqual(leader.sent(), []);
  }
  leader.step(appResp([2, 1, 1], leader.lastIndex));
  assert.equal(leader.progress(2).inflightCount, 0);
});

test("with a full window an answered heartbeat lets one empty append through, to notice loss", () => {
  const leader = replicating();
  fillWindow(leader);
  const next = leader.progress(2).next;
  for (let round = 0; round < 3; round++) {
    leader.step(heartbeatResp([2, 1, 1]));
    assert.deepEqual(leader.sent(), [`1>2 appReq@1 after 1/${next - 1}:, commit 1`]);
    assert.ok(leader.progress(2).isPaused);
    leader.propose(1);
    assert.deepEqual(leader.sent(), []);
  }
  // All of the window was lost: the empty append is refused, and the follower gets everything.
  leader.step(appReject([2, 1, 1], next - 1, [1, 1]));
  assert.equal(leader.progress(2).inflightCount, 0);
  assert.match(leader.sent().join(), /after 1\/1: 1\/2 /);
});

test("bytes under way are limited too, though the one that crosses the limit still goes", () => {
  const config = { inflightLimits: { countMax: 100, bytesMax: 1000 } };
  const leader = replicating({ config });
  const sent: number[] = [];
  for (let i = 0; i < 5; i++) {
    leader.propose(400);
    sent.push(leader.sent().length);
  }
  assert.deepEqual(sent, [1, 1, 1, 0, 0]);
  leader.step(appResp([2, 1, 1], 3));
  assert.deepEqual(leader.sent(), ["1>2 appReq@1 after 1/4: 1/5 1/6, commit 3"]);
});

test("entries go out in messages of limited bytes, as many as the window has room for", () => {
  const config = {
    appendBytesMax: 2 * (1000 + ENTRY_OVERHEAD_BYTES),
    inflightLimits: { countMax: 3, bytesMax: 1 << 20 },
  };
  const leader = probing({ config });
  for (let i = 0; i < 9; i++) leader.propose(1000);
  leader.propose(5000);
  leader.propose(1000);
  assert.deepEqual(leader.sent(), []);
  const counts = (acknowledged: number) => {
    leader.step(appResp([2, 1, 1], acknowledged));
    leader.settle();
    const appends = leader.outbox.splice(0).filter((message) => message.kind === MESSAGE_KIND.APP_REQ);
    return appends.map((append) => append.entries.length).filter((count) => count > 0);
  };
  assert.deepEqual(counts(1), [2, 2, 2]);
  assert.deepEqual(counts(7), [2, 1, 1], "one that is larger than the limit goes alone");
  assert.deepEqual(counts(11), [1]);
});

test("a member that cannot be reached is probed, from what it has acknowledged", () => {
  const leader = replicating();
  for (let i = 0; i < 3; i++) leader.propose(1);
  leader.sent();
  assert.equal(leader.progressOf(2), "replicate 1/5 inflight 3");
  leader.node.reportUnreachable(leader.progress(2).id);
  assert.equal(leader.progressOf(2), "probe 1/2");
  leader.node.reportUnreachable(leader.progress(2).id);
  assert.equal(leader.progressOf(2), "probe 1/2");
});

test("an answered heartbeat makes the leader send again what is missing, and nothing when nothing is", () => {
  const leader = probing({ log: [1, 2, 3] });
  for (let i = 0; i < 2; i++) {
    leader.step(heartbeatResp([2, 1, 4]));
    assert.deepEqual(leader.sent(), ["1>2 appReq@4 after 3/3: 4/4, commit 0"]);
  }
  leader.step(appResp([2, 1, 4], 4));
  assert.deepEqual(leader.sent(), ["1>2 appReq@4 after 4/4:, commit 4"]);
  leader.step(heartbeatResp([2, 1, 4]));
  assert.deepEqual(leader.sent(), []);
});

test("RATIS-2605: an answered heartbeat says nothing about the log and never moves match", () => {
  const leader = probing({ log: [1, 1, 1] });
  for (let round = 0; round < 5; round++) {
    leader.tick();
    leader.step(heartbeatResp([2, 1, 2], 7));
    leader.sent();
    assert.equal(leader.progress(2).match, 0);
    assert.equal(leader.commit, 0);
  }
  const heard = replicating();
  heard.propose(1);
  heard.sent();
  heard.step(heartbeatResp([2, 1, 1]));
  assert.deepEqual([heard.progress(2).match, heard.commit], [1, 1]);
});

test("a heartbeat never tells a member to commit what it may not have", () => {
  const leader = replicating({ voters: [1, 2, 3] });
  leader.tick();
  assert.deepEqual(leader.sent(), ["1>2 heartbeat@1 commit 1", "1>3 heartbeat@1 commit 0"]);
});

test("a follower commits what a heartbeat says and never goes back", () => {
  const follower = follow(new Member(1, { log: [1, 2, 3], commit: 2 }), 2, 3);
  follower.step(heartbeat([2, 1, 3], 3));
  assert.equal(follower.commit, 3);
  follower.step(heartbeat([2, 1, 3], 1));
  assert.equal(follower.commit, 3);
  assert.deepEqual(follower.sent(), ["1>2 heartbeatResp@3", "1>2 heartbeatResp@3"]);
});

test("an append commits no further than the entries it vouches for", () => {
  const cases: [Id, number[], number, number][] = [
    [[1, 1], [], 1, 1],
    [[1, 1], [], 3, 1],
    [[1, 1], [2], 4, 2],
    [[0, 0], [2], 1, 1],
    [[2, 2], [2, 2], 3, 3],
    [[2, 2], [2], 4, 3],
    [[2, 2], [], 4, 2],
  ];
  for (const [previous, terms, commit, expected] of cases) {
    const follower = follow(new Member(1, { log: [1, 2] }), 2, 2);
    const entries = makeEntries(previous[1] + 1, terms);
    follower.step(appReq([2, 1, 2], { previous, entries, commit }));
    assert.equal(follower.commit, expected, `after ${previous}, ${terms.length} entries, commit ${commit}`);
  }
});

test("an append that ends before the commit index is answered with it, so that the leader catches up", () => {
  const follower = follow(new Member(1, { log: [1, 1, 1, 1], commit: 3 }), 2, 2);
  follower.step(appReq([2, 1, 2], { previous: [1, 1], entries: makeEntries(2, [1]) }));
  assert.deepEqual(follower.sent(), ["1>2 appResp@2 has 3"]);
  assert.equal(follower.lastIndex, 4);
});

test("appends that overtake or repeat each other never shorten a log", () => {
  const follower = follow(new Member(1), 2, 1);
  const first = appReq([2, 1, 1], { entries: makeEntries(1, [1, 1]) });
  const second = appReq([2, 1, 1], { previous: [1, 2], entries: makeEntries(3, [1, 1]) });
  follower.step(second);
  assert.deepEqual(follower.sent(), ["1>2 appResp@1 rejects 2, hint 0/0"]);
  follower.step(first);
  follower.step(second);
  follower.step(first);
  assert.deepEqual(follower.sent(), ["1>2 appResp@1 has 2", "1>2 appResp@1 has 4", "1>2 appResp@1 has 2"]);
  assert.deepEqual(follower.log, ["1/1", "1/2", "1/3", "1/4"]);
});

test("a rejection that an acknowledgement has overtaken never goes back behind match", () => {
  const leader = replicating();
  leader.propose(1);
  leader.propose(1);
  leader.sent();
  leader.step(appResp([2, 1, 1], 2));
  leader.sent();
  leader.step(appReject([2, 1, 1], 2, [0, 0]));
  assert.deepEqual(leader.sent(), []);
  assert.equal(leader.progressOf(2), "replicate 2/4 inflight 1");
  // Later 2 is being probed at 2, and the old rejection is taken for the probe's answer: no harm.
  leader.node.reportUnreachable(leader.progress(2).id);
  leader.step(appReject([2, 1, 1], 2, [0, 0]));
  assert.deepEqual(leader.sent(), ["1>2 appReq@1 after 1/2: 1/3, commit 2"]);
  assert.equal(leader.progress(2).match, 2);
});

test("a rejection of an append that was not the probe's is stale", () => {
  const leader = probing({ log: [1, 1, 1] });
  const before = leader.progressOf(2);
  leader.step(appReject([2, 1, 2], 1, [1, 1]));
  assert.deepEqual(leader.sent(), []);
  assert.equal(leader.progressOf(2), before);
});

test("a leader that is told of divergence probes at most once per term", () => {
  const cases: { leader: number[]; follower: number[]; hint: Id; next: Id }[] = [
    {
      leader: [1, 2, 2, 4, 4, 4, 4],
      follower: [1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3],
      hint: [3, 7],
      next: [2, 3],
    },
    {
      leader: [1, 2, 2, 3, 4, 4, 4, 5],
      follower: [1, 2, 2, 3, 3, 3, 3, 3, 3, 3],
      hint: [3, 8],
      next: [3, 4],
    },
    { leader: [1, 1, 1, 1], follower: [1, 2, 2, 4], hint: [1, 1], next: [1, 1] },
    { leader: [1, 1, 1, 1, 1, 1], follower: [1, 2, 2, 4], hint: [1, 1], next: [1, 1] },
    { leader: [1, 1, 1, 1], follower: [1, 2, 2, 4, 4, 4], hint: [1, 1], next: [1, 1] },
    { leader: [1, 1, 1, 4, 5], follower: [1, 1, 1, 4], hint: [4, 4], next: [4, 4] },
    { leader: [2, 5, 5, 5, 5, 5, 5, 5, 5], follower: [2, 4, 4, 4, 4, 4], hint: [4, 6], next: [2, 1] },
    { leader: [2, 2, 2, 2, 2], follower: [2, 4, 4, 4, 4, 4, 4, 4], hint: [2, 1], next: [2, 1] },
  ];
  for (const { leader: log, follower: other, hint, next } of cases) {
    const leader = new Member(1, { log, term: 8, config: PLAIN }).lead();
    const follower = follow(new Member(2, { log: other, config: PLAIN }), 1, 9);
    const last = log.length;
    const previous: Id = [log[last - 1] as number, last];
    follower.step(appReq([1, 2, 9], { previous, entries: makeEntries(last + 1, [9]) }));
    const rejection = follower.settle().outbox.splice(0)[0];
    assert.ok(rejection?.kind === MESSAGE_KIND.APP_RESP && rejection.rejected);
    assert.deepEqual([rejection.hint.term, rejection.hint.index], hint);
    leader.step(rejection);
    const probe = leader.settle().outbox.splice(0)[0];
    assert.ok(probe?.kind === MESSAGE_KIND.APP_REQ);
    assert.deepEqual([probe.previous.term, probe.previous.index], next);
  }
});

test("a proposal beyond the bytes of uncommitted entries is dropped; an empty one never is", () => {
  const config = { uncommittedBytesMax: 1000, entryBytesMax: 1000, ...PLAIN };
  const leader = new Member(1, { config }).lead();
  const propose = (...sizes: number[]) => {
    const result = leader.node.propose(sizes.map((size) => new Uint8Array(size)));
    return result.kind === "dropped" ? result.reason : result.kind;
  };
  for (let i = 0; i < 10; i++) assert.equal(propose(100), "accepted");
  assert.equal(propose(1), "backlog");
  assert.equal(propose(0), "accepted");
  assert.equal(leader.node.status().uncommittedBytes, 1000);
  leader.settle();
  leader.step(appResp([2, 1, 1], 4));
  leader.settle();
  assert.equal(leader.node.status().uncommittedBytes, 700, "three of them are applied");
  leader.step(appResp([2, 1, 1], leader.lastIndex));
  leader.settle();
  assert.equal(leader.node.status().uncommittedBytes, 0);
  assert.equal(propose(900, 900), "accepted", "whatever fits into one entry, when nothing waits");
  assert.equal(propose(1), "backlog");
  assert.equal(propose(0), "accepted");
  leader.step(heartbeat([2, 1, 2]));
  assert.equal(leader.node.status().uncommittedBytes, 0, "only a leader counts");
});

test("a leader without followers takes proposals up to the limit, and commits them later", () => {
  const config = { uncommittedBytesMax: 1000, entryBytesMax: 1000, ...PLAIN };
  const group = Group.of(3, { config });
  const leader = group.elect(1);
  group.isolate(1);
  let taken = 0;
  for (let i = 0; i < 100; i++) {
    if (leader.node.propose([new Uint8Array(100)]).kind === "accepted") taken++;
  }
  assert.equal(taken, 10);
  group.settle().heal().tick(2);
  assert.equal(leader.commit, 11);
  assert.equal(leader.node.status().uncommittedBytes, 0);
});
