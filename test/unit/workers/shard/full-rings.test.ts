import assert from "node:assert/strict";
import { test } from "node:test";
import { REPLICA_ACTION } from "../../../../engine/cluster/containers/replica-rules.js";
import { containerId, nodeSlot } from "../../../../engine/core/ids.js";
import { testRows } from "../../../support/workers/report-rows.js";
import { ShardSystem } from "../../../support/workers/shard-system.js";

const COUNT = 12_000;
const CHUNK = 1000;
const IDS = Array.from({ length: COUNT }, (_, index) => index + 1);
const RING_BYTES = 256 * 1024;

function systemWith(state: "OPEN" | "DELETED"): ShardSystem {
  const system = new ShardSystem({ shardCount: 1, ringBytes: RING_BYTES });
  system.addStripe(0);
  for (const id of IDS) system.setContainer(id, { state });
  system.settle();
  return system;
}

/** Lets the shard work, and not main. */
function stepShard(system: ShardSystem): void {
  system.endTurn();
  while (system.workers.links[0]?.stepWorker());
}

/** Sends the node's replicas in chunks, each taken by the shard at once. Returns how many were merged. */
function report(system: ShardSystem, state: "OPEN" | "CLOSED"): () => number {
  let mergedCount = 0;
  for (let first = 1; first <= COUNT; first += CHUNK) {
    const ids = IDS.slice(first - 1, first - 1 + CHUNK);
    const { rows, rowBytes } = testRows(ids.map((id) => ({ id, state, isEmpty: true })));
    const chunk = { slot: nodeSlot(1), rows, rowBytes, fromId: first, toId: first + CHUNK - 1 };
    assert.ok(system.set.mergeChunk(chunk, () => mergedCount++));
    stepShard(system);
  }
  return () => mergedCount;
}

function decidedIds(system: ShardSystem): Set<number> {
  return new Set(system.decisions.map(({ containerId }) => containerId));
}

test("decisions that find no room are made again when there is some, and hold nothing else up", () => {
  const system = systemWith("DELETED");
  const mergedCount = report(system, "CLOSED");
  system.workers.links[0]?.deliver();
  assert.equal(mergedCount(), COUNT / CHUNK);
  const early = decidedIds(system).size;
  assert.ok(early > 0 && early < COUNT, `${early} of ${COUNT} decisions found room`);
  assert.equal(system.set.statistics().recheckDueCount, COUNT - early);
  system.settle();
  assert.deepEqual(decidedIds(system), new Set(IDS));
  for (const { action } of system.decisions) assert.equal(action, REPLICA_ACTION.DELETE);
});

test("a replica that is gone before its decision found room is not decided about any more", () => {
  const system = systemWith("DELETED");
  report(system, "CLOSED");
  system.set.purgeNode(nodeSlot(1));
  stepShard(system);
  system.workers.links[0]?.deliver();
  system.decisions.length = 0;
  system.settle();
  assert.deepEqual(system.decisions, []);
  system.checkInvariants();
});

test("changes of containers that find no room reach the shard later, each of them", () => {
  const system = systemWith("OPEN");
  report(system, "OPEN");
  system.settle();
  assert.deepEqual(system.decisions, []);
  const { rows, rowBytes } = testRows(IDS.slice(0, CHUNK).map((id) => ({ id, state: "OPEN" })));
  while (system.set.applyIncremental({ slot: nodeSlot(1), rows, rowBytes }));
  // Few are due, so that all decisions find room and no recheck finds them.
  const deleted = IDS.slice(-100);
  for (const id of IDS) system.setContainer(id, { state: deleted.includes(id) ? "DELETED" : "CLOSING" });
  system.endTurn();
  for (let round = 0; round < 20; round++) {
    system.settle();
    system.scheduler.runSync(system.scheduler.nowMs + 5);
  }
  assert.deepEqual(decidedIds(system), new Set(deleted));
  system.checkInvariants();
});

test("too many changes that find no room make the shard look at all containers", () => {
  const system = systemWith("OPEN");
  report(system, "OPEN");
  system.settle();
  const { rows, rowBytes } = testRows(IDS.slice(0, CHUNK).map((id) => ({ id, state: "OPEN" })));
  while (system.set.applyIncremental({ slot: nodeSlot(1), rows, rowBytes }));
  system.setContainer(1, { state: "DELETED" });
  for (let change = 0; change < 200_000; change++) {
    system.set.containerChanged(containerId(2 + (change % (COUNT - 1))));
  }
  assert.equal(system.set.statistics().recheckedCount, 0);
  system.settle();
  assert.equal(system.set.statistics().recheckedCount, COUNT);
  assert.deepEqual(decidedIds(system), new Set([1]));
  system.checkInvariants();
});
