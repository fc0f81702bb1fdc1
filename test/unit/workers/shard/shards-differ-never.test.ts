import assert from "node:assert/strict";
import { test } from "node:test";
import { REPLICA_STATE, REPLICATION_TYPE, type ReplicaState } from "../../../../engine/core/enums.js";
import { nodeSlot } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { STRIPE_ROWS, stripeOf } from "../../../../workers/shared/container-layout.js";
import { ReplicaModel } from "../../../support/workers/replica-model.js";
import { type TestRow, testRows } from "../../../support/workers/report-rows.js";
import { ShardSystem } from "../../../support/workers/shard-system.js";

const SHARD_COUNTS = [1, 2, 5];
const NODE_COUNT = 15;
const STRIPES = [0, 1, 2, 3, 4, 6, 11];
const OFFSETS = [0, 1, 2, 7, 300, 301, 40_000, STRIPE_ROWS - 2, STRIPE_ROWS - 1];
/** Never in a stripe. */
const FAR_IDS = [
  20 * STRIPE_ROWS,
  2 ** 33 + 3,
  2 ** 40,
  Number.MAX_SAFE_INTEGER - 1,
  Number.MAX_SAFE_INTEGER,
];
const STATES = Object.keys(REPLICA_STATE) as ReplicaState[];
const EC_CONFIG = 3;
const EC_INDEX_COUNT = 5;
const SETTLES = 60;
const STEPS_PER_SETTLE = 25;

/** As a closed container's replicas are. The used bytes end in the word of a closed state and origin 0,
 * should the merge ever look at the wrong place. */
const COMMON = {
  usedBytes: 2 ** 32 + (REPLICA_STATE.CLOSED << 16),
  sequenceId: 77,
  keyCount: 4,
  state: "CLOSED",
  isEmpty: false,
  replicaIndex: 0,
  dataChecksum: 0n,
} as const;

const IDS = [
  ...STRIPES.flatMap((stripe) => OFFSETS.map((offset) => stripe * STRIPE_ROWS + offset)).filter(
    (id) => id > 0,
  ),
  ...FAR_IDS,
];

/** The same random history for several systems and the model. */
class History {
  readonly systems = SHARD_COUNTS.map((shardCount) => new ShardSystem({ shardCount }));
  readonly model = new ReplicaModel();
  readonly #random: SeededRandom;
  readonly #missingStripes = new Set(STRIPES);
  /** Where each node's full report goes on. */
  readonly #nextFromId = new Array<number>(NODE_COUNT).fill(0);

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    for (const { set } of this.systems) {
      set.setReplicationFacts(EC_CONFIG, {
        type: REPLICATION_TYPE.EC,
        dataCount: 3,
        indexCount: EC_INDEX_COUNT,
      });
    }
  }

  run(): void {
    for (let settle = 0; settle < SETTLES; settle++) {
      this.#addContainers();
      for (const system of this.systems) system.settle();
      for (let step = 0; step < STEPS_PER_SETTLE; step++) this.#step();
      for (const system of this.systems) system.settle();
      if (settle % 30 === 29) this.check();
    }
    this.check();
  }

  check(): void {
    for (const system of this.systems) {
      system.checkInvariants();
      for (const id of IDS) {
        const expected = [...(this.model.replicas.get(id) ?? [])].sort(([a], [b]) => a - b).map(facts);
        assert.deepEqual(system.replicasOf(id), expected, `container ${id}`);
      }
      for (let node = 0; node < NODE_COUNT; node++) {
        assert.equal(
          system.containerCount(node),
          this.model.sets.get(node)?.size ?? 0,
          `set of node ${node}`,
        );
      }
    }
    // How reports are cut and lists stored depends on the number of shards, what is known does not.
    const figures = this.systems.map(({ set }) => ({ ...set.statistics(), reportCount: 0, tableBytes: 0 }));
    for (const figure of figures) assert.deepEqual(figure, figures[0]);
    const replicas = [...this.model.replicas.values()].reduce((sum, { size }) => sum + size, 0);
    assert.equal(figures[0]?.replicaCount, replicas);
  }

  #step(): void {
    const node = this.#below(NODE_COUNT);
    const kind = this.#below(20);
    if (kind < 12) this.#chunk(node);
    else if (kind < 18) this.#incremental(node);
    else if (kind < 19) this.#purge(node);
    else this.#addStripe();
  }

  /** The next chunk of the node's report, cut anywhere; now and then it begins anew, as after registering. */
  #chunk(node: number): void {
    if (this.#oneIn(12)) this.#nextFromId[node] = 0;
    const fromId = this.#nextFromId[node] as number;
    const toId = this.#border(fromId);
    this.#nextFromId[node] = toId === Number.MAX_SAFE_INTEGER ? 0 : toId + 1;
    const held = this.model.sets.get(node);
    const losesSome = this.#oneIn(3);
    const rows = IDS.filter((id) => id >= fromId && id <= toId)
      .filter((id) => (held?.has(id) === true ? !losesSome || !this.#oneIn(4) : this.#takesUp(node, id)))
      .sort((a, b) => a - b)
      .map((id) => this.#row(node, id));
    const withChecksum = this.#addChecksums(node, rows);
    const { rows: bytes, rowBytes } = testRows(rows, withChecksum);
    for (const { set } of this.systems) {
      const chunk = {
        slot: nodeSlot(node),
        rows: bytes,
        rowBytes,
        fromId,
        toId,
      };
      assert.ok(set.mergeChunk(chunk, (error) => assert.equal(error, undefined)));
    }
    this.model.chunk(node, { fromId, toId }, rows);
  }

  #incremental(node: number): void {
    const rows = Array.from({ length: this.#below(20) }, () => this.#anyId())
      .filter((id) => this.model.sets.get(node)?.has(id) === true || this.#takesUp(node, id))
      .map((id) => this.#row(node, id));
    const withChecksum = this.#addChecksums(node, rows);
    const { rows: bytes, rowBytes } = testRows(rows, withChecksum);
    for (const { set } of this.systems) {
      assert.ok(set.applyIncremental({ slot: nodeSlot(node), rows: bytes, rowBytes }));
    }
    this.model.incremental(node, rows);
  }

  #purge(node: number): void {
    for (const { set } of this.systems) set.purgeNode(nodeSlot(node));
    this.model.purge(node);
  }

  #addStripe(): void {
    const stripe = [...this.#missingStripes][this.#below(STRIPES.length)];
    if (stripe === undefined) return;
    this.#missingStripes.delete(stripe);
    for (const system of this.systems) system.addStripe(stripe);
  }

  /** Only while nothing is on the way: whether a shard sees a container in time is no part of the model. */
  #addContainers(): void {
    for (let i = 0; i < 4; i++) {
      const id = this.#anyId();
      if (FAR_IDS.includes(id) || this.#missingStripes.has(stripeOf(id)) || this.model.containers.has(id))
        continue;
      const isEc = this.#oneIn(2);
      this.model.addContainer(id, isEc ? EC_INDEX_COUNT : 0);
      for (const system of this.systems)
        system.setContainer(id, { state: "OPEN", replication: isEc ? EC_CONFIG : 0 });
    }
  }

  /** Mostly what the node said last about the container, sometimes with one other value; else what all
   * say, or anything. */
  #row(node: number, id: number): TestRow {
    const last = this.model.replicas.get(id)?.get(node);
    if (last !== undefined && !this.#oneIn(6)) return last;
    const replicaIndex = this.model.containers.get(id) === EC_INDEX_COUNT ? 1 + (node % EC_INDEX_COUNT) : 0;
    const row = last !== undefined && this.#oneIn(2) ? last : { ...COMMON, id, replicaIndex };
    switch (this.#below(12)) {
      case 0:
        return { ...row, usedBytes: this.#oneIn(8) ? 2 ** 47 + 1 : this.#below(3) };
      case 1:
        // Rarely higher: a container's sequence id never falls again.
        return { ...row, sequenceId: this.#oneIn(20) ? 2 ** 47 + 1 : this.#below(3) };
      case 2:
        return { ...row, keyCount: this.#oneIn(8) ? 2 ** 32 - 1 : this.#below(3) };
      case 3:
        return { ...row, state: STATES[this.#below(STATES.length)] as ReplicaState };
      case 4:
        return { ...row, isEmpty: !row.isEmpty };
      case 5:
        return { ...row, replicaIndex: this.#below(15) };
      case 6:
        return { ...row, state: "DELETED" };
      default:
        return row;
    }
  }

  /** Every second node reports checksums, now and then one of the others does. Changes the rows. */
  #addChecksums(node: number, rows: TestRow[]): boolean {
    const withChecksum = (node % 2 === 0) !== this.#oneIn(20);
    for (const [index, row] of rows.entries()) {
      if (!withChecksum) rows[index] = { ...row, dataChecksum: 0n };
      else if (row.dataChecksum === 0n || this.#oneIn(15)) {
        const dataChecksum = this.#oneIn(4)
          ? ([0n, 1n, 2n ** 64n - 1n][this.#below(3)] as bigint)
          : 2n ** 40n + 7n;
        rows[index] = { ...row, dataChecksum };
      }
    }
    return withChecksum;
  }

  /** Whether the node gets a replica it did not have: three nodes share most containers, all nodes every
   * fifth. */
  #takesUp(node: number, id: number): boolean {
    const index = IDS.indexOf(id);
    const isHome = index % 5 === 0 || (node + index) % 5 === 0;
    return this.#oneIn(isHome ? 3 : 200);
  }

  #border(fromId: number): number {
    if (this.#oneIn(6)) return Number.MAX_SAFE_INTEGER;
    const border = this.#anyId() + this.#below(3) - 1;
    return Math.min(Math.max(border, fromId), Number.MAX_SAFE_INTEGER);
  }

  #anyId(): number {
    return IDS[this.#below(IDS.length)] as number;
  }

  #below(bound: number): number {
    return this.#random.below(bound);
  }

  #oneIn(bound: number): boolean {
    return this.#below(bound) === 0;
  }
}

function facts([node, row]: [number, TestRow]): object {
  return {
    node,
    origin: 0,
    state: REPLICA_STATE[row.state ?? "CLOSED"],
    replicaIndex: row.replicaIndex,
    isEmpty: row.isEmpty,
    sequenceId: row.sequenceId,
    keyCount: row.keyCount,
    usedBytes: row.usedBytes,
    dataChecksum: row.dataChecksum,
  };
}

const fixedSeeds = [1, 2, 3];
const randomSeed = Math.floor(Math.random() * 2 ** 32);
for (const seed of [...fixedSeeds, randomSeed]) {
  test(`1, 2 and 5 shards end in the tables of a naive model, whatever the reports do (seed ${seed})`, () => {
    new History(seed).run();
  });
}
