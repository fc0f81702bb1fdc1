import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ContainerState, REPLICATION_TYPE, type ReplicaState } from "../../../../engine/core/enums.js";
import { nodeSlot } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { type TestRow, testRows } from "../../../support/workers/report-rows.js";
import { ShardSystem } from "../../../support/workers/shard-system.js";

/* Replicas as the head have no values of their own: whatever becomes of the head, each must stay what its
 * node said last (spec 02 §7). */

const STEPS = 800;
/** Steps in which the numbers are alike. */
const PERIOD = 60;
/** One more than a row has places, now and then. */
const NODES = 5;
const FIRST_ID = 77;
const IDS = 4;
const RATIS = 1;
const SEQUENCE = 2 ** 40 + 3;
const CONTAINER_STATES: readonly ContainerState[] = [
  "OPEN",
  "CLOSING",
  "QUASI_CLOSED",
  "CLOSED",
  "CLOSED",
  "DELETING",
  "DELETED",
];
const REPLICA_STATES: readonly ReplicaState[] = ["OPEN", "QUASI_CLOSED", "UNHEALTHY"];

/** Mostly that of before, else a new one. */
function randomSequence(random: SeededRandom, step: number): number {
  return SEQUENCE + Math.floor(step / PERIOD) + (random.below(4) === 0 ? 1 : 0);
}

/** Numbers of which few occur at a time, so that replicas are often alike, and none occurs again later. */
function randomRow(random: SeededRandom, id: number, step: number): TestRow {
  const level = Math.floor(step / PERIOD) * 2 ** 33;
  const isOdd = random.below(10) === 0;
  return {
    id,
    usedBytes: level + random.below(2) * 2 ** 32,
    sequenceId: isOdd ? level + 5 : randomSequence(random, step),
    keyCount: random.below(4) === 0 ? step : 0xffffffff,
    state: isOdd ? (REPLICA_STATES[random.below(REPLICA_STATES.length)] as ReplicaState) : "CLOSED",
  };
}

/** One shard, and beside it what each node said last of each container. */
class Reports {
  readonly system = new ShardSystem({ shardCount: 1 });
  readonly #random: SeededRandom;
  /** By node, then by id. */
  readonly #said: readonly Map<number, TestRow>[];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#said = Array.from({ length: NODES }, () => new Map<number, TestRow>());
    const ratis = { type: REPLICATION_TYPE.RATIS, dataCount: 0, indexCount: 0 };
    this.system.set.setReplicationFacts(RATIS, ratis);
    this.system.addStripe(0);
  }

  step(step: number): void {
    const random = this.#random;
    const node = random.below(NODES);
    const id = FIRST_ID + random.below(IDS);
    const what = random.below(20);
    if (what === 0) this.#changeContainer(id, step);
    else if (what < 3) this.#reportAll(node, step);
    else this.#reportOne(node, randomRow(random, id, step));
    this.#check(`step ${step}`);
  }

  #changeContainer(id: number, step: number): void {
    const state = CONTAINER_STATES[this.#random.below(CONTAINER_STATES.length)] as ContainerState;
    // Mostly what reports have raised it to, as the leader records it.
    const live = this.system.liveUsage(id)?.sequenceId;
    const isOther = live === undefined || this.#random.below(3) === 0;
    const sequenceId = isOther ? randomSequence(this.#random, step) : live;
    this.system.setContainer(id, { state, replication: RATIS, sequenceId });
    this.system.settle();
  }

  #reportOne(node: number, row: TestRow): void {
    const isGone = this.#random.below(4) === 0;
    const rows = testRows([isGone ? { id: row.id, state: "DELETED" } : row]);
    assert.ok(this.system.set.applyIncremental({ slot: nodeSlot(node), ...rows }));
    if (isGone) this.#said[node]?.delete(row.id);
    else this.#said[node]?.set(row.id, row);
  }

  /** Some as before, some with other numbers, some gone. */
  #reportAll(node: number, step: number): void {
    const random = this.#random;
    const said = this.#said[node] as Map<number, TestRow>;
    for (let id = FIRST_ID; id < FIRST_ID + IDS; id++) {
      if (random.below(2) === 0) said.set(id, randomRow(random, id, step));
      else if (random.below(8) === 0) said.delete(id);
    }
    const rows = testRows([...said.values()].sort((a, b) => a.id - b.id));
    const chunk = { slot: nodeSlot(node), fromId: FIRST_ID, toId: FIRST_ID + IDS - 1, ...rows };
    assert.ok(this.system.set.mergeChunk(chunk, () => {}));
  }

  #check(what: string): void {
    for (let id = FIRST_ID; id < FIRST_ID + IDS; id++) {
      const recorded = this.system
        .replicasOf(id)
        .map(({ node, usedBytes, sequenceId, keyCount }) => ({ node, usedBytes, sequenceId, keyCount }));
      const expected = this.#said.flatMap((rows, node) => {
        const row = rows.get(id);
        if (row === undefined) return [];
        const { usedBytes, sequenceId, keyCount } = row;
        return [{ node, usedBytes, sequenceId, keyCount }];
      });
      assert.deepEqual(recorded, expected, `${what}, container ${id}`);
    }
  }
}

describe("each replica is what its node said last", () => {
  for (let seed = 1; seed <= 20; seed++) {
    test(`seed ${seed}`, () => {
      const reports = new Reports(new SeededRandom(seed));
      for (let step = 0; step < STEPS; step++) reports.step(step);
      reports.system.checkInvariants();
    });
  }
});
