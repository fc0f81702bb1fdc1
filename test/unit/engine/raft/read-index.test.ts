import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex } from "../../../../engine/core/ids.js";
import type { PendingRead } from "../../../../engine/raft/read-index.js";
import { PendingReads } from "../../../../engine/raft/read-index.js";
import type { ReadContext } from "../../../../engine/raft/types.js";
import { nodeId } from "../../../../engine/raft/types.js";

function read(number: number): PendingRead {
  return { from: nodeId(1), context: number as ReadContext, index: logIndex(number) };
}

const contexts = (reads: readonly PendingRead[]) => reads.map(({ context }) => Number(context));

test("nothing waits at first, and no heartbeat asks for anything", () => {
  const reads = new PendingReads();
  assert.equal(reads.round, 0);
  assert.deepEqual(reads.confirm(0), []);
});

test("a round confirms its read and all before it, once", () => {
  const reads = new PendingReads();
  for (const number of [1, 2, 3]) reads.add(read(number));
  assert.equal(reads.round, 3);
  assert.deepEqual(contexts(reads.confirm(2)), [1, 2]);
  assert.deepEqual(reads.confirm(2), []);
  assert.deepEqual(reads.confirm(1), []);
  assert.equal(reads.round, 3, "read 3 still waits under its number");
});

test("when all are confirmed heartbeats ask for nothing, yet numbers go on", () => {
  const reads = new PendingReads();
  reads.add(read(1));
  reads.confirm(1);
  assert.equal(reads.round, 0);
  assert.equal(reads.lastRound, 1);
  reads.add(read(2));
  assert.equal(reads.round, 2);
  assert.deepEqual(reads.confirm(1), [], "an answer to the first heartbeat, repeated");
  assert.deepEqual(contexts(reads.confirm(2)), [2]);
});

test("however rounds are confirmed, read n is answered with round n, in order, once", () => {
  const steps = fc.array(fc.oneof(fc.constant("add" as const), fc.nat(20)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (actions) => {
      const reads = new PendingReads();
      let added = 0;
      let answered = 0;
      for (const action of actions) {
        if (action === "add") {
          reads.add(read(++added));
          continue;
        }
        const round = Math.min(action, added);
        const expected = Array.from({ length: Math.max(0, round - answered) }, (_, i) => answered + 1 + i);
        assert.deepEqual(contexts(reads.confirm(round)), expected);
        answered = Math.max(answered, round);
        assert.equal(reads.round, added > answered ? added : 0);
        assert.equal(reads.lastRound, added);
      }
    }),
  );
});
