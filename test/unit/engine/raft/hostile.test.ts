/** Whatever a peer says and whenever, nothing breaks: it is refused, ignored, or does no harm that its vote
 * or its acknowledgement could not do anyway (raft.md §4, §5, §17). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { encodeConfChange } from "../../../../engine/raft/conf-change-codec.js";
import type { Message } from "../../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import type { ConfChange, EntryType } from "../../../../engine/raft/types.js";
import { ENTRY_TYPE, LOCAL_APPEND_THREAD, nodeId } from "../../../../engine/raft/types.js";
import type { Violation } from "../../../../engine/raft/violation.js";
import { brief } from "../../../support/raft/brief.js";
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
  appReject,
  appReq,
  appResp,
  heartbeat,
  heartbeatResp,
  type Id,
  makeSnapshot,
  preVoteResp,
  prop,
  readIndexReq,
  snap,
  timeoutNow,
  transferLeader,
  voteReq,
  voteResp,
  type Way,
} from "../../../support/raft/make-message.js";
import { follow, Member } from "../../../support/raft/member.js";
import { makeEntries, makeEntry } from "../../../support/raft/memory-log.js";

const KIND = MESSAGE_KIND;
const flag = fc.boolean();

/** A number near one of the member's own, so that messages meet its state, and sometimes a hopeless one. */
const near = fc.tuple(
  fc.constantFrom("nothing", "commit", "last", "last", "huge" as const),
  fc.integer({ min: -2, max: 2 }),
);
type Near = readonly ["nothing" | "commit" | "last" | "huge", number];
/** Added to the member's term. */
const termSkew = fc.constantFrom(-1, 0, 0, 0, 0, 0, 1, 1, 3, Number.NEGATIVE_INFINITY, 2 ** 60);
/** `isTrue`: with the term that stands at the index, where there is one. */
const nearId = fc.record({ near, isTrue: flag, skew: termSkew });
type NearId = { readonly near: Near; readonly isTrue: boolean; readonly skew: number };

const sender = fc.constantFrom(2, 2, 3, 4, 9);
const envelope = { from: sender, skew: termSkew };
const members = fc.record({
  voters: fc.subarray([1, 2, 3, 4]),
  votersOutgoing: fc.oneof(fc.constant([]), fc.subarray([1, 2, 3, 4])),
  learners: fc.subarray([1, 4, 5]),
  learnersNext: fc.oneof(fc.constant([]), fc.subarray([1, 4, 5])),
});
const said = fc.oneof(
  fc.record({
    kind: fc.constant(KIND.APP_REQ),
    ...envelope,
    previous: nearId,
    /** How much later each term is than the one before, and where an index is left out. */
    entries: fc.array(fc.tuple(fc.constantFrom(0, 0, 0, 0, 1, -1), fc.constantFrom(0, 0, 0, 0, 0, 1)), {
      maxLength: 4,
    }),
    commit: near,
  }),
  fc.record({ kind: fc.constant(KIND.APP_RESP), ...envelope, index: near, rejected: flag, hint: nearId }),
  fc.record({
    kind: fc.constantFrom(KIND.VOTE_REQ, KIND.PRE_VOTE_REQ),
    ...envelope,
    last: nearId,
    transfer: flag,
  }),
  fc.record({ kind: fc.constantFrom(KIND.VOTE_RESP, KIND.PRE_VOTE_RESP), ...envelope, rejected: flag }),
  fc.record({ kind: fc.constant(KIND.HEARTBEAT), ...envelope, commit: near, readRound: fc.nat(3) }),
  fc.record({ kind: fc.constant(KIND.HEARTBEAT_RESP), ...envelope, readRound: fc.nat(3) }),
  fc.record({ kind: fc.constant(KIND.SNAP), ...envelope, id: nearId, members }),
  fc.record({ kind: fc.constant(KIND.TIMEOUT_NOW), ...envelope }),
  fc.record({ kind: fc.constant(KIND.READ_INDEX), from: sender, context: fc.nat(3) }),
  fc.record({ kind: fc.constant(KIND.READ_INDEX_RESP), ...envelope, index: near }),
  fc.record({ kind: fc.constant(KIND.TRANSFER_LEADER), ...envelope, target: fc.nat(5) }),
  fc.record({ kind: fc.constant(KIND.PROP), from: sender, count: fc.nat(2), change: fc.option(fc.nat(8)) }),
);
type Said = typeof said extends fc.Arbitrary<infer T> ? T : never;

const done = fc.oneof(
  fc.record({
    act: fc.constantFrom(
      ...([
        "ready",
        "write",
        "apply",
        "settle",
        "campaign",
        "win",
        "win",
        "propose",
        "forget",
        "read",
      ] as const),
      "compact" as const,
    ),
  }),
  fc.record({ act: fc.constant("tick" as const), count: fc.nat(25) }),
  fc.record({ act: fc.constantFrom("unreachable", "transfer", "arrived", "lost"), peer: fc.nat(5) }),
  fc.record({ act: fc.constant("change" as const), change: fc.nat(8) }),
);
type Done = typeof done extends fc.Arbitrary<infer T> ? T : never;

const CHANGES = [
  change(addLearner(4)),
  change(addVoter(4)),
  change(remove(1)),
  change(remove(2)),
  change(remove(4)),
  implicitJoint(addVoter(4), remove(2)),
  implicitJoint(remove(3), addLearner(3)),
  explicitJoint(remove(1), remove(2), remove(3)),
  LEAVE_JOINT,
];

function numberNear(member: Member, [base, offset]: Near): number {
  const { hardState, lastIndex } = member.node.status();
  const start = { nothing: 0, commit: hardState.commit, last: lastIndex, huge: Number.MAX_SAFE_INTEGER }[
    base
  ];
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, start + offset));
}

function termNear(member: Member, skew: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, member.term + skew));
}

function idNear(member: Member, { near: index, isTrue, skew }: NearId): Id {
  const at = numberNear(member, index);
  const { truncated, lastIndex } = member.disk;
  const isKnown = at >= truncated.index && at <= lastIndex;
  return [isTrue && isKnown ? member.disk.term(logIndex(at)) : termNear(member, skew), at];
}

function messageOf(member: Member, it: Said): Message {
  const way: Way = [it.from, 1, "skew" in it ? termNear(member, it.skew) : 0];
  switch (it.kind) {
    case KIND.APP_REQ: {
      const previous = idNear(member, it.previous);
      let [termNumber, index] = previous;
      const entries = it.entries.map(([later, gap]) => {
        termNumber = Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, termNumber + later));
        index = Math.min(Number.MAX_SAFE_INTEGER, index + 1 + gap);
        return makeEntry(termNumber, index, 1);
      });
      return appReq(way, { previous, entries, commit: numberNear(member, it.commit) });
    }
    case KIND.APP_RESP: {
      const index = numberNear(member, it.index);
      return it.rejected ? appReject(way, index, idNear(member, it.hint)) : appResp(way, index);
    }
    case KIND.VOTE_REQ:
    case KIND.PRE_VOTE_REQ:
      return { ...voteReq(way, idNear(member, it.last), it.transfer), kind: it.kind };
    case KIND.VOTE_RESP:
    case KIND.PRE_VOTE_RESP:
      return { ...voteResp(way, it.rejected), kind: it.kind };
    case KIND.HEARTBEAT:
      return heartbeat(way, numberNear(member, it.commit), it.readRound);
    case KIND.HEARTBEAT_RESP:
      return heartbeatResp(way, it.readRound);
    case KIND.SNAP:
      return snap(way, makeSnapshot(idNear(member, it.id), it.members));
    case KIND.TIMEOUT_NOW:
      return timeoutNow(way);
    case KIND.READ_INDEX:
      return readIndexReq(it.from, 1, it.context);
    case KIND.READ_INDEX_RESP:
      return readIndexResp(way, numberNear(member, it.index));
    case KIND.TRANSFER_LEADER:
      return transferLeader(way, it.target);
    case KIND.PROP: {
      const { proposals, ...rest } = prop(
        it.from,
        1,
        ...new Array<Uint8Array>(it.count).fill(new Uint8Array(3)),
      );
      if (it.change === null) return { ...rest, proposals };
      const payload = encodeConfChange(CHANGES[it.change] as ConfChange);
      return { ...rest, proposals: [...proposals, { type: ENTRY_TYPE.CONF_CHANGE_V2, payload }] };
    }
  }
}

function perform(member: Member, it: Done): unknown {
  const { node } = member;
  switch (it.act) {
    case "ready":
      return member.takeReady();
    case "write":
      return member.writeAndAnswer();
    case "apply":
      return member.apply();
    case "settle":
      return member.settle();
    case "campaign":
      return node.campaign();
    case "win":
      return win(member);
    case "propose":
      return node.propose([new Uint8Array(5)]);
    case "forget":
      return node.forgetLeader();
    case "read":
      return member.readIndex(1);
    case "compact":
      return member.settle().snapshot();
    case "tick":
      return member.tick(it.count);
    case "unreachable":
      return node.reportUnreachable(nodeId(it.peer));
    case "transfer":
      return node.transferLeadership(nodeId(it.peer));
    case "arrived":
    case "lost":
      return node.reportSnapshot(nodeId(it.peer), it.act === "arrived");
    case "change":
      return node.proposeConfChange(CHANGES[it.change] as ConfChange);
  }
}

/** All that are asked grant, so that states behind an election are reached. */
function win(member: Member): void {
  member.node.campaign();
  for (let round = 0; round < 2; round++) {
    member.settle();
    for (const { kind, to, term: asked } of member.outbox.splice(0)) {
      if (kind === KIND.VOTE_REQ) member.step(voteResp([to, 1, asked]));
      else if (kind === KIND.PRE_VOTE_REQ) member.step(preVoteResp([to, 1, asked]));
    }
  }
}

/** What holds of one member whatever the others do. */
class Watch {
  readonly #member: Member;
  #term = 0;
  #vote = 0;
  #commit = 0;
  #applied = 0;
  #checked = 0;

  constructor(member: Member) {
    this.#member = member;
    this.check();
  }

  check(): void {
    const { hardState } = this.#member.node.status();
    this.#member.node.checkInvariants();
    assert.ok(hardState.term >= this.#term, "terms never go back");
    assert.ok(hardState.commit >= this.#commit, "what is committed stays committed");
    if (hardState.term === this.#term && this.#vote !== 0) {
      assert.equal(hardState.vote, this.#vote, "one vote in a term");
    }
    for (const entry of this.#member.applied.slice(this.#checked)) {
      assert.ok(entry.index > this.#applied, "applied once, in order");
      this.#applied = entry.index;
    }
    this.#checked = this.#member.applied.length;
    this.#term = hardState.term;
    this.#vote = hardState.vote;
    this.#commit = hardState.commit;
  }
}

for (const asyncStorageWrites of [true, false]) {
  test(`no message and no timing breaks a member, writer ${asyncStorageWrites ? "apart" : "within"}`, () => {
    const events = fc.array(fc.oneof({ weight: 2, arbitrary: done }, { weight: 3, arbitrary: said }), {
      maxLength: 80,
      size: "max",
    });
    fc.assert(
      fc.property(events, flag, (list, preVote) => {
        const config = { asyncStorageWrites, preVote };
        const member = new Member(1, { learners: [5], log: [1, 1, 2], commit: 1, config });
        const watch = new Watch(member);
        for (const event of list) {
          if ("act" in event) perform(member, event);
          else member.step(messageOf(member, event));
          watch.check();
        }
        member.settle();
        watch.check();
      }),
      { numRuns: 1500 },
    );
  });
}

/** Follower of 2 in term 2 with entries 1/1 1/2 2/3, of which 1 is committed. */
function followerOfTwo(): Member {
  return follow(new Member(1, { log: [1, 1, 2], commit: 1 }), 2, 2);
}

/** Leader of term 3 with entries 1/1 1/2 2/3 3/4, none committed in its term. */
function leaderOfThree(): Member {
  return new Member(1, { log: [1, 1, 2], commit: 1 }).lead();
}

function readIndexResp([from, to, termNumber]: Way, index: number): Message {
  const kind = KIND.READ_INDEX_RESP;
  return { ...readIndexReq(from, to, 1), kind, term: term(termNumber), index: logIndex(index) };
}

function proposed(type: EntryType, it: ConfChange): Message {
  return { ...prop(2, 1), proposals: [{ type, payload: encodeConfChange(it) }] };
}

const HUGE = Number.MAX_SAFE_INTEGER;
const gap = [...makeEntries(4, [2]), ...makeEntries(6, [2])];
const undecodable = makeEntries(4, [2]).map((entry) => ({
  ...entry,
  type: ENTRY_TYPE.CONF_CHANGE_V2,
  payload: new Uint8Array([9, 9, 9]),
}));
const CASES: readonly (readonly [Violation, () => Member, Message])[] = [
  ["term", followerOfTwo, appReq([2, 1, 0])],
  ["term", followerOfTwo, heartbeat([2, 1, 0])],
  ["term", followerOfTwo, voteReq([2, 1, 0], [0, 0])],
  ["term", followerOfTwo, timeoutNow([2, 1, 0])],
  ["term", followerOfTwo, voteReq([3, 1, HUGE], [9, 9], true)],
  ["term", followerOfTwo, { ...prop(2, 1, new Uint8Array(1)), term: term(2) }],
  ["term", leaderOfThree, { ...readIndexReq(2, 1, 1), term: term(3) }],
  ["term", leaderOfThree, appResp([2, 1, 0], 4)],
  ["term", leaderOfThree, heartbeatResp([2, 1, 0])],
  ["entryId", followerOfTwo, appReq([2, 1, 2], { previous: [0, 3] })],
  ["entryId", followerOfTwo, appReq([2, 1, 2], { previous: [2, 0] })],
  ["entryId", followerOfTwo, appReq([2, 1, 2], { previous: [3, 3] })],
  ["entryId", followerOfTwo, appReq([2, 1, 2], { previous: [2, HUGE] })],
  ["entryId", followerOfTwo, appReq([2, 1, 2], { commit: HUGE })],
  ["entryId", followerOfTwo, voteReq([3, 1, 3], [4, 4], true)],
  ["entryId", followerOfTwo, snap([2, 1, 2], makeSnapshot([0, 0], { voters: [1, 2] }))],
  ["entryId", followerOfTwo, snap([2, 1, 2], makeSnapshot([3, 5], { voters: [1, 2] }))],
  ["entryId", followerOfTwo, heartbeat([2, 1, 2], HUGE)],
  ["entryId", followerOfTwo, readIndexResp([2, 1, 2], HUGE)],
  ["entryId", leaderOfThree, appReject([2, 1, 3], 3, [1, HUGE])],
  ["entryId", leaderOfThree, appReject([2, 1, 3], HUGE, [1, 1])],
  ["entries", followerOfTwo, appReq([2, 1, 2], { previous: [2, 3], entries: gap })],
  ["entries", followerOfTwo, appReq([2, 1, 2], { previous: [2, 3], entries: makeEntries(5, [2]) })],
  ["entries", followerOfTwo, appReq([2, 1, 2], { previous: [2, 3], entries: makeEntries(4, [1]) })],
  ["entries", followerOfTwo, appReq([2, 1, 3], { previous: [2, 3], entries: makeEntries(4, [3, 2]) })],
  ["entries", followerOfTwo, appReq([2, 1, 2], { previous: [2, 3], entries: makeEntries(4, [3]) })],
  ["confChange", followerOfTwo, appReq([2, 1, 2], { previous: [2, 3], entries: undecodable })],
  ["confChange", leaderOfThree, { ...prop(2, 1), proposals: undecodable }],
  ["confChange", leaderOfThree, proposed(ENTRY_TYPE.CONF_CHANGE_V1, change(addVoter(4), addVoter(5)))],
  ["confChange", leaderOfThree, proposed(ENTRY_TYPE.CONF_CHANGE_V2, change(addVoter(LOCAL_APPEND_THREAD)))],
  ["confState", followerOfTwo, snap([2, 1, 2], makeSnapshot([2, 9], {}))],
  ["confState", followerOfTwo, snap([2, 1, 2], makeSnapshot([2, 9], { voters: [2, 1] }))],
  ["confState", followerOfTwo, snap([2, 1, 2], makeSnapshot([2, 9], { voters: [1, 2], learners: [2] }))],
  ["nothingProposed", leaderOfThree, prop(2, 1)],
  ["otherLeader", followerOfTwo, appReq([3, 1, 2], { previous: [2, 3] })],
  ["otherLeader", followerOfTwo, heartbeat([3, 1, 2], 1)],
  ["otherLeader", followerOfTwo, snap([3, 1, 2], makeSnapshot([2, 9], { voters: [1, 2] }))],
  ["otherLeader", followerOfTwo, timeoutNow([3, 1, 2])],
  ["otherLeader", leaderOfThree, appReq([2, 1, 3], { previous: [2, 3] })],
  ["otherLeader", leaderOfThree, heartbeat([2, 1, 3])],
  ["beyondLog", followerOfTwo, heartbeat([2, 1, 2], 4)],
  ["beyondLog", followerOfTwo, heartbeat([3, 1, 5], 4)],
  ["beyondLog", leaderOfThree, appResp([2, 1, 3], 5)],
  ["futureRound", leaderOfThree, heartbeatResp([2, 1, 3], 1)],
];

test("what no correct member says is refused, and changes nothing", () => {
  for (const [reason, make, said] of CASES) {
    const member = make();
    const before = member.node.status();
    assert.equal(member.step(said), "violation", `${reason}: ${brief(said)}`);
    assert.deepEqual(
      member.events.filter((event) => event.kind === "violation"),
      [{ kind: "violation", reason, message: said.kind, from: said.from }],
    );
    assert.deepEqual(member.sent(), [], brief(said));
    assert.deepEqual(member.node.status(), before, brief(said));
  }
});
