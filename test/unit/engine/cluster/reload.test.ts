/** A snapshot takes the place of all tables, while others keep looking at them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OPERATION } from "../../../../engine/cluster/operation.js";
import { readSessionId } from "../../../../engine/cluster/operation-result.js";
import { TurnBatch } from "../../../../engine/cluster/turn-batch.js";
import { AssertionError } from "../../../../engine/core/assert.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { CONTAINER_ROW, STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import { AppliedState, flush, MemoryStateStore } from "../../../support/cluster/applied-state.js";
import {
  containerRecord,
  importBatch,
  pipelineRecord,
  seedCluster,
  suppressContainers,
} from "../../../support/cluster/builders.js";
import { OperationSource } from "../../../support/cluster/operation-source.js";

const SEEDS = [1, 2, 3, 4];
const TURNS = 160;
const ROW_WORDS = CONTAINER_ROW.rowBytes / 4;
const VERSION = CONTAINER_ROW.fields.version.offset / 4;

/** Payloads of one log. */
function randomLog(seed: number): Uint8Array[] {
  const random = new SeededRandom(seed);
  const source = new OperationSource(random.stream("operations"));
  const applied = new AppliedState();
  const batch = new TurnBatch();
  const payloads: Uint8Array[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const operations = turn === 0 ? [seedCluster()] : source.turn();
    for (const operation of operations) batch.add(operation);
    const payload = batch.take(1_750_000_000_000 + turn * 1000);
    payloads.push(payload);
    for (const [position, result] of applied.applyPayload(payload).entries()) {
      const isOpened = operations[position]?.kind === OPERATION.openSession && result.error === 0;
      if (isOpened) source.opened(readSessionId(result.body));
    }
  }
  return payloads;
}

for (const seed of SEEDS) {
  test(`a state that lags behind goes on like the one whose rows it has loaded, seed ${seed}`, () => {
    const payloads = randomLog(seed);
    const random = new SeededRandom(seed).stream("places");
    for (let round = 0; round < 5; round++) {
      const behind = random.below(TURNS / 2);
      const ahead = behind + 1 + random.below(TURNS / 2 - 1);
      const [leader, follower] = [new AppliedState(), new AppliedState()];
      const [stored, own] = [new MemoryStateStore(), new MemoryStateStore()];
      for (const payload of payloads.slice(0, ahead)) leader.applyPayload(payload);
      flush(leader.state, stored);
      for (const [turn, payload] of payloads.slice(0, behind).entries()) {
        follower.applyPayload(payload);
        if (turn === behind >> 1) flush(follower.state, own);
      }
      const stripes = new Map(follower.stripes);
      stored.reload(follower);
      const where = `seed ${seed}, from ${behind} to ${ahead}`;
      assert.equal(follower.state.hash(), leader.state.hash(), where);
      assert.equal(follower.state.appliedIndex, leader.state.appliedIndex);
      assert.equal(follower.state.isReloading, false);
      assert.equal(follower.state.dirtyBytes(), 0, "what is loaded is on disk");
      follower.state.checkInvariants();
      for (const [number, buffer] of stripes) assert.equal(follower.stripes.get(number), buffer);
      assert.deepEqual(follower.intents, leader.intents);
      for (const payload of payloads.slice(ahead)) {
        assert.deepEqual(follower.applyPayload(payload), leader.applyPayload(payload), where);
      }
      assert.equal(follower.state.hash(), leader.state.hash(), where);
      follower.state.checkInvariants();
      // What it has written since makes, with the snapshot's rows, the same state.
      flush(follower.state, stored);
      assert.equal(stored.load().state.hash(), leader.state.hash(), where);
    }
  });
}

test("nothing of what was there before is left, and readers can tell that rows have changed", () => {
  const follower = new AppliedState();
  follower.done(seedCluster());
  follower.done(importBatch([1, 2, 17, STRIPE_ROWS + 5].map((id) => containerRecord(id, { owner: "old" }))));
  follower.done(importBatch([], [pipelineRecord(7)]));
  const leader = new AppliedState();
  leader.done(seedCluster());
  leader.done(importBatch([2, 3, 2 * STRIPE_ROWS + 1].map((id) => containerRecord(id, { owner: "new" }))));
  const versionOf = (id: number): number => {
    const words = new Int32Array(follower.stripes.get(Math.floor(id / STRIPE_ROWS)) as SharedArrayBuffer);
    return words[(id % STRIPE_ROWS) * ROW_WORDS + VERSION] as number;
  };
  const ids = [1, 2, 3, 17, STRIPE_ROWS + 5];
  const before = ids.map(versionOf);
  const stored = new MemoryStateStore();
  flush(leader.state, stored);
  stored.reload(follower);
  const { containers, pipelines } = follower.state;
  assert.deepEqual(
    [1, 17, STRIPE_ROWS + 5].map((id) => containers.get(id)),
    [undefined, undefined, undefined],
  );
  for (const id of [2, 3, 2 * STRIPE_ROWS + 1]) assert.equal(containers.get(id)?.owner, "new");
  assert.equal(containers.table.count, 3);
  assert.equal(containers.table.highestId, 2 * STRIPE_ROWS + 1);
  assert.equal(pipelines.count, 0);
  assert.deepEqual(pipelines.list(undefined, 10), []);
  for (const [i, id] of ids.entries()) {
    const version = versionOf(id);
    assert.ok(version > (before[i] as number), `the version of row ${id} rises`);
    assert.equal(version % 2, 0, "no row is being written");
  }
  follower.state.checkInvariants();
});

test("while the tables are loaded nothing is applied, flushed or reloaded", () => {
  const follower = new AppliedState();
  follower.done(seedCluster());
  const stored = new MemoryStateStore();
  flush(follower.state, stored);
  follower.state.beginReload();
  assert.equal(follower.state.isReloading, true);
  assert.throws(() => follower.apply(suppressContainers([1], true)), AssertionError);
  assert.throws(() => follower.state.freeze(), AssertionError);
  assert.throws(() => follower.state.beginReload(), AssertionError);
});

test("rows that do not make the state that they say are corruption", () => {
  const leader = new AppliedState();
  leader.done(seedCluster());
  leader.done(importBatch([containerRecord(1), containerRecord(40)]));
  const stored = new MemoryStateStore();
  flush(leader.state, stored);
  const page = stored.rowNames().find((name) => name.startsWith("0200000002")) as string;
  stored.setRow(page, undefined);
  assert.throws(() => stored.reload(new AppliedState()), { code: "STATE_CORRUPT" });
  const none = new AppliedState();
  assert.throws(() => new MemoryStateStore().reload(none), { code: "STATE_CORRUPT" }, "no rows at all");
});
