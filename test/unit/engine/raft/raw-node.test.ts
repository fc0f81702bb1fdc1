import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { encodeConfChange } from "../../../../engine/raft/conf-change-codec.js";
import type { Message } from "../../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import type { RaftConfig } from "../../../../engine/raft/types.js";
import { ENTRY_TYPE, LOCAL_APPEND_THREAD, nodeId, ROLE } from "../../../../engine/raft/types.js";
import { LONE_ID } from "../../../support/raft/lone-voter.js";
import { addLearner, change } from "../../../support/raft/make-change.js";
import { Member, type MemberOptions } from "../../../support/raft/member.js";
import { MemoryLog, makeEntries } from "../../../support/raft/memory-log.js";

const bytes = (value: number, length = 1) => new Uint8Array(length).fill(value);

/** The only voter of its group. */
function lone(config: Partial<RaftConfig> = {}, options: MemberOptions = {}): Member {
  return new Member(LONE_ID, { voters: [LONE_ID], ...options, config });
}

function leader(changes: Partial<RaftConfig> = {}): Member {
  const voter = lone({ preVote: false, ...changes });
  voter.node.campaign();
  voter.settle();
  return voter;
}

test("a lone voter leads only after its vote is durable", () => {
  const voter = lone({ preVote: false });
  voter.node.campaign();
  voter.takeReady();
  assert.equal(voter.node.status().softState.role, ROLE.CANDIDATE);
  assert.deepEqual(voter.appends[0]?.hardState, { term: term(1), vote: LONE_ID, commit: logIndex(0) });
  const append = voter.write();
  assert.equal(voter.node.status().softState.role, ROLE.CANDIDATE);
  voter.deliver(append?.responses ?? []);
  assert.equal(voter.node.status().softState.role, ROLE.LEADER);
});

test("the pre-vote changes neither term nor vote on disk", () => {
  const voter = lone({ preVote: true });
  voter.node.campaign();
  voter.takeReady();
  assert.equal(voter.appends[0]?.hardState, undefined);
  assert.equal(voter.appends[0]?.entries.length, 0);
  voter.settle();
  assert.deepEqual(
    voter.kinds.filter((kind) => kind.startsWith("became")),
    ["becameFollower", "becamePreCandidate", "becameCandidate", "becameLeader"],
  );
  assert.equal(voter.hardState.term, 1);
});

test("a leader starts its term with an empty entry and applies it", () => {
  const voter = leader();
  assert.deepEqual(
    voter.applied.map(({ term, index, payload }) => [term, index, payload.length]),
    [[1, 1, 0]],
  );
});

test("etcd#14370: an entry is committed and applied only after it is durable", () => {
  const voter = leader();
  const result = voter.node.propose([bytes(7), bytes(8)]);
  assert.deepEqual(result, { kind: "accepted", first: 2, last: 3, term: 1 });
  voter.takeReady();
  assert.equal(voter.node.status().hardState.commit, 1);
  assert.equal(voter.applies.length, 0);
  const append = voter.write();
  voter.takeReady();
  assert.equal(voter.applies.length, 0, "written, but the core was not told");
  voter.deliver(append?.responses ?? []);
  voter.takeReady();
  assert.equal(voter.node.status().hardState.commit, 3);
  assert.deepEqual(
    voter.applies[0]?.entries.map((entry) => entry.payload[0]),
    [7, 8],
  );
});

test("appends are pipelined and each is committed by its own answer", () => {
  const voter = leader();
  for (let i = 0; i < 3; i++) {
    voter.node.propose([bytes(i)]);
    voter.takeReady();
  }
  assert.equal(voter.appends.length, 3);
  voter.writeAndAnswer();
  assert.equal(voter.node.status().hardState.commit, 2);
  voter.settle();
  assert.equal(voter.node.status().applied, 4);
  assert.equal(voter.node.status().unstableOffset, 5);
});

test("entries of an earlier term are committed by the new leader's first entry only", () => {
  const disk = new MemoryLog(undefined, makeEntries(1, [1, 1, 2]));
  const voter = lone({ preVote: false }, { log: disk, term: 2, vote: LONE_ID, commit: 1 });
  voter.takeReady();
  assert.equal(voter.applies[0]?.entries.length, 1);
  voter.node.campaign();
  voter.takeReady();
  voter.writeAndAnswer();
  assert.equal(voter.node.status().softState.role, ROLE.LEADER);
  assert.equal(voter.node.status().hardState.commit, 1);
  voter.settle();
  assert.deepEqual(
    voter.applied.map((entry) => `${entry.term}/${entry.index}`),
    ["1/1", "1/2", "2/3", "3/4"],
  );
});

test("proposals without a leader, too large or too many are dropped with their reason", () => {
  const voter = lone({ preVote: false, entryBytesMax: 10, uncommittedBytesMax: 20 });
  const reason = (payloads: readonly Uint8Array[]) => {
    const result = voter.node.propose(payloads);
    return result.kind === "dropped" ? result.reason : "accepted";
  };
  assert.equal(reason([bytes(1)]), "noLeader");
  voter.node.campaign();
  assert.equal(reason([bytes(1)]), "noLeader");
  voter.settle();
  assert.equal(reason([bytes(1, 11)]), "tooLarge");
  assert.equal(reason([bytes(1, 10)]), "accepted");
  assert.equal(reason([bytes(1, 10), bytes(1, 1)]), "backlog");
  assert.equal(reason([bytes(1, 10)]), "accepted");
  assert.equal(reason([bytes(1)]), "backlog");
  assert.equal(reason([bytes(1, 0)]), "accepted", "an empty payload is never refused");
  voter.settle();
  assert.equal(voter.node.status().uncommittedBytes, 0);
  assert.equal(reason([bytes(1)]), "accepted");
});

test("a forwarded proposal that is not taken says so", () => {
  const voter = lone();
  const prop: Message = {
    kind: MESSAGE_KIND.PROP,
    from: LONE_ID,
    to: LONE_ID,
    term: term(0),
    proposals: [{ type: 0, payload: bytes(1) }],
  };
  assert.equal(voter.node.step(prop), "dropped");
  voter.node.campaign();
  voter.settle();
  assert.equal(voter.node.step(prop), "done");
});

test("the network is refused: strangers, and kinds that never travel", () => {
  const voter = leader();
  const before = voter.node.status();
  const stranger = { from: nodeId(2), to: LONE_ID, term: term(9) };
  assert.equal(voter.node.step({ kind: MESSAGE_KIND.HUP, ...stranger }), "localMessage");
  assert.equal(
    voter.node.step({
      kind: MESSAGE_KIND.APP_RESP,
      ...stranger,
      index: logIndex(9),
      rejected: false,
      hint: { term: term(0), index: logIndex(0) },
    }),
    "unknownPeer",
  );
  assert.deepEqual(voter.node.status(), before);
});

test("an answer of the append thread from an earlier term does not shorten the tail", () => {
  const voter = lone({ preVote: false }, { term: 1, vote: LONE_ID });
  voter.node.campaign();
  voter.settle();
  voter.node.propose([bytes(1)]);
  voter.takeReady();
  const answer = (termNumber: number): Message => ({
    kind: MESSAGE_KIND.STORAGE_APPEND_RESP,
    from: LOCAL_APPEND_THREAD,
    to: LONE_ID,
    term: term(termNumber),
    last: { term: term(2), index: logIndex(2) },
    snapshot: undefined,
  });
  voter.node.step(answer(1));
  assert.equal(voter.node.status().unstableOffset, 2);
  voter.write();
  voter.node.step(answer(2));
  assert.equal(voter.node.status().unstableOffset, 3);
});

test("a candidate campaigns again when its timeout passes, in a new term", () => {
  const voter = lone({ preVote: false });
  voter.tick(10);
  assert.equal(voter.node.status().hardState.term, 1);
  voter.takeReady();
  voter.tick(10);
  assert.equal(voter.node.status().hardState.term, 2);
  voter.settle();
  assert.equal(voter.node.status().softState.role, ROLE.LEADER);
  assert.ok(voter.kinds.includes("staleIgnored"), "the vote of the first term came too late");
});

test("a leader that is told to campaign stays what it is", () => {
  const voter = leader();
  voter.node.campaign();
  voter.tick(100);
  assert.equal(voter.node.hasReady(), false);
  assert.equal(voter.node.status().hardState.term, 1);
});

test("nobody campaigns while a committed change of membership is not applied", () => {
  const payload = encodeConfChange(change(addLearner(2)));
  const entries = makeEntries(1, [1]).map((entry) => ({
    ...entry,
    type: ENTRY_TYPE.CONF_CHANGE_V2,
    payload,
  }));
  const voter = lone({}, { log: new MemoryLog(undefined, entries), vote: LONE_ID, commit: 1 });
  voter.node.campaign();
  assert.equal(voter.events.at(-1)?.kind, "campaignRefused");
  voter.settle();
  voter.node.campaign();
  voter.settle();
  assert.equal(voter.node.status().softState.role, ROLE.LEADER);
});

test("the first term lies above the floor, and a vote below it counts no more", () => {
  const voter = lone({ preVote: false, termFloor: term(40) });
  voter.node.campaign();
  voter.settle();
  assert.equal(voter.hardState.term, 41);
  const again = lone({ preVote: false, termFloor: term(40) }, { log: voter.disk, ...voter.hardState });
  again.node.campaign();
  again.settle();
  assert.equal(again.hardState.term, 42);
});

test("without asynchronous writes, Ready and advance do the same work", () => {
  const voter = lone({ preVote: false, asyncStorageWrites: false });
  const { node, disk } = voter;
  const trail: string[] = [];
  const work = () => {
    while (node.hasReady()) {
      const ready = node.ready();
      disk.write(ready.entries);
      assert.equal(ready.messages.length, 0);
      const committed = ready.committedEntries.map((entry) => entry.index).join(",");
      trail.push(`${ready.mustSync ? "sync" : "lazy"} +${ready.entries.length} apply ${committed}`);
      assert.throws(() => node.ready(), /not advanced/);
      node.advance();
      node.checkInvariants();
    }
  };
  node.campaign();
  work();
  node.propose([bytes(1), bytes(2)]);
  work();
  assert.deepEqual(trail, [
    "sync +0 apply ",
    "sync +1 apply ",
    "lazy +0 apply 1",
    "sync +2 apply ",
    "lazy +0 apply 2,3",
  ]);
  assert.throws(() => leader().node.advance(), /take the place of advance/);
});

test("whatever the timing and wherever it crashes, cursors stay in order and what was applied stays", () => {
  const action = fc.constantFrom("propose", "ready", "write", "answer", "apply", "tick", "crash");
  const weighted = fc.oneof(
    { weight: 12, arbitrary: action.filter((name) => name !== "crash") },
    { weight: 1, arbitrary: fc.constant("crash" as const) },
  );
  fc.assert(
    fc.property(fc.array(weighted, { minLength: 20, maxLength: 200 }), (actions) => {
      const config = { committedBytesPerReadyMax: 100, entryBytesMax: 1024, uncommittedBytesMax: 2000 };
      let voter = lone(config);
      let unanswered: Message[] = [];
      /** All that was ever applied, by index. */
      const applied = new Map<number, number>();
      let highestTerm = 0;
      voter.node.campaign();
      for (const name of actions) {
        if (name === "propose") voter.node.propose([bytes(1, 10), bytes(2, 20)]);
        else if (name === "ready") voter.takeReady();
        else if (name === "write") unanswered.push(...(voter.write()?.responses ?? []));
        else if (name === "answer") voter.deliver(unanswered.splice(0));
        else if (name === "apply") voter.apply();
        else if (name === "tick") voter.node.tick();
        else {
          const commit = Math.max(voter.hardState.commit, voter.disk.truncated.index);
          const restored = { ...voter.hardState, commit: logIndex(commit) };
          voter = lone(config, { log: voter.disk, ...restored });
          unanswered = [];
          voter.node.campaign();
        }
        for (const entry of voter.applied.splice(0)) {
          assert.ok(entry.index <= voter.disk.lastIndex, "applied before it was durable");
          const before = applied.get(entry.index);
          assert.ok(before === undefined || before === entry.term, "another entry was applied at the index");
          applied.set(entry.index, entry.term);
        }
        const now = voter.node.status().hardState.term;
        if (voter.node.status().softState.role === ROLE.LEADER) {
          assert.ok(now <= voter.hardState.term, "leads in a term that is not durable");
        }
        highestTerm = Math.max(highestTerm, now);
        voter.node.checkInvariants();
      }
      voter.deliver(unanswered);
      voter.settle();
      for (const entry of voter.applied) applied.set(entry.index, entry.term);
      for (let index = 1; index <= voter.node.status().applied; index++) {
        assert.ok(applied.has(index), `entry ${index} was never applied`);
      }
      assert.ok(voter.hardState.term <= highestTerm + 1);
    }),
  );
});

test("a fresh core has nothing to do", () => {
  const voter = lone();
  assert.equal(voter.node.hasReady(), false);
  assert.deepEqual(voter.node.status().hardState, { term: 0, vote: 0, commit: 0 });
});
