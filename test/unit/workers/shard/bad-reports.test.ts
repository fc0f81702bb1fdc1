import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CONTAINER_STATE,
  type ContainerState,
  REPLICA_STATE,
  type ReplicaState,
} from "../../../../engine/core/enums.js";
import { STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import type { ModelContainer, ModelReplica } from "../../../support/workers/replica-model.js";
import { type LaneContent, REPLICATIONS, ShardLane } from "../../../support/workers/shard-lane.js";

const SHARD_COUNTS = [1, 3];
const STRIPES = [0, 1, 2];
const END = Number.MAX_SAFE_INTEGER;
const ALL = { fromId: 0, toId: END };
const [RATIS, , EC] = REPLICATIONS as [ModelContainer["replication"], unknown, ModelContainer["replication"]];
const SMALL = { usedBytes: 10, keyCount: 1, sequenceId: 5 };

function replica(id: number, changes: Partial<ModelReplica> = {}): ModelReplica {
  const numbers = { usedBytes: 100, keyCount: 3, sequenceId: 50, dataChecksum: 0n };
  return { id, state: "CLOSED", replicaIndex: 0, isEmpty: false, ...numbers, ...changes };
}

/** The same reports for every number of shards; all tables are compared with the model's after each step. */
class Bench {
  readonly #containers = new Map<number, ModelContainer>();
  readonly #lanes: ShardLane[];
  readonly #ids = new Set<number>();
  readonly #nodeCount: number;

  constructor({ sideIdsPerNodeMax = 1000, nodeCount = 5, shardCounts = SHARD_COUNTS } = {}) {
    const containers = this.#containers;
    this.#nodeCount = nodeCount;
    this.#lanes = shardCounts.map(
      (shardCount) => new ShardLane({ shardCount, sideIdsPerNodeMax, sendsUnknown: true, containers }),
    );
    for (const stripe of STRIPES) for (const lane of this.#lanes) lane.addStripe(stripe);
  }

  container(id: number, state: ContainerState, changes: Partial<ModelContainer> = {}): void {
    this.#ids.add(id);
    this.#containers.set(id, { state, replication: RATIS, ...SMALL, ...changes });
    for (const lane of this.#lanes) {
      lane.writeContainer(id);
      lane.containerChanged(id);
    }
  }

  full(node: number, rows: readonly ModelReplica[], range = ALL): readonly LaneContent[] {
    for (const { id } of rows) this.#ids.add(id);
    return this.#step((lane) => lane.chunk(node, range, rows));
  }

  incremental(node: number, rows: readonly ModelReplica[]): readonly LaneContent[] {
    for (const { id } of rows) this.#ids.add(id);
    return this.#step((lane) => lane.incremental(node, rows));
  }

  /** Nodes with a replica of the container. */
  holders(id: number): number[] {
    const lane = this.#lanes[0] as ShardLane;
    return lane.contentOf(id).replicas.map(({ node }) => node);
  }

  live(id: number): unknown {
    return this.#lanes[0]?.contentOf(id).live;
  }

  /** Without a look at the tables. */
  send(send: (lane: ShardLane) => void): void {
    for (const lane of this.#lanes) {
      send(lane);
      lane.settle();
    }
  }

  #step(send: (lane: ShardLane) => void): readonly LaneContent[] {
    const ids = [...this.#ids].sort((a, b) => a - b);
    this.send(send);
    return this.#lanes.map((lane) => lane.check(ids, this.#nodeCount));
  }
}

describe("rows of an incremental report", () => {
  test("may come in any order, over all stripes and beyond", () => {
    const bench = new Bench();
    const ids = [STRIPE_ROWS + 7, 3, END, 2 * STRIPE_ROWS, 2, 9 * STRIPE_ROWS + 1, STRIPE_ROWS - 1];
    bench.container(3, "OPEN");
    bench.incremental(
      1,
      ids.map((id) => replica(id)),
    );
    for (const id of ids) assert.deepEqual(bench.holders(id), [1], `container ${id}`);
  });

  for (const id of [7, 9 * STRIPE_ROWS + 7]) {
    test(`with one id several times: the last one wins (id ${id})`, () => {
      const bench = new Bench();
      if (id === 7) bench.container(id, "OPEN");
      const older = replica(id, { usedBytes: 1, sequenceId: 60 });
      const newer = replica(id, { usedBytes: 2, sequenceId: 55 });
      const [content] = bench.incremental(1, [older, { ...older, state: "DELETED" }, older, newer]);
      assert.deepEqual(bench.holders(id), [1]);
      assert.deepEqual(content?.sets[1], [id]);
      bench.incremental(1, [newer, { ...newer, state: "DELETED" }]);
      assert.deepEqual(bench.holders(id), []);
    });
  }

  test("that take away what the node never had change nothing", () => {
    const bench = new Bench();
    bench.container(7, "CLOSED");
    bench.full(1, [replica(7)]);
    bench.incremental(2, [replica(7, { state: "DELETED" }), replica(END, { state: "DELETED" })]);
    assert.deepEqual(bench.holders(7), [1]);
  });
});

describe("replica indexes", () => {
  test("that an EC container does not have leave what was recorded before, and no trace in its usage", () => {
    const bench = new Bench();
    bench.container(7, "CLOSED", { replication: EC });
    bench.full(1, [replica(7, { replicaIndex: 1 })]);
    for (const replicaIndex of [0, 6, 14, 255]) {
      bench.full(1, [replica(7, { replicaIndex, usedBytes: 2 ** 40, sequenceId: 1 })]);
      bench.incremental(2, [replica(7, { replicaIndex, usedBytes: 2 ** 40 })]);
      assert.deepEqual(bench.holders(7), [1]);
      assert.deepEqual(bench.live(7), { ...SMALL, usedBytes: 100, keyCount: 3 });
    }
  });

  test("that came before their container was known go when it is", () => {
    const bench = new Bench();
    bench.full(1, [replica(7, { replicaIndex: 6 }), replica(8, { replicaIndex: 2 })]);
    bench.full(2, [replica(7, { replicaIndex: 5 })]);
    bench.container(7, "CLOSED", { replication: EC });
    bench.container(8, "CLOSED", { replication: EC });
    bench.incremental(3, []);
    assert.deepEqual(bench.holders(7), [2]);
    assert.deepEqual(bench.holders(8), [1]);
  });
});

test("every reported state of a replica is stored or taken away, in every state of its container", () => {
  const states = Object.keys(REPLICA_STATE) as ReplicaState[];
  const containers = Object.keys(CONTAINER_STATE) as ContainerState[];
  const bench = new Bench({ shardCounts: [1] });
  const ids = containers.map((_, index) => index + 1);
  for (const [index, state] of containers.entries()) bench.container(index + 1, state);
  for (const state of [...states, ...states.toReversed()]) {
    bench.full(
      1,
      ids.map((id) => replica(id, { state })),
    );
    for (const id of ids) assert.equal(bench.holders(id).includes(1), state !== "DELETED", `${id} ${state}`);
    bench.incremental(
      2,
      ids.map((id) => replica(id, { state, isEmpty: true })),
    );
  }
});

for (const state of ["OPEN", "CLOSED"] as const) {
  test(`numbers at the limits of their fields are kept as they are (container ${state})`, () => {
    const bench = new Bench();
    const largest = { usedBytes: 2 ** 48 - 1, keyCount: 2 ** 32 - 1, sequenceId: 2 ** 48 - 1 };
    const smallest = { usedBytes: 0, keyCount: 0, sequenceId: 0 };
    const middle = { usedBytes: 2 ** 32, keyCount: 2 ** 31, sequenceId: 2 ** 32 - 1 };
    bench.container(7, state, largest);
    bench.container(8, state, smallest);
    // More nodes than a row has places.
    for (let node = 0; node < 7; node++) {
      const numbers = [largest, smallest, middle][node % 3];
      const rows = [7, 8, END].map((id) => replica(id, { ...numbers, state, dataChecksum: 2n ** 64n - 1n }));
      bench.full(node, rows);
      bench.incremental(node, rows.toReversed());
    }
    for (const id of [7, 8]) {
      const usage = state === "OPEN" ? smallest : largest;
      const sequenceId = state === "OPEN" || id === 7 ? largest.sequenceId : 0;
      assert.deepEqual(bench.live(id), { ...usage, sequenceId });
    }
  });
}

describe("a full report", () => {
  const ids = [1, 2, 500, STRIPE_ROWS, STRIPE_ROWS + 1, 2 * STRIPE_ROWS + 9, 7 * STRIPE_ROWS, END - 1];

  test("that ends in the middle leaves what it had not got to, and the next one begins anew", () => {
    const bench = new Bench();
    for (const id of ids.slice(0, 6)) bench.container(id, "CLOSED");
    bench.full(
      1,
      ids.map((id) => replica(id)),
    );
    const cut = bench.full(1, [replica(2)], { fromId: 0, toId: STRIPE_ROWS });
    for (const { sets } of cut) assert.equal(sets[1]?.length, ids.length - 3);
    bench.incremental(1, [replica(1), replica(STRIPE_ROWS + 1, { state: "DELETED" })]);
    const again = bench.full(1, [replica(500)], { fromId: 0, toId: 500 });
    for (const { sets } of again) assert.equal(sets[1]?.length, 4);
    bench.full(1, [], { fromId: 501, toId: END });
    assert.deepEqual(
      ids.flatMap((id) => bench.holders(id)),
      [1],
    );
  });

  test("without rows, or of one id alone, says so at every border of a stripe", () => {
    for (const border of [1, STRIPE_ROWS - 1, STRIPE_ROWS, 3 * STRIPE_ROWS - 1, 3 * STRIPE_ROWS, END]) {
      const bench = new Bench({});
      const held = [...new Set([...ids, border])].sort((a, b) => a - b);
      bench.full(
        1,
        held.map((id) => replica(id)),
      );
      const [left] = bench.full(1, [], { fromId: border, toId: border });
      assert.equal(left?.sets[1]?.length, held.length - 1);
      bench.full(1, [replica(border)], { fromId: border, toId: border });
      assert.deepEqual(bench.holders(border), [1]);
    }
  });
});

test("a datanode that reports another's replicas has them beside it, and takes nothing from it", () => {
  const bench = new Bench();
  const rows = [1, 2, STRIPE_ROWS + 1, END].map((id) => replica(id));
  for (const id of [1, 2, STRIPE_ROWS + 1]) bench.container(id, "CLOSED");
  bench.full(1, rows);
  bench.full(2, rows);
  for (const { id } of rows) assert.deepEqual(bench.holders(id), [1, 2]);
  bench.incremental(
    2,
    rows.map((row) => ({ ...row, state: "DELETED" })),
  );
  for (const { id } of rows) assert.deepEqual(bench.holders(id), [1]);
});

test("more replicas than a row counts are left out, and their nodes' sets still say so", () => {
  const nodeCount = 258;
  const bench = new Bench({ nodeCount, shardCounts: [1] });
  bench.container(7, "OPEN");
  for (let node = 0; node < nodeCount; node++) {
    bench.send((lane) => lane.chunk(node, ALL, [replica(7, { usedBytes: node })]));
  }
  assert.equal(bench.holders(7).length, 255);
  bench.incremental(0, [replica(7, { state: "DELETED" })]);
  const [content] = bench.incremental(256, [replica(7, { usedBytes: 4 })]);
  assert.equal(bench.holders(7).length, 255);
  assert.deepEqual(content?.sets.flat(), new Array<number>(nodeCount - 1).fill(7));
});

test("ids beyond all stripes are kept up to a limit for each node, whatever else it holds", () => {
  const bench = new Bench({ sideIdsPerNodeMax: 3, shardCounts: [1] });
  const far = [4, 5, 6, 7, 8].map((stripe) => stripe * STRIPE_ROWS);
  bench.container(1, "CLOSED");
  bench.full(
    1,
    [1, 2, ...far].map((id) => replica(id)),
  );
  assert.deepEqual(
    far.flatMap((id) => bench.holders(id)),
    [1, 1, 1],
  );
  bench.incremental(1, [replica(far[4] as number), replica(far[0] as number, { state: "DELETED" })]);
  bench.incremental(1, [replica(far[4] as number), replica(3)]);
  bench.full(2, [replica(far[4] as number)]);
  bench.full(
    1,
    far.map((id) => replica(id)),
  );
});
