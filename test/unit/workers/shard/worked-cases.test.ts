import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { REPLICA_ACTION } from "../../../../engine/cluster/containers/replica-rules.js";
import { CONTAINER_STATE, REPLICATION_TYPE, type ReplicaState } from "../../../../engine/core/enums.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { nodeSlot } from "../../../../engine/core/ids.js";
import { type TestRow, testRows } from "../../../support/workers/report-rows.js";
import { ShardSystem, type TestContainer } from "../../../support/workers/shard-system.js";

/* The worked edge cases of spec 02 §17, by their numbers, as far as a shard alone can show them: what it
 * records, what it makes of the numbers, and what it asks main to do. */

const ID = 77;
const RATIS = 1;
const STAND_ALONE = 2;
/** rs-3-2. */
const EC = 3;

let system: ShardSystem;

beforeEach(() => {
  system = new ShardSystem({ shardCount: 1 });
  const none = { dataCount: 0, indexCount: 0 };
  system.set.setReplicationFacts(RATIS, { type: REPLICATION_TYPE.RATIS, ...none });
  system.set.setReplicationFacts(STAND_ALONE, { type: REPLICATION_TYPE.STAND_ALONE, ...none });
  system.set.setReplicationFacts(EC, { type: REPLICATION_TYPE.EC, dataCount: 3, indexCount: 5 });
  system.addStripe(0);
});

function container(fields: TestContainer): void {
  system.setContainer(ID, fields);
  system.settle();
}

/** An incremental report of one row; returns what main was asked to do. */
function report(node: number, row: Omit<TestRow, "id">): string[] {
  system.decisions.length = 0;
  const { rows, rowBytes } = testRows([{ id: ID, ...row }]);
  assert.ok(system.set.applyIncremental({ slot: nodeSlot(node), rows, rowBytes }));
  system.settle();
  system.checkInvariants();
  return system.decisions.map(({ action }) => actionName(action));
}

function actionName(action: number): string {
  return Object.entries(REPLICA_ACTION).find(([, number]) => number === action)?.[0] ?? String(action);
}

function nodes(): number[] {
  return system.replicasOf(ID).map(({ node }) => node);
}

function live(): { usedBytes: number; keyCount: number; sequenceId: number } | undefined {
  const { live: fromShard } = system.query(ID);
  const seenByMain = { usedBytes: 0, keyCount: 0, sequenceId: 0 };
  assert.equal(system.set.liveUsage(ID, seenByMain), fromShard !== undefined);
  if (fromShard !== undefined) assert.deepEqual(seenByMain, fromShard);
  return fromShard;
}

describe("closing", () => {
  test("case 1: of an EC container, index 2 proves nothing, index 1 does", () => {
    container({ state: "CLOSING", replication: EC, sequenceId: 10 });
    assert.deepEqual(report(1, { replicaIndex: 2 }), []);
    assert.deepEqual(report(2, { replicaIndex: 1 }), ["CLOSE"]);
  });

  test("case 2: of an EC container, a parity index proves it closed", () => {
    container({ state: "CLOSING", replication: EC, sequenceId: 10 });
    assert.deepEqual(report(1, { replicaIndex: 5 }), ["CLOSE"]);
  });

  for (const [number, state] of [
    [3, "CLOSING"],
    [4, "QUASI_CLOSED"],
  ] as const) {
    test(`case ${number}: a replica older than its ${state} container is recorded and closes nothing`, () => {
      container({ state, replication: RATIS, sequenceId: 10_000 });
      assert.deepEqual(report(1, { sequenceId: 9999 }), ["STALE"]);
      // Spec 02 §18 rule 4: the reference leaves it out.
      assert.deepEqual(nodes(), [1]);
      assert.equal(system.set.statistics().staleCount, 1);
      assert.equal(live()?.sequenceId, 10_000);
    });
  }

  test("case 18: a closed replica of a closing container is recorded, whoever leads", () => {
    container({ state: "CLOSING", replication: RATIS, sequenceId: 10 });
    assert.deepEqual(report(1, { sequenceId: 10, usedBytes: 6 }), ["CLOSE"]);
    const [decision] = system.decisions;
    assert.deepEqual([decision?.containerId, decision?.node, decision?.sequenceId], [ID, 1, 10]);
    assert.deepEqual(nodes(), [1]);
  });

  test("a newer closed replica raises the sequence id first, and closes", () => {
    container({ state: "CLOSING", replication: RATIS, sequenceId: 10 });
    assert.deepEqual(report(1, { sequenceId: 12 }), ["CLOSE"]);
    assert.equal(system.decisions[0]?.sequenceId, 12);
    assert.deepEqual(report(2, { sequenceId: 10 }), ["STALE"]);
  });
});

describe("an EC container", () => {
  test("case 5: takes no replica with index 0 or beyond its parity, and keeps the earlier one", () => {
    container({ state: "CLOSED", replication: EC, sequenceId: 10 });
    report(1, { replicaIndex: 4, usedBytes: 5 });
    for (const replicaIndex of [0, 6, 14]) {
      assert.deepEqual(report(1, { replicaIndex, usedBytes: 9 }), []);
      assert.deepEqual(report(2, { replicaIndex, usedBytes: 9 }), []);
    }
    assert.deepEqual(
      system.replicasOf(ID).map(({ node, replicaIndex, usedBytes }) => [node, replicaIndex, usedBytes]),
      [[1, 4, 5]],
    );
    assert.deepEqual([live()?.usedBytes, system.set.statistics().rejectedCount], [5, 6]);
    // Said, but not valid: in the set of the datanode all the same.
    assert.equal(system.containerCount(2), 1);
  });

  test("case 8: counts the numbers of index 1 and of parity, whatever the other data indexes say", () => {
    container({ state: "CLOSED", replication: EC, sequenceId: 10 });
    for (const [replicaIndex, usedBytes] of [
      [2, 90],
      [1, 5],
      [3, 80],
      [4, 6],
      [5, 4],
    ] as const) {
      report(replicaIndex, { replicaIndex, usedBytes, keyCount: usedBytes });
    }
    assert.deepEqual([live()?.usedBytes, live()?.keyCount], [6, 6]);
    report(2, { replicaIndex: 2, usedBytes: 100, keyCount: 100 });
    assert.deepEqual([live()?.usedBytes, live()?.keyCount], [6, 6]);
  });

  test("is never quasi-closed, nor force-closed by an index that proves nothing (§18 rule 5)", () => {
    container({ state: "CLOSING", replication: EC, sequenceId: 10 });
    assert.deepEqual(report(1, { replicaIndex: 1, state: "QUASI_CLOSED" }), []);
    container({ state: "QUASI_CLOSED", replication: EC, sequenceId: 10 });
    assert.deepEqual(report(1, { replicaIndex: 2 }), []);
    assert.deepEqual(report(1, { replicaIndex: 1 }), ["FORCE_CLOSE"]);
  });
});

describe("usage", () => {
  const sizes = (state: ReplicaState): void => {
    for (const [node, size] of [5, 6, 4].entries()) report(node, { usedBytes: size, keyCount: size, state });
  };

  test("case 6: a closed container has the largest numbers, and an unhealthy report changes neither", () => {
    container({ state: "CLOSED", replication: RATIS, sequenceId: 10 });
    sizes("CLOSED");
    assert.deepEqual([live()?.usedBytes, live()?.keyCount], [6, 6]);
    report(0, { usedBytes: 9, keyCount: 9, state: "UNHEALTHY" });
    assert.deepEqual([live()?.usedBytes, live()?.keyCount], [6, 6]);
    // Recorded, though, whatever its state: the next usable report is combined with it (§6.3).
    report(1, { usedBytes: 6, keyCount: 6 });
    assert.deepEqual([live()?.usedBytes, live()?.keyCount], [9, 9]);
  });

  test("case 7: an open container has the smallest numbers", () => {
    container({ state: "OPEN", replication: RATIS });
    sizes("OPEN");
    assert.deepEqual([live()?.usedBytes, live()?.keyCount], [4, 4]);
  });

  test("a datanode that reports less can lower it; what it said before does not count (§6.5)", () => {
    container({ state: "CLOSED", replication: RATIS, sequenceId: 10 });
    report(1, { usedBytes: 9 });
    report(1, { usedBytes: 3 });
    assert.equal(live()?.usedBytes, 3);
  });

  test("replicas beyond the places of a row count like any other", () => {
    container({ state: "CLOSED", replication: RATIS, sequenceId: 10 });
    for (const [node, size] of [10, 1, 1, 1, 2, 9].entries())
      report(node, { usedBytes: size, keyCount: size });
    report(0, { usedBytes: 3, keyCount: 3 });
    assert.deepEqual([live()?.usedBytes, live()?.keyCount], [9, 9]);
    report(5, { usedBytes: 1, keyCount: 1 });
    assert.deepEqual([live()?.usedBytes, live()?.keyCount], [3, 3]);
  });

  test("begins with the container's row, and stays when replicas go", () => {
    container({ state: "CLOSED", replication: RATIS, sequenceId: 10, usedBytes: 8, keyCount: 3 });
    report(1, { usedBytes: 4, state: "UNHEALTHY" });
    assert.deepEqual(live(), { usedBytes: 8, keyCount: 3, sequenceId: 10 });
    report(2, { usedBytes: 4 });
    report(2, { state: "DELETED" });
    assert.equal(live()?.usedBytes, 4);
  });

  test("reports raise the sequence id while the container may still be written, and never later", () => {
    for (const state of ["OPEN", "CLOSING", "QUASI_CLOSED"] as const) {
      container({ state, replication: RATIS, sequenceId: CONTAINER_STATE[state] });
      report(1, { sequenceId: 20 + CONTAINER_STATE[state], state: "OPEN" });
      assert.equal(live()?.sequenceId, 20 + CONTAINER_STATE[state]);
      report(2, { sequenceId: 99, state: "UNHEALTHY" });
      assert.equal(live()?.sequenceId, 20 + CONTAINER_STATE[state]);
    }
    for (const state of ["CLOSED", "DELETING", "DELETED"] as const) {
      container({ state, replication: RATIS, sequenceId: 50 });
      report(1, { sequenceId: 60 });
      assert.equal(live()?.sequenceId, 50);
    }
  });
});

test("live usage is there from the first report on, and anew after the shard was lost", async () => {
  container({ state: "CLOSED", replication: RATIS, sequenceId: 10, usedBytes: 7 });
  assert.equal(live(), undefined);
  report(1, { usedBytes: 5 });
  assert.deepEqual(live(), { usedBytes: 5, keyCount: 5, sequenceId: 10 });
  const [shard] = system.workers.links;
  shard?.terminate(new StrataError("WORKER_TERMINATED", { role: "shard", index: 0 }));
  await shard?.ended;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(system.restarts, [0]);
  assert.equal(live(), undefined);
  report(1, { usedBytes: 6 });
  assert.equal(live()?.usedBytes, 6);
});

test("where reports raise the sequence id no more, it is the one that all SCMs have (§9.3)", () => {
  container({ state: "CLOSING", replication: RATIS, sequenceId: 10 });
  report(1, { state: "CLOSING", sequenceId: 30 });
  assert.equal(live()?.sequenceId, 30);
  // The leader had not seen that report.
  container({ state: "CLOSED", replication: RATIS, sequenceId: 25 });
  assert.equal(live()?.sequenceId, 25);
  container({ state: "DELETING", replication: RATIS, sequenceId: 25 });
  assert.deepEqual(report(2, { sequenceId: 27 }), ["RESURRECT_CLOSED"]);
});

describe("a container that is gone", () => {
  test("case 9: an empty replica of a deleted one is deleted, and recorded", () => {
    container({ state: "DELETED", replication: RATIS, sequenceId: 10 });
    assert.deepEqual(report(1, { isEmpty: true }), ["DELETE"]);
    assert.deepEqual(nodes(), [1]);
  });

  test("case 10: a replica that is not newer than what was deleted is deleted by force", () => {
    container({ state: "DELETED", replication: RATIS, sequenceId: 10 });
    assert.deepEqual(report(1, { state: "QUASI_CLOSED", sequenceId: 10 }), ["FORCE_DELETE"]);
  });

  test("case 11: an open replica with data brings a deleting one back", () => {
    container({ state: "DELETING", replication: RATIS, sequenceId: 10 });
    assert.deepEqual(report(1, { state: "OPEN", sequenceId: 3 }), ["RESURRECT_QUASI_CLOSED"]);
    assert.equal(system.decisions[0]?.sequenceId, 3, "of the replica");
    assert.deepEqual(nodes(), [1]);
  });

  test("a replica newer than what was deleted brings it back: no report has raised the sequence id", () => {
    container({ state: "DELETING", replication: RATIS, sequenceId: 10 });
    assert.deepEqual(report(1, { sequenceId: 11 }), ["RESURRECT_CLOSED"]);
    assert.deepEqual(report(1, { sequenceId: 11 }), ["RESURRECT_CLOSED"], "said again as long as it is due");
  });

  test("case 12: empty replicas of a deleting one are left to the replication manager", () => {
    container({ state: "DELETING", replication: RATIS, sequenceId: 10 });
    for (const [node, state] of (["OPEN", "CLOSING", "UNHEALTHY"] as const).entries()) {
      assert.deepEqual(report(node, { state, isEmpty: true }), []);
    }
  });

  test("case 13: an EC replica with data is deleted by force with every report, whatever its state", () => {
    for (const gone of ["DELETING", "DELETED"] as const) {
      container({ state: gone, replication: EC, sequenceId: 10 });
      for (const state of ["OPEN", "CLOSED", "QUASI_CLOSED", "UNHEALTHY", "INVALID"] as const) {
        const row = { state, replicaIndex: 1, sequenceId: 11 };
        assert.deepEqual(report(1, row), ["FORCE_DELETE"]);
        assert.deepEqual(report(1, row), ["FORCE_DELETE"]);
      }
    }
  });
});

describe("a row that is brought up to date in its place", () => {
  /** Another replica, not usable, has a sequence id that the container did not take over from it. */
  function withUnusableAhead(): void {
    container({ state: "QUASI_CLOSED", replication: RATIS, sequenceId: 10 });
    report(1, { state: "QUASI_CLOSED", sequenceId: 10 });
    report(2, { state: "UNHEALTHY", sequenceId: 12 });
    assert.equal(live()?.sequenceId, 10);
  }

  test("knows all replicas that equal the container's numbers when one that is added raises them", () => {
    withUnusableAhead();
    report(3, { state: "QUASI_CLOSED", sequenceId: 12 });
    assert.equal(live()?.sequenceId, 12);
  });

  test("knows them when one that is known raises them", () => {
    withUnusableAhead();
    report(1, { state: "QUASI_CLOSED", sequenceId: 12 });
    assert.equal(live()?.sequenceId, 12);
  });

  /** The container's row changes, and the shard has not heard of it when the replica comes back. */
  function comesBack(before: TestContainer, after: TestContainer, replica: Omit<TestRow, "id">): void {
    container(before);
    report(1, { state: before.state === "OPEN" ? "OPEN" : "CLOSED" });
    report(1, { state: "DELETED" });
    system.writeContainer(ID, after);
    report(1, replica);
  }

  test("is not under the sequence id that the container had before", () => {
    const closed = { state: "CLOSED", replication: RATIS } as const;
    comesBack({ ...closed, sequenceId: 10 }, { ...closed, sequenceId: 12 }, { sequenceId: 10 });
    assert.equal(live()?.sequenceId, 12);
  });

  test("is not under the state that the container had before: a closed one's sequence id stays", () => {
    const row = { replication: RATIS, sequenceId: 10 };
    comesBack({ ...row, state: "OPEN" }, { ...row, state: "CLOSED" }, { sequenceId: 15 });
    assert.equal(live()?.sequenceId, 10);
  });
});
