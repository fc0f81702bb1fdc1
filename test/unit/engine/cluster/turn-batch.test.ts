import assert from "node:assert/strict";
import { test } from "node:test";
import { readTurnBatch, TurnBatch } from "../../../../engine/cluster/turn-batch.js";
import {
  importBatch,
  pipelineRecord,
  seedCluster,
  suppressContainers,
} from "../../../support/cluster/builders.js";

const OPERATIONS = [seedCluster(), suppressContainers([1, 2, 3]), importBatch([], [pipelineRecord(1)])];

test("a batch gives operations positions in order and holds them with the time", () => {
  const batch = new TurnBatch();
  assert.deepEqual(
    OPERATIONS.map((operation) => batch.add(operation)),
    [0, 1, 2],
  );
  assert.equal(batch.count, 3);
  const bytes = batch.bytes;
  const payload = batch.take(1_750_000_000_123);
  assert.equal(payload.length, bytes);
  assert.deepEqual(readTurnBatch(payload), { nowMs: 1_750_000_000_123, operations: OPERATIONS });
});

test("a batch is empty after its payload was taken, and the payload is a copy of its own", () => {
  const batch = new TurnBatch();
  batch.add(OPERATIONS[0]!);
  const first = batch.take(1);
  assert.equal(batch.count, 0);
  assert.equal(batch.add(OPERATIONS[1]!), 0);
  batch.take(2);
  assert.deepEqual(readTurnBatch(first).operations, [OPERATIONS[0]]);
  assert.throws(() => batch.take(3), /empty batch/);
});

test("a payload with bytes too many or too few is a RangeError, an empty one holds nothing", () => {
  const batch = new TurnBatch();
  batch.add(OPERATIONS[1]!);
  const payload = batch.take(1);
  assert.throws(() => readTurnBatch(payload.subarray(0, payload.length - 1)), RangeError);
  assert.throws(() => readTurnBatch(Uint8Array.from([...payload, 0])), RangeError);
  assert.deepEqual(readTurnBatch(new Uint8Array(0)), { nowMs: 0, operations: [] });
});
