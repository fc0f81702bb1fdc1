import assert from "node:assert/strict";
import { test } from "node:test";
import type { StrataError } from "../../../../engine/core/errors.js";
import { nodeSlot } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { HolderBatch } from "../../../../workers/pool/holder-batch.js";
import { STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import { testRows } from "../../../support/workers/report-rows.js";
import { ShardSystem } from "../../../support/workers/shard-system.js";

const SHARDS = 3;
const STRIPES = 5;

type Holders = (readonly [node: number, replicaIndex: number])[];

/** The holders in the batch, by position. */
function holdersIn(batch: HolderBatch): Holders[] {
  return batch.containerIds.map((_, position) =>
    Array.from(
      { length: batch.count(position) },
      (_, i) => [batch.node(position, i), batch.replicaIndex(position, i)] as const,
    ),
  );
}

function batchOf(ids: readonly number[], batch = new HolderBatch()): HolderBatch {
  batch.clear();
  batch.containerIds.push(...ids);
  return batch;
}

function report(system: ShardSystem, node: number, ids: readonly number[], replicaIndex = 0): void {
  const rows = testRows(ids.map((id) => ({ id, replicaIndex })));
  const slot = nodeSlot(node);
  assert.ok(system.set.applyIncremental({ slot, rows: rows.rows, rowBytes: rows.rowBytes }));
}

test("a batch over all shards has the holders that single questions find, in the order of its ids", () => {
  const random = new SeededRandom(5);
  const system = new ShardSystem({ shardCount: SHARDS });
  for (let stripe = 0; stripe < STRIPES; stripe++) system.addStripe(stripe);
  const idOf = (n: number): number => (n % (STRIPES + 1)) * STRIPE_ROWS + 1 + Math.floor(n / (STRIPES + 1));
  const ids = Array.from({ length: 120 }, (_, n) => idOf(n));
  for (let node = 0; node < 40; node++) {
    const own = ids.filter(() => random.below(4) === 0);
    if (own.length > 0) report(system, node, own);
    system.settle();
  }
  const batch = new HolderBatch();
  for (let round = 0; round < 20; round++) {
    const asked = Array.from({ length: 1 + random.below(256) }, () => ids[random.below(120)] as number);
    let outcomes = 0;
    system.set.queryHolders(batchOf(asked, batch), (error) => {
      assert.equal(error, undefined);
      outcomes++;
    });
    system.settle();
    assert.equal(outcomes, 1);
    const expected = asked.map((id) =>
      system.query(id).replicas.map(({ node, replicaIndex }) => [node, replicaIndex] as const),
    );
    assert.deepEqual(holdersIn(batch), expected);
  }
});

test("containers with as many replicas as are recorded fill several answers", () => {
  const system = new ShardSystem({ shardCount: 1 });
  system.addStripe(0);
  const ids = Array.from({ length: 40 }, (_, i) => i + 1);
  for (const id of ids) system.addContainer(id);
  for (let node = 0; node < 260; node++) {
    report(system, node, ids);
    system.settle();
  }
  const batch = batchOf(ids);
  let outcomes = 0;
  system.set.queryHolders(batch, () => outcomes++);
  system.settle();
  assert.equal(outcomes, 1);
  assert.ok(holdersIn(batch).every((holders) => holders.length === 255));
});

test("an answer that finds no room comes when there is some", () => {
  const system = new ShardSystem({ shardCount: 1, ringBytes: 262_144 });
  system.addStripe(0);
  const ids = Array.from({ length: 100 }, (_, i) => i + 1);
  for (let node = 0; node < 100; node++) {
    report(system, node, ids);
    system.settle();
  }
  const batches = Array.from({ length: 40 }, () => batchOf(ids));
  let outcomes = 0;
  for (const batch of batches) system.set.queryHolders(batch, () => outcomes++);
  system.settle();
  assert.equal(outcomes, batches.length);
  for (const batch of batches) assert.ok(holdersIn(batch).every((holders) => holders.length === 100));
});

test("a lost shard fails the batches that ask it, once, and no others", async () => {
  const system = new ShardSystem({ shardCount: 2 });
  for (let stripe = 0; stripe < 2; stripe++) system.addStripe(stripe);
  const outcomes: string[] = [];
  const ask = (name: string, ...ids: number[]): void => {
    system.set.queryHolders(batchOf(ids), (error) => outcomes.push(`${name} ${error?.code ?? "filled"}`));
  };
  ask("both", 1, STRIPE_ROWS + 1);
  ask("lost", STRIPE_ROWS + 2);
  ask("kept", 5);
  await system.terminate(1);
  assert.deepEqual(outcomes, ["both SHARD_UNAVAILABLE", "lost SHARD_UNAVAILABLE"]);
  system.settle();
  assert.deepEqual(outcomes.slice(2), ["kept filled"]);
});

test("more questions than may wait are refused, and answers of some shards to one are for nobody", () => {
  const system = new ShardSystem({ shardCount: 2 });
  for (let stripe = 0; stripe < 2; stripe++) system.addStripe(stripe);
  const errors: (StrataError | undefined)[] = [];
  const ids = Array.from({ length: 250 }, (_, i) => STRIPE_ROWS + 1 + i);
  let askedCount = 0;
  while (errors.length === 0 && askedCount++ < 10_000) {
    system.set.queryHolders(batchOf([1, ...ids]), (error) => errors.push(error));
  }
  assert.deepEqual(
    errors.map((error) => error?.code),
    ["OVERLOADED"],
  );
  system.settle();
  assert.equal(errors.length, askedCount);
  assert.ok(errors.slice(1).every((error) => error === undefined));
});
