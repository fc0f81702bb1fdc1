import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError } from "../../../../engine/core/assert.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { containerId, nodeSlot } from "../../../../engine/core/ids.js";
import type { ContainerReplicas } from "../../../../workers/pool/replica-store.js";
import type { CheckedChunk } from "../../../../workers/pool/shard-set.js";
import { STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import { type TestRow, testRows } from "../../../support/workers/report-rows.js";
import { ShardSystem } from "../../../support/workers/shard-system.js";

const END = Number.MAX_SAFE_INTEGER;
const TERMINATED = new StrataError("WORKER_TERMINATED", { role: "shard", index: 1 });

function chunkOf(node: number, rows: readonly TestRow[], range = { fromId: 0, toId: END }): CheckedChunk {
  const { rows: bytes, rowBytes } = testRows(rows);
  return { slot: nodeSlot(node), rows: bytes, rowBytes, ...range };
}

/** Ends when every promise that waits for an ended worker has run. */
async function terminate(system: ShardSystem, shard: number, reason: Error): Promise<void> {
  const link = system.workers.links[shard];
  link?.terminate(reason);
  await link?.ended;
  await new Promise((resolve) => setImmediate(resolve));
}

describe("a chunk", () => {
  test("is merged when every shard with stripes in its range has merged its part", () => {
    const system = new ShardSystem({ shardCount: 3 });
    let mergedCount = 0;
    const rows = [{ id: 5 }, { id: STRIPE_ROWS + 5 }];
    system.set.mergeChunk(chunkOf(1, rows, { fromId: 0, toId: 2 * STRIPE_ROWS - 1 }), () => mergedCount++);
    system.endTurn();
    assert.equal(system.workers.links[2]?.stepWorker(), false);
    for (const shard of [0, 1]) {
      assert.equal(mergedCount, 0);
      system.workers.links[shard]?.stepWorker();
      system.workers.links[shard]?.deliver();
    }
    assert.equal(mergedCount, 1);
  });

  test("without rows takes away what the node had in the range, in every shard", () => {
    const system = new ShardSystem({ shardCount: 5 });
    for (let stripe = 0; stripe < 7; stripe++) system.addStripe(stripe);
    const rows = Array.from({ length: 7 }, (_, stripe) => ({ id: stripe * STRIPE_ROWS + 9 }));
    system.set.mergeChunk(chunkOf(1, rows), () => {});
    system.settle();
    assert.equal(system.containerCount(1), 7);
    system.set.mergeChunk(chunkOf(1, [], { fromId: STRIPE_ROWS, toId: 5 * STRIPE_ROWS }), () => {});
    system.settle();
    assert.equal(system.containerCount(1), 3);
    system.checkInvariants();
  });
});

describe("a full ring", () => {
  test("refuses rows as a whole, and offers room again when the shards took what was there", () => {
    const system = new ShardSystem({ shardCount: 2 });
    const rows = Array.from({ length: 2000 }, (_, index) => ({ id: index * 40 + 1 }));
    let takenCount = 0;
    while (system.set.applyIncremental(chunkOf(1, rows))) takenCount++;
    assert.ok(takenCount > 5, `only ${takenCount} reports fitted`);
    system.endTurn();
    const { roomCount } = system;
    // Incremental reports are not answered, so only time can tell.
    for (const link of system.workers.links) while (link.stepWorker());
    system.scheduler.runSync(system.scheduler.nowMs + 5);
    assert.ok(system.roomCount > roomCount);
    assert.equal(system.set.applyIncremental(chunkOf(1, rows)), true);
    system.settle();
    assert.equal(system.set.statistics().rowCount, (takenCount + 1) * rows.length);
  });

  test("holds a purge back, and the rows that come behind it until it is sent", () => {
    const system = new ShardSystem({ shardCount: 1 });
    system.addStripe(0);
    const rows = Array.from({ length: 2000 }, (_, index) => ({ id: index + 1 }));
    while (system.set.applyIncremental(chunkOf(1, rows)));
    while (system.set.applyIncremental(chunkOf(2, [{ id: 1 }])));
    // More than the ring's last bytes hold.
    for (let i = 0; i < 100; i++) system.set.purgeNode(nodeSlot(1));
    system.endTurn();
    for (const link of system.workers.links) while (link.stepWorker());
    assert.equal(system.set.applyIncremental(chunkOf(1, [{ id: 5 }])), false);
    system.scheduler.runSync(system.scheduler.nowMs + 5);
    assert.equal(system.set.applyIncremental(chunkOf(1, [{ id: 5 }])), true);
    assert.deepEqual(
      [1, 5].map((id) => system.replicasOf(id).map(({ node }) => node)),
      [[2], [1]],
    );
    assert.equal(system.containerCount(1), 2000);
  });
});

describe("a query", () => {
  test("finds replicas in a row, in overflow blocks, and beyond all stripes", () => {
    const system = new ShardSystem({ shardCount: 2 });
    system.addStripe(0);
    const far = 2 ** 40 + STRIPE_ROWS;
    for (let node = 0; node < 20; node++) {
      system.set.applyIncremental(
        chunkOf(node, [
          { id: 3, usedBytes: node },
          { id: far, keyCount: node },
        ]),
      );
    }
    assert.deepEqual(
      system.replicasOf(3).map(({ node, usedBytes }) => node - usedBytes),
      new Array(20).fill(0),
    );
    assert.deepEqual(
      system.replicasOf(far).map(({ node, keyCount }) => node - keyCount),
      new Array(20).fill(0),
    );
    assert.deepEqual(system.replicasOf(4), []);
    assert.deepEqual(system.replicasOf(far + 1), []);
  });

  test("beyond what may wait is refused", () => {
    const system = new ShardSystem({ shardCount: 1 });
    const answers: (ContainerReplicas | StrataError)[] = [];
    for (let i = 0; i < 1025; i++) system.set.queryReplicas(containerId(1), (answer) => answers.push(answer));
    assert.equal(answers.length, 1);
    assert.equal((answers[0] as StrataError).code, "OVERLOADED");
    system.settle();
    assert.equal(answers.length, 1025);
  });
});

test("after the container table was replaced, every container with replicas is checked anew", () => {
  const system = new ShardSystem({ shardCount: 2 });
  for (const stripe of [0, 1]) system.addStripe(stripe);
  const ids = [3, 60_000, STRIPE_ROWS + 7, 2 * STRIPE_ROWS + 1, 3 * STRIPE_ROWS + 1];
  const rows = ids.map((id) => ({ id }));
  for (const node of [1, 2]) system.set.mergeChunk(chunkOf(node, rows), () => {});
  system.settle();
  assert.equal(system.set.statistics().unknownReplicaCount, 10);
  assert.equal(system.set.statistics().sideReplicaCount, 4);
  // A snapshot brings most of them, one in a stripe that was not there.
  system.addStripe(2);
  for (const id of [3, STRIPE_ROWS + 7, 2 * STRIPE_ROWS + 1]) system.addContainer(id);
  system.set.recheckContainers();
  system.settle();
  const { unknownReplicaCount, sideReplicaCount, replicaCount, recheckedCount } = system.set.statistics();
  assert.deepEqual([unknownReplicaCount, sideReplicaCount, replicaCount], [4, 2, 10]);
  assert.equal(recheckedCount, 4, "those in stripes");
  for (const id of ids) assert.equal(system.replicasOf(id).length, 2);
  system.checkInvariants();
});

test("replicas count as unknown until their node reports them after the container came", () => {
  const system = new ShardSystem({ shardCount: 1 });
  system.addStripe(0);
  const report = (): void => {
    system.set.mergeChunk(chunkOf(1, [{ id: 1 }, { id: 2 }, { id: 2 ** 40 }]), () => {});
    system.settle();
  };
  report();
  assert.equal(system.set.statistics().unknownReplicaCount, 3);
  system.addContainer(1);
  report();
  assert.equal(system.set.statistics().unknownReplicaCount, 2);
  assert.equal(system.set.statistics().updatedCount, 0);
  system.checkInvariants();
});

describe("a node with ids beyond all stripes", () => {
  test("keeps its limit of them and takes no more memory", () => {
    const system = new ShardSystem({ shardCount: 1, sideIdsPerNodeMax: 100 });
    const rows = Array.from({ length: 3000 }, (_, index) => ({ id: 2 ** 40 + index * STRIPE_ROWS }));
    system.set.mergeChunk(chunkOf(1, rows), () => {});
    system.set.applyIncremental(chunkOf(1, [{ id: 2 ** 41 }]));
    system.settle();
    assert.equal(system.containerCount(1), 100);
    assert.equal(system.set.statistics().rejectedCount, 2901);
    assert.equal(system.set.statistics().sideReplicaCount, 100);
    system.set.mergeChunk(chunkOf(1, []), () => {});
    system.settle();
    assert.equal(system.containerCount(1), 0);
    assert.equal(system.set.statistics().replicaCount, 0);
    system.checkInvariants();
  });
});

describe("a shard that is terminated", () => {
  test("comes back empty, with its stripes, and says what was lost", async () => {
    const system = new ShardSystem({ shardCount: 2 });
    system.addStripe(0);
    system.addStripe(1);
    const rows = [{ id: 1 }, { id: 2 }, { id: STRIPE_ROWS + 1 }];
    system.set.mergeChunk(chunkOf(1, rows), () => {});
    system.settle();
    assert.equal(system.containerCount(1), 3);

    const outcomes: string[] = [];
    const note = (what: string) => (error: StrataError | undefined) =>
      outcomes.push(`${what} ${error?.code}`);
    system.set.mergeChunk(chunkOf(2, rows), note("both"));
    system.set.mergeChunk(chunkOf(2, [], { fromId: 0, toId: STRIPE_ROWS - 1 }), note("shard 0"));
    system.set.queryReplicas(containerId(STRIPE_ROWS + 1), (answer) => {
      outcomes.push(answer instanceof StrataError ? `query ${answer.code}` : "query answered");
    });
    await terminate(system, 1, TERMINATED);
    assert.deepEqual(system.restarts, [1]);
    assert.deepEqual(outcomes, ["both SHARD_UNAVAILABLE", "query SHARD_UNAVAILABLE"]);
    system.settle();
    assert.deepEqual(outcomes.slice(2), ["shard 0 undefined"]);
    assert.equal(system.containerCount(1), 2);

    system.set.mergeChunk(chunkOf(1, rows), note("again"));
    system.settle();
    assert.equal(outcomes.at(-1), "again undefined");
    assert.equal(system.containerCount(1), 3);
    assert.equal(system.set.statistics().replicaCount, 3);
    assert.equal(system.set.statistics().sideReplicaCount, 0);
    assert.deepEqual(system.failures, []);
    system.checkInvariants();
  });

  test("is not brought back when it ended by a bug", async () => {
    const system = new ShardSystem({ shardCount: 2 });
    await terminate(system, 0, new AssertionError("list is not ascending"));
    assert.deepEqual(system.restarts, []);
    assert.equal(system.failures[0]?.message, "list is not ascending");
  });

  test("is not brought back for ever when it cannot start, as under a destroyed pool", async () => {
    const system = new ShardSystem({ shardCount: 2 });
    system.workers.canStart = false;
    await terminate(system, 1, TERMINATED);
    assert.deepEqual([system.restarts, system.failures], [[1], []]);
    await terminate(system, 1, TERMINATED);
    assert.deepEqual([system.restarts, system.failures], [[1], [TERMINATED]]);
  });

  test("is not brought back while the set stops", async () => {
    const system = new ShardSystem({ shardCount: 2 });
    const stopped = system.set.stop();
    await terminate(system, 0, TERMINATED);
    await stopped;
    assert.deepEqual(system.restarts, []);
  });
});
