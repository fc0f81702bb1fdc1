import assert from "node:assert/strict";
import { test } from "node:test";
import { type StallInput, StallWatch } from "../../../../engine/consensus/stall-watch.js";
import { logIndex } from "../../../../engine/core/ids.js";
import { PROGRESS_STATE } from "../../../../engine/raft/progress.js";
import { type NodeId, nodeId, type ProgressStatus } from "../../../../engine/raft/types.js";
import { makeConfState } from "../../../support/raft/make-message.js";

const T = 1000;
const LAST = 50;

interface GroupOptions {
  readonly voters?: readonly number[];
  readonly outgoing?: readonly number[];
  readonly learners?: readonly number[];
  /** By id; the whole log without one. */
  readonly match?: Readonly<Record<number, number>>;
  readonly probing?: readonly number[];
}

function statusOf({
  voters = [1, 2, 3],
  outgoing = [],
  learners = [],
  match = {},
  probing = [],
}: GroupOptions) {
  const ids = [...new Set([...voters, ...outgoing, ...learners])].sort((a, b) => a - b);
  const progress = ids.map(
    (id): ProgressStatus => ({
      id: nodeId(id),
      state: probing.includes(id) ? PROGRESS_STATE.PROBE : PROGRESS_STATE.REPLICATE,
      match: logIndex(match[id] ?? LAST),
      next: logIndex(LAST + 1),
      isLearner: learners.includes(id),
      isRecentlyActive: true,
      isPaused: false,
      pendingSnapshot: logIndex(0),
      inflightCount: 0,
      isInflightFull: false,
    }),
  );
  const confState = makeConfState({
    voters: voters.map(nodeId),
    votersOutgoing: outgoing.map(nodeId),
    learners: learners.map(nodeId),
  });
  return { confState, progress, lastIndex: logIndex(LAST) };
}

/** Ticks each 100 ms up to `toMs`; returns the first verdict that is not fine, with its time. */
function watch(options: GroupOptions & { heard?: (nowMs: number) => readonly number[] } = {}) {
  const stalls = new StallWatch(nodeId(1), T);
  stalls.becomeLeader(0);
  let nowMs = 0;
  const run = (toMs: number, oldestAppendMs?: number, group: GroupOptions = options) => {
    while (nowMs < toMs) {
      nowMs += 100;
      for (const id of options.heard?.(nowMs) ?? [2, 3]) stalls.onHeard(nodeId(id), nowMs);
      const input: StallInput = { oldestAppendMs, status: statusOf(group) };
      const verdict = stalls.verdict(nowMs, input);
      if (verdict.kind !== "fine") return { ...verdict, nowMs };
    }
    return undefined;
  };
  const sleep = (ms: number) => {
    nowMs += ms;
  };
  return { stalls, run, sleep, now: () => nowMs };
}

const NONE = 0 as NodeId;

test("a leader whose appends are answered and whose followers answer is fine", () => {
  assert.equal(watch().run(10_000), undefined);
});

test("a lone voter is its own quorum, but its disk may stall", () => {
  const alone = watch({ voters: [1], heard: () => [] });
  assert.equal(alone.run(10_000), undefined);
  assert.deepEqual(alone.run(20_000, 10_050), { kind: "storageStalled", handOverTo: NONE, nowMs: 11_100 });
});

test("an append that waits for more than an election timeout ends the office", () => {
  const { run } = watch();
  assert.equal(run(5000, 4000), undefined, "exactly a timeout is not more");
  assert.deepEqual(run(6000, 4000), { kind: "storageStalled", handOverTo: nodeId(2), nowMs: 5100 });
});

test("a leader that hears nobody gives up as soon as a timeout has passed, whenever that began", () => {
  const { run } = watch({ heard: (nowMs) => (nowMs <= 1300 ? [2, 3] : []) });
  const verdict = run(5000);
  assert.equal(verdict?.kind, "quorumLost");
  assert.equal(verdict?.nowMs, 2400);
});

test("one follower of two is enough to go on, one of four is not", () => {
  assert.equal(watch({ heard: () => [3] }).run(10_000), undefined);
  const { run } = watch({ voters: [1, 2, 3, 4, 5], heard: () => [3] });
  assert.equal(run(10_000)?.kind, "quorumLost");
});

test("followers that answer one after the other count as long as each was heard within the timeout", () => {
  const heard = (nowMs: number) => (nowMs % 1000 === 0 ? [2] : nowMs % 1000 === 500 ? [3] : []);
  assert.equal(watch({ voters: [1, 2, 3, 4, 5], heard }).run(10_000), undefined);
});

test("with two halves of a membership both need their quorum", () => {
  const voters = [1, 2, 3];
  const outgoing = [1, 4, 5];
  assert.equal(watch({ voters, outgoing, heard: () => [2, 5] }).run(10_000), undefined);
  assert.equal(watch({ voters, outgoing, heard: () => [2, 3] }).run(10_000)?.kind, "quorumLost");
  assert.equal(watch({ voters, outgoing, heard: () => [4, 5] }).run(10_000)?.kind, "quorumLost");
});

test("learners do not count, neither for the quorum nor as heirs", () => {
  const { run } = watch({ voters: [1, 2, 3], learners: [4, 5], heard: () => [4, 5], match: { 2: 1, 3: 1 } });
  assert.deepEqual(run(5000), { kind: "quorumLost", handOverTo: nodeId(2), nowMs: 1100 });
});

test("a member that was just added has a timeout to be heard", () => {
  const { run } = watch({ heard: () => [2] });
  assert.equal(run(5000), undefined);
  const grown = { voters: [1, 2, 3, 4], heard: () => [2] };
  assert.equal(run(6000, undefined, grown), undefined, "3 of 4 are needed: 1, 2 and the new one");
  assert.equal(run(9000, undefined, grown)?.nowMs, 6200);
});

test("a lone voter that gets company has not been deaf for all the time before", () => {
  const { stalls } = watch();
  const input = { oldestAppendMs: undefined, status: statusOf({ voters: [1, 2] }) };
  assert.equal(stalls.verdict(60_000, input).kind, "fine", "it is the first that anyone asks");
  assert.equal(stalls.verdict(60_400, input).kind, "fine");
  assert.equal(stalls.verdict(60_800, input).kind, "fine");
  assert.equal(stalls.verdict(61_100, input).kind, "quorumLost");
});

test("who was heard within the timeout is alive, and everybody when an office begins", () => {
  const { stalls } = watch();
  const alive = (nowMs: number) => [2, 3].filter((id) => stalls.isAlive(nodeId(id), nowMs));
  assert.deepEqual(alive(1000), [2, 3]);
  assert.deepEqual(alive(1001), []);
  stalls.onHeard(nodeId(3), 700);
  assert.deepEqual(alive(1700), [3]);
  assert.deepEqual(alive(1701), []);
  stalls.becomeLeader(5000);
  assert.deepEqual(alive(5100), [2, 3]);
});

test("each office begins with a full timeout", () => {
  const { stalls } = watch();
  const input = { oldestAppendMs: undefined, status: statusOf({}) };
  assert.equal(stalls.verdict(400, input).kind, "fine");
  assert.equal(stalls.verdict(1001, input).kind, "quorumLost");
  stalls.becomeLeader(7000);
  assert.equal(stalls.verdict(8000, input).kind, "fine");
});

test("the heir is the voter with the longest log that was heard lately", () => {
  const stalledFor = (group: GroupOptions & { heard?: (nowMs: number) => readonly number[] }) =>
    watch(group).run(5000, 100)?.handOverTo;
  assert.equal(stalledFor({ match: { 2: 40, 3: 45 } }), nodeId(3));
  assert.equal(stalledFor({ match: { 2: 40, 3: 45 }, probing: [3] }), nodeId(2));
  assert.equal(stalledFor({ match: { 2: 40, 3: 45 }, probing: [2, 3] }), NONE);
  const voters = [1, 2, 3, 4, 5];
  const heard = (nowMs: number) => (nowMs < 100 ? [2, 3, 4, 5] : [3, 4]);
  assert.equal(stalledFor({ voters, heard, match: { 2: 49, 3: 10, 4: 30, 5: 49 } }), nodeId(4));
  assert.equal(
    stalledFor({ voters: [1, 2], outgoing: [1, 2, 3], match: { 2: 10 } }),
    nodeId(2),
    "who is about to leave the group gets nothing",
  );
});

test("a leader that hears nobody hands over to who has most, or was sent it: it may still be heard", () => {
  assert.equal(watch({ heard: () => [], match: { 2: 49 } }).run(5000)?.handOverTo, nodeId(3));
  assert.equal(watch({ heard: () => [], match: { 2: 48, 3: 49 } }).run(5000)?.handOverTo, nodeId(3));
  const match = { 2: 48, 3: 49 };
  assert.equal(watch({ heard: () => [], match, probing: [3] }).run(5000)?.handOverTo, nodeId(2));
  assert.equal(watch({ heard: () => [], match, probing: [2, 3] }).run(5000)?.handOverTo, NONE);
});

test("what the host slept through is not held against the disk", () => {
  const { run, sleep } = watch();
  assert.equal(run(1000), undefined);
  sleep(30_000);
  assert.equal(run(32_000, 950), undefined, "the log thread slept, too");
  assert.deepEqual(run(40_000, 950), { kind: "storageStalled", handOverTo: nodeId(2), nowMs: 32_200 });
});

test("after a pause the quorum counts by what was heard before the verdict", () => {
  const heardIt = watch();
  heardIt.run(1000);
  heardIt.sleep(30_000);
  assert.equal(heardIt.run(31_100), undefined, "messages that had come meanwhile were handled first");
  const deaf = watch({ heard: (nowMs) => (nowMs <= 1000 ? [2, 3] : []) });
  deaf.run(1000);
  deaf.sleep(30_000);
  assert.equal(deaf.run(31_100)?.kind, "quorumLost");
});
