import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex } from "../../../../engine/core/ids.js";
import { PROGRESS_STATE, Progress, progressOf } from "../../../../engine/raft/progress.js";
import { nodeId } from "../../../../engine/raft/types.js";

const LIMITS = { countMax: 3, bytesMax: 100 };
const added = (lastIndex: number) => Progress.added(nodeId(2), false, logIndex(lastIndex), LIMITS);

/** In replicate, acknowledged up to `match`. */
function replicating(match: number): Progress {
  const progress = added(match + 1);
  progress.acknowledged(logIndex(match));
  progress.becomeReplicate();
  return progress;
}

test("a member that was just added is probed at the end of the log and counts as active", () => {
  const progress = added(9);
  assert.equal(progress.state, PROGRESS_STATE.PROBE);
  assert.equal(progress.next, 9);
  assert.equal(progress.match, 0);
  assert.equal(progress.isRecentlyActive, true);
  assert.equal(added(0).next, 1, "match < next also in an empty log");
});

test("a probe sends one append and waits, an empty one does not count", () => {
  const progress = added(5);
  progress.sentEntries(0, 0);
  assert.equal(progress.isPaused, false);
  progress.sentEntries(2, 20);
  assert.equal(progress.isPaused, true);
  assert.equal(progress.next, 5, "a probe does not run ahead");
  progress.resumeFlow();
  assert.equal(progress.isPaused, false);
});

test("replication runs ahead until the window is full, then waits for an answer", () => {
  const progress = replicating(10);
  for (const next of [12, 14, 16]) {
    assert.equal(progress.isPaused, false);
    progress.sentEntries(2, 10);
    assert.equal(progress.next, next + 1);
  }
  assert.equal(progress.isPaused, true);
  progress.resumeFlow();
  progress.sentEntries(0, 0);
  assert.equal(progress.isPaused, true, "an empty append with a full window is a probe");
  progress.inflights.freeTo(logIndex(12));
  assert.equal(progress.acknowledged(logIndex(12)), true);
  assert.equal(progress.isPaused, false);
  assert.equal(progress.acknowledged(logIndex(12)), false, "no news");
});

test("a rejection in replicate falls back to what is acknowledged, unless it is old", () => {
  const progress = replicating(10);
  progress.sentEntries(5, 1);
  assert.equal(progress.rejected(logIndex(10), logIndex(3)), false);
  assert.equal(progress.next, 16);
  assert.equal(progress.rejected(logIndex(12), logIndex(3)), true);
  assert.equal(progress.next, 11);
});

test("a rejected probe goes back to the hint, never behind what is acknowledged", () => {
  const progress = added(20);
  assert.equal(progress.rejected(logIndex(12), logIndex(3)), false, "not the one that was asked");
  assert.equal(progress.rejected(logIndex(19), logIndex(7)), true);
  assert.equal(progress.next, 8);
  assert.equal(progress.rejected(logIndex(7), logIndex(7)), true);
  assert.equal(progress.next, 7);
  progress.acknowledged(logIndex(5));
  assert.equal(progress.rejected(logIndex(6), logIndex(1)), true);
  assert.equal(progress.next, 6);
});

test("a snapshot stops the flow, and what follows it is probed first", () => {
  const progress = replicating(3);
  progress.becomeSnapshot(logIndex(50));
  assert.equal(progress.isPaused, true);
  assert.equal(progress.next, 51);
  assert.throws(() => progress.sentEntries(1, 1), /during a snapshot/);
  progress.becomeProbe();
  assert.equal(progress.next, 51);
  progress.becomeSnapshot(logIndex(60));
  progress.forgetSnapshot();
  progress.becomeProbe();
  assert.equal(progress.next, 4, "it did not arrive");
});

test("a commit index is told when it can move the member's", () => {
  const progress = replicating(10);
  assert.equal(progress.canRaiseCommit(logIndex(5)), true);
  progress.sentCommit(logIndex(5));
  assert.equal(progress.canRaiseCommit(logIndex(5)), false);
  progress.sentCommit(logIndex(10));
  assert.equal(progress.canRaiseCommit(logIndex(12)), false, "it has nothing beyond 10");
  progress.sentEntries(2, 1);
  assert.equal(progress.canRaiseCommit(logIndex(12)), true);
  progress.sentCommit(logIndex(12));
  progress.rejected(logIndex(11), logIndex(10));
  assert.equal(progress.canRaiseCommit(logIndex(12)), false, "next went back to 11");
  progress.sentEntries(2, 1);
  assert.equal(progress.canRaiseCommit(logIndex(12)), true, "what was sent may be lost");
});

test("a copy goes its own way but shares the window", () => {
  const progress = replicating(10);
  const copy = progress.copy();
  copy.isLearner = true;
  copy.acknowledged(logIndex(20));
  assert.equal(progress.isLearner, false);
  assert.equal(progress.match, 10);
  assert.equal(copy.state, PROGRESS_STATE.REPLICATE);
  assert.equal(copy.inflights, progress.inflights);
});

test("a table is searched by id", () => {
  const progress = added(1);
  assert.equal(progressOf([progress], nodeId(2)), progress);
  assert.equal(progressOf([progress], nodeId(3)), undefined);
});

test("match stays below next, whatever comes in whatever order", () => {
  const action = fc.record({
    name: fc.constantFrom("send", "acknowledge", "reject", "probe", "replicate", "snapshot", "resume"),
    a: fc.nat(30),
    b: fc.nat(30),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const progress = added(10);
      let match = 0;
      for (const { name, a, b } of actions) {
        if (name === "send") {
          if (!progress.isPaused) progress.sentEntries(a % 4, b);
        } else if (name === "acknowledge") {
          progress.inflights.freeTo(logIndex(a));
          progress.acknowledged(logIndex(a));
        } else if (name === "reject") {
          // A leader probes after that, which empties the window.
          if (progress.rejected(logIndex(a), logIndex(b))) progress.becomeProbe();
        } else if (name === "probe") progress.becomeProbe();
        else if (name === "replicate") progress.becomeReplicate();
        else if (name === "snapshot") progress.becomeSnapshot(logIndex(Math.max(a, progress.match)));
        else progress.resumeFlow();
        progress.checkInvariants();
        assert.ok(progress.match >= match, "what is acknowledged stays so");
        match = progress.match;
      }
    }),
  );
});
