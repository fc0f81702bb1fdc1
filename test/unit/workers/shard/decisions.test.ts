import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  actionFor,
  REPLICA_ACTION,
  RULE_KIND,
  SEQUENCE_ORDER,
} from "../../../../engine/cluster/containers/replica-rules.js";
import { CONTAINER_STATE, REPLICA_STATE } from "../../../../engine/core/enums.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { nodeSlot } from "../../../../engine/core/ids.js";
import { STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import { type TestRow, testRows } from "../../../support/workers/report-rows.js";
import { ShardSystem } from "../../../support/workers/shard-system.js";

const END = Number.MAX_SAFE_INTEGER;

function report(system: ShardSystem, node: number, rows: readonly TestRow[]): void {
  const { rows: bytes, rowBytes } = testRows(rows);
  assert.ok(system.set.applyIncremental({ slot: nodeSlot(node), rows: bytes, rowBytes }));
}

function fullReport(system: ShardSystem, node: number, rows: readonly TestRow[]): void {
  const { rows: bytes, rowBytes } = testRows(rows);
  const chunk = { slot: nodeSlot(node), rows: bytes, rowBytes, fromId: 0, toId: END };
  assert.ok(system.set.mergeChunk(chunk, () => {}));
}

function decidedIds(system: ShardSystem): number[] {
  return [...new Set(system.decisions.map(({ containerId }) => containerId))].sort((a, b) => a - b);
}

test("RATIS and STAND_ALONE are alike where a new replica is taken over the short way", () => {
  for (const state of ["OPEN", "CLOSING", "QUASI_CLOSED", "CLOSED"] as const) {
    for (const replica of Object.values(REPLICA_STATE)) {
      for (const order of Object.values(SEQUENCE_ORDER)) {
        const [ratis, standAlone] = [RULE_KIND.RATIS, RULE_KIND.STAND_ALONE].map((kind) =>
          actionFor(CONTAINER_STATE[state], replica, kind, order, false),
        );
        assert.equal(ratis, standAlone, `${state}, replica ${replica}`);
      }
    }
  }
});

test("what replicas mean does not depend on their numbers where the short way takes them over", () => {
  const replicas = Object.values(REPLICA_STATE);
  for (const state of ["OPEN", "CLOSING", "QUASI_CLOSED", "CLOSED"] as const) {
    for (const kind of Object.values(RULE_KIND)) {
      for (const replica of replicas) {
        for (const isEmpty of [false, true]) {
          const isNothing = Object.values(SEQUENCE_ORDER).map(
            (order) =>
              actionFor(CONTAINER_STATE[state], replica, kind, order, isEmpty) === REPLICA_ACTION.NONE,
          );
          assert.equal(new Set(isNothing).size, 1, `${state}, replica ${replica}, kind ${kind}`);
        }
      }
    }
  }
});

describe("a channel to main that is full", () => {
  /** More decisions than the channel takes. */
  const COUNT = 6000;
  const ids = Array.from({ length: COUNT }, (_, index) => index + 1);

  function overflowing(): ShardSystem {
    const system = new ShardSystem({ shardCount: 1, ringBytes: 256 * 1024 });
    system.addStripe(0);
    for (const id of ids) system.addContainer(id);
    // In parts, since the channel from main is no larger; main takes nothing meanwhile.
    for (let from = 0; from < COUNT; from += 1000) {
      report(
        system,
        1,
        ids.slice(from, from + 1000).map((id) => ({ id, state: "CLOSING" })),
      );
      system.endTurn();
      while (system.workers.links[0]?.stepWorker());
    }
    return system;
  }

  test("holds back no report, and a recheck sends what was dropped when there is room", () => {
    const system = overflowing();
    const { rowCount, decisionCount, recheckDueCount } = system.set.statistics();
    assert.equal(rowCount, COUNT);
    assert.ok(recheckDueCount > 0, "decisions found no room");
    assert.equal(decisionCount + recheckDueCount, COUNT);
    system.settle();
    assert.deepEqual(decidedIds(system), ids);
    system.checkInvariants();
  });

  test("keeps room for the answers that main waits for", () => {
    const system = overflowing();
    let foundCount = 0;
    system.set.nodeContainers(nodeSlot(1), { fromId: 1, countMax: 4096 }, (answer) => {
      foundCount = answer instanceof StrataError ? 0 : answer.ids.length;
    });
    system.endTurn();
    while (system.workers.links[0]?.stepWorker());
    // One delivery, before the shard can do anything else.
    system.workers.links[0]?.deliver();
    assert.equal(foundCount, 4096);
  });

  test("lets a recheck get to its end, however many decisions are dropped meanwhile", () => {
    const system = overflowing();
    for (let round = 0; round < 10; round++) {
      // The recheck fills the channel, so that what the report means finds no room.
      while (system.workers.links[0]?.stepWorker());
      report(
        system,
        1,
        ids.slice(0, 1000).map((id) => ({ id, state: "CLOSING" })),
      );
      system.endTurn();
      while (system.workers.links[0]?.stepWorker());
      system.workers.links[0]?.deliver();
      system.endTurn();
    }
    assert.deepEqual(decidedIds(system), ids);
  });

  test("ends a recheck also when all of it never fits at once", () => {
    const system = overflowing();
    system.settle();
    system.decisions.length = 0;
    system.set.recheckContainers();
    system.settle();
    assert.deepEqual(decidedIds(system), ids);
    assert.equal(system.decisions.length, COUNT, "each once");
  });
});

describe("replicas of unknown containers", () => {
  const rows = [{ id: 5 }, { id: 2 ** 40 }];

  test("are only counted unless the operator has them deleted", () => {
    const system = new ShardSystem({ shardCount: 1 });
    system.addStripe(0);
    fullReport(system, 1, rows);
    report(system, 1, rows);
    system.settle();
    assert.deepEqual(system.decisions, []);
    assert.equal(system.set.statistics().unknownRowCount, 4);
  });

  test("are told with every report and every recheck, in a stripe and beyond all of them", () => {
    const system = new ShardSystem({ shardCount: 1, sendsUnknown: true });
    system.addStripe(0);
    const unknown = [5, 2 ** 40].map((containerId) => ({
      containerId,
      action: REPLICA_ACTION.UNKNOWN,
      node: 1,
    }));
    const told = (): object[] => {
      system.settle();
      return system.decisions
        .splice(0)
        .map(({ containerId, action, node }) => ({ containerId, action, node }));
    };
    fullReport(system, 1, rows);
    assert.deepEqual(told(), unknown);
    report(system, 1, rows);
    assert.deepEqual(told(), unknown);
    system.set.recheckContainers();
    assert.deepEqual(told(), unknown);
    report(
      system,
      1,
      rows.map(({ id }) => ({ id, state: "DELETED" as const })),
    );
    assert.deepEqual(told(), [], "nothing is left to delete");
  });
});

describe("rows left out because a node had its limit of ids beyond all stripes", () => {
  test("are asked for with a full report when their stripe comes, once", () => {
    const system = new ShardSystem({ shardCount: 1, sideIdsPerNodeMax: 10 });
    const near = Array.from({ length: 30 }, (_, index) => ({ id: index * 4000 + 1 }));
    fullReport(system, 1, near);
    fullReport(system, 2, near.slice(0, 5));
    // Nonsense, which no stripe will ever hold.
    fullReport(
      system,
      3,
      near.map(({ id }) => ({ id: id + 2 ** 40 })),
    );
    system.settle();
    assert.equal(system.set.statistics().rejectedCount, 40);
    for (const [stripe, wanted] of [
      [2, []],
      [1, [1]],
      [0, [1]],
    ] as const) {
      system.addStripe(stripe);
      system.settle();
      assert.deepEqual(system.reportsWanted, wanted);
    }
    fullReport(system, 1, near);
    system.settle();
    assert.equal(system.containerCount(1), 30);
    assert.equal(system.set.statistics().reportsWantedCount, 1);
    system.checkInvariants();
  });
});

describe("the containers of a datanode", () => {
  const held = [1, 7, STRIPE_ROWS - 1, STRIPE_ROWS + 3, 2 * STRIPE_ROWS, 5 * STRIPE_ROWS + 1, 2 ** 33, END];

  function page(system: ShardSystem, fromId: number, countMax: number): object {
    let found: object | undefined;
    system.set.nodeContainers(nodeSlot(4), { fromId, countMax }, (answer) => {
      found = answer;
    });
    system.settle();
    assert.ok(found !== undefined, "no answer");
    return found;
  }

  for (const shardCount of [1, 2, 3]) {
    test(`come page by page in ascending order from ${shardCount} shards`, () => {
      const system = new ShardSystem({ shardCount });
      for (const stripe of [2, 0]) system.addStripe(stripe);
      fullReport(
        system,
        4,
        held.map((id) => ({ id })),
      );
      fullReport(system, 5, [{ id: 2 }, { id: 2 ** 34 }]);
      for (const countMax of [1, 2, 3, 100]) {
        const all: number[] = [];
        for (let fromId = 1; fromId !== 0; ) {
          const { ids, nextContainerId } = page(system, fromId, countMax) as {
            ids: number[];
            nextContainerId: number;
          };
          assert.ok(ids.length <= countMax);
          all.push(...ids);
          fromId = nextContainerId;
        }
        assert.deepEqual(all, held);
      }
      assert.deepEqual(page(system, 8, 2), { ids: held.slice(2, 4), nextContainerId: STRIPE_ROWS + 4 });
      assert.deepEqual(page(system, STRIPE_ROWS + 4, 9), { ids: held.slice(4), nextContainerId: 0 });
    });
  }

  test("are not known while a shard is lost", async () => {
    const system = new ShardSystem({ shardCount: 2 });
    let code = "";
    system.set.nodeContainers(nodeSlot(4), { fromId: 1, countMax: 5 }, (answer) => {
      code = answer instanceof StrataError ? answer.code : "answered";
    });
    system.workers.links[1]?.terminate(new StrataError("WORKER_TERMINATED", { role: "shard", index: 1 }));
    await system.workers.links[1]?.ended;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(code, "SHARD_UNAVAILABLE");
    system.settle();
  });
});
