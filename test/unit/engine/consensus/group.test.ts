import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member } from "../../../../engine/cluster/members/member.js";
import { MemberTable } from "../../../../engine/cluster/members/member-table.js";
import type { GroupCallback, GroupControl } from "../../../../engine/consensus/consensus.js";
import { Group } from "../../../../engine/consensus/group.js";
import { LeadershipState } from "../../../../engine/consensus/leadership.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { logIndex, term } from "../../../../engine/core/ids.js";
import {
  CONF_CHANGE,
  type ConfChange,
  type ConfState,
  type NodeId,
  nodeId,
  type ProgressStatus,
  type RaftStatus,
  ROLE,
} from "../../../../engine/raft/types.js";
import { memberOf, uuidOf } from "../../../support/cluster/builders.js";
import { LONE_CONF_STATE } from "../../../support/raft/lone-voter.js";
import { ManualClock } from "../../../support/storage/log-fixture.js";

const ELECTION_TIMEOUT_MS = 1000;

/** A group as its host shows it; node 1 is this SCM. */
class FakeGroup implements GroupControl {
  confState: ConfState;
  role: RaftStatus["softState"]["role"] = ROLE.LEADER;
  leader = nodeId(1);
  term = term(3);
  lastIndex = 100;
  readonly match = new Map<number, number>();
  readonly active = new Set<number>();
  refusal: StrataError | undefined;
  readonly clock = new ManualClock();
  readonly members = new MemberTable();
  readonly changes: { readonly change: ConfChange; readonly onOutcome: GroupCallback }[] = [];
  readonly transfers: { readonly target: NodeId; readonly onOutcome: GroupCallback }[] = [];
  readonly group: Group;

  constructor(voters: readonly number[], learners: readonly number[] = []) {
    const ids = (numbers: readonly number[]) => numbers.map((number) => nodeId(number));
    this.confState = { ...LONE_CONF_STATE, voters: ids(voters), learners: ids(learners) };
    this.members.begin(this.confState);
    for (const id of [...voters, ...learners]) this.members.set(memberOf(id), this.confState);
    for (const id of [...voters, ...learners]) {
      this.match.set(id, this.lastIndex);
      this.active.add(id);
    }
    const { clock, members } = this;
    this.group = new Group({
      clock,
      members,
      control: this,
      consensus: {
        leadership: {
          subscribe: () => () => undefined,
          term: this.term,
          leaderId: this.leader,
          isLeader: true,
          leaderReady: true,
        },
        readBarrier: (onReady) => onReady(this.refusal),
      },
      own: () => memberOf(1),
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
    });
  }

  status(): RaftStatus {
    const { voters, learners } = this.confState;
    const progress = [...voters, ...learners].map((id) => this.#progressOf(id, learners.includes(id)));
    return {
      id: nodeId(1),
      hardState: { term: this.term, vote: nodeId(1), commit: logIndex(this.lastIndex) },
      softState: { leader: this.leader, role: this.role },
      applied: logIndex(this.lastIndex),
      applying: logIndex(this.lastIndex),
      lastIndex: logIndex(this.lastIndex),
      unstableOffset: logIndex(this.lastIndex + 1),
      uncommittedBytes: 0,
      confState: this.confState,
      progress,
      transferTarget: nodeId(0),
    };
  }

  changeMembers(change: ConfChange, onOutcome: GroupCallback): void {
    this.changes.push({ change, onOutcome });
  }

  transferLeadership(target: NodeId, onOutcome: GroupCallback): void {
    this.transfers.push({ target, onOutcome });
  }

  /** A quarter of an election timeout passes, and the service looks. */
  look(promoted: Member[] = []): void {
    this.clock.nowMs += ELECTION_TIMEOUT_MS / 4;
    this.group.look();
    this.group.promote((member) => promoted.push(member));
  }

  #progressOf(id: NodeId, isLearner: boolean): ProgressStatus {
    const match = this.match.get(id) ?? 0;
    return {
      id,
      state: 1,
      match: logIndex(match),
      next: logIndex(match + 1),
      isLearner,
      isRecentlyActive: this.active.has(id),
      isPaused: false,
      pendingSnapshot: logIndex(0),
      inflightCount: 0,
      isInflightFull: false,
    };
  }
}

const { nodeId: _, ...CANDIDATE } = memberOf(7);
const codeOf = (refusal: unknown) => (refusal instanceof StrataError ? refusal.code : refusal);

test("a change that the rules allow is proposed, and its outcome told", () => {
  const fake = new FakeGroup([1, 2, 3]);
  const outcomes: unknown[] = [];
  fake.group.add(CANDIDATE, undefined, (refusal) => outcomes.push(codeOf(refusal)));
  assert.deepEqual(outcomes, []);
  assert.deepEqual(fake.changes[0]?.change.steps, [{ type: CONF_CHANGE.ADD_LEARNER, nodeId: 4 }]);
  fake.changes[0]?.onOutcome(new StrataError("MEMBERSHIP_BUSY"));
  assert.deepEqual(outcomes, ["MEMBERSHIP_BUSY"]);
});

test("what the rules refuse, or who does not lead, is not proposed", () => {
  const fake = new FakeGroup([1, 2, 3]);
  fake.look();
  fake.clock.nowMs += ELECTION_TIMEOUT_MS;
  const outcomes: unknown[] = [];
  const tell = (refusal: StrataError | undefined) => outcomes.push(codeOf(refusal));
  fake.group.remove(memberOf(1).scmId, { expected: undefined, force: true }, tell);
  fake.group.remove(uuidOf(5), { expected: undefined, force: false }, tell);
  fake.group.add(memberOf(2), undefined, tell);
  fake.refusal = new StrataError("NOT_LEADER", { term: 4 });
  fake.group.add(CANDIDATE, undefined, tell);
  fake.group.transfer(undefined, (outcome) => outcomes.push(codeOf(outcome)));
  assert.deepEqual(outcomes, ["CHANGE_REFUSED", "MEMBER_UNKNOWN", undefined, "NOT_LEADER", "NOT_LEADER"]);
  assert.deepEqual([fake.changes, fake.transfers], [[], []]);
});

test("who answered within an election timeout lives, though the core has begun a new round since", () => {
  const fake = new FakeGroup([1, 2, 3]);
  fake.group.look();
  fake.active.clear();
  fake.clock.nowMs += ELECTION_TIMEOUT_MS - 1;
  const outcomes: unknown[] = [];
  const remove = () =>
    fake.group.remove(memberOf(3).scmId, { expected: undefined, force: false }, (refusal) =>
      outcomes.push(codeOf(refusal)),
    );
  remove();
  assert.equal(fake.changes.length, 1);
  fake.clock.nowMs += 2;
  remove();
  assert.deepEqual(outcomes, ["CHANGE_REFUSED"], "nobody has answered for longer than that");
});

test("a leader that is new to its office says that it does not know yet who answers", () => {
  const fake = new FakeGroup([1, 2, 3]);
  fake.active.clear();
  const codes: unknown[] = [];
  const tell = (outcome: unknown) => codes.push(codeOf(outcome));
  fake.group.transfer(undefined, tell);
  fake.clock.nowMs += ELECTION_TIMEOUT_MS;
  fake.group.transfer(undefined, tell);
  fake.term = term(4);
  fake.group.transfer(undefined, tell);
  fake.group.transfer(uuidOf(99), tell);
  assert.deepEqual(codes, ["NOT_READY", "CHANGE_REFUSED", "NOT_READY", "MEMBER_UNKNOWN"]);
});

test("what was heard as leader of an earlier term says nothing", () => {
  const fake = new FakeGroup([1, 2, 3]);
  fake.group.look();
  fake.active.clear();
  fake.term = term(9);
  assert.deepEqual(
    fake.group.view().roles.map(({ progress }) => progress?.isLive),
    [true, false, false],
  );
});

test("a transfer ends when the other one leads; the refusal names it by its id", () => {
  const fake = new FakeGroup([1, 2, 3]);
  const outcomes: (StrataError | { readonly scmId: string })[] = [];
  fake.group.transfer(memberOf(3).scmId, (outcome) => outcomes.push(outcome));
  assert.equal(fake.transfers[0]?.target, 3);
  fake.transfers[0]?.onOutcome(undefined);
  assert.deepEqual([...outcomes], [{ scmId: memberOf(3).scmId }]);
  fake.group.transfer(memberOf(2).scmId, (outcome) => outcomes.push(outcome));
  fake.transfers[1]?.onOutcome(new StrataError("TRANSFER_FAILED", { member: 2, reason: "too slow" }));
  const [, refusal] = outcomes;
  assert.ok(refusal instanceof StrataError);
  assert.equal(refusal.message, `member ${memberOf(2).scmId} did not become leader: too slow`);
  fake.group.transfer(memberOf(1).scmId, (outcome) => outcomes.push(outcome));
  assert.deepEqual(outcomes[2], { scmId: memberOf(1).scmId }, "it leads already");
  assert.equal(fake.transfers.length, 2);
});

test("a learner that stays fit for three looks becomes a voter", () => {
  const fake = new FakeGroup([1], [2]);
  const promoted: Member[] = [];
  fake.look(promoted);
  fake.look(promoted);
  fake.match.set(2, 0);
  fake.lastIndex = 5000;
  fake.look(promoted);
  assert.equal(fake.changes.length, 0, "it fell behind in between");
  fake.match.set(2, 5000);
  fake.look(promoted);
  fake.look(promoted);
  assert.equal(fake.changes.length, 0);
  fake.look(promoted);
  assert.deepEqual(fake.changes[0]?.change.steps, [{ type: CONF_CHANGE.ADD_VOTER, nodeId: 2 }]);
  fake.changes[0]?.onOutcome(undefined);
  assert.deepEqual(
    promoted.map(({ nodeId: id }) => id),
    [2],
  );
});

test("learners are promoted one at a time, and again after a refusal", () => {
  const fake = new FakeGroup([1], [2, 3]);
  for (let look = 0; look < 5; look++) fake.look();
  assert.equal(fake.changes.length, 1, "the second one waits for the first");
  fake.changes[0]?.onOutcome(new StrataError("MEMBERSHIP_BUSY"));
  fake.look();
  assert.equal(fake.changes.length, 2);
});

test("each member sees who leads and who only learns; how far they are only the leader", () => {
  const fake = new FakeGroup([1, 2], [3]);
  fake.match.set(3, 40);
  const rolesOf = () => fake.group.view().roles.map(({ role }) => role);
  assert.deepEqual(rolesOf(), ["LEADER", "FOLLOWER", "LEARNER"]);
  assert.deepEqual(fake.group.view().roles[2]?.progress, { match: 40, lagCount: 60, isLive: true });
  fake.leader = nodeId(2);
  fake.role = ROLE.FOLLOWER;
  assert.deepEqual(rolesOf(), ["FOLLOWER", "LEADER", "LEARNER"]);
  fake.leader = nodeId(0);
  fake.role = ROLE.PRE_CANDIDATE;
  assert.deepEqual(rolesOf(), ["CANDIDATE", "FOLLOWER", "LEARNER"]);
});

test("an SCM whose record is not in the book yet is shown nevertheless", () => {
  const fake = new FakeGroup([1]);
  const table = new MemberTable();
  table.begin(fake.confState);
  const group = new Group({
    clock: fake.clock,
    members: table,
    control: fake,
    consensus: { leadership: new LeadershipState(), readBarrier: () => undefined },
    own: () => memberOf(1),
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
  });
  const { roles, isJoint, configVersion } = group.view();
  assert.deepEqual(
    roles.map(({ member, progress }) => [member.nodeId, progress]),
    [[1, undefined]],
  );
  assert.deepEqual([isJoint, configVersion], [false, 0]);
});
