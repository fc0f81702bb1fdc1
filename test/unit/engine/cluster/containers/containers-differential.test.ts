import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerFilter } from "../../../../../engine/cluster/containers/containers.js";
import {
  parseReplication,
  printReplication,
  ratis,
  standAlone,
} from "../../../../../engine/cluster/containers/replication-config.js";
import { PROVING_REPLICA_STATE } from "../../../../../engine/cluster/containers/resurrection.js";
import type { Operation } from "../../../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../../../engine/cluster/operation.js";
import { CONTAINER_EVENT, CONTAINER_STATE, REPLICATION_TYPE } from "../../../../../engine/core/enums.js";
import { SeededRandom } from "../../../../../engine/core/random.js";
import type { ContainerRecord } from "../../../../../protocol/schema/records.js";
import { AppliedState, flush, MemoryStateStore } from "../../../../support/cluster/applied-state.js";
import {
  containerRecord,
  importBatch,
  seedCluster,
  suppressContainers,
} from "../../../../support/cluster/builders.js";
import { NaiveCluster, sorted } from "../../../../support/cluster/naive-cluster.js";

const SEEDS = [1, 3];
const TURNS = 80;
const CONFIGS = [
  ratis(3),
  ratis(1),
  standAlone(1),
  parseReplication("rs-3-2-1024k"),
  parseReplication("xor-2-1-4k"),
];

/** Runs of neighbouring ids, so that blocks fill up and empty: imports with gaps, flags and steps. */
class RunSource {
  readonly #random: SeededRandom;
  #highestId = 0;
  /** First and last ids of the imports. */
  readonly #ends: number[] = [1];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  operations(): Operation[] {
    const pick = this.#random.below(10);
    if (pick < 4) return [this.#import()];
    if (pick < 6) return [suppressContainers(this.#run(), this.#random.below(2) === 0)];
    const event = this.#nameOf(CONTAINER_EVENT);
    const replicaState = this.#nameOf(PROVING_REPLICA_STATE);
    return this.#run().map((containerId) => {
      const [usedBytes, keyCount, sequenceId] = [this.#below(1e9), this.#below(1e3), this.#below(200)];
      const fields = { session: NO_SESSION, containerId, usedBytes, keyCount, sequenceId };
      return pick < 9
        ? { kind: OPERATION.transitionContainer, event, ...fields }
        : { kind: OPERATION.resurrectContainer, replicaState, ...fields };
    });
  }

  filter(): ContainerFilter {
    const maybe = <T>(value: T): T | undefined => (this.#random.below(3) === 0 ? value : undefined);
    return {
      state: maybe(this.#nameOf(CONTAINER_STATE)),
      suppressed: maybe(this.#random.below(2) === 0),
      replication: this.#random.below(3) === 0 ? maybe(this.#config()) : undefined,
      replicationType: this.#random.below(2) === 0 ? maybe(this.#nameOf(REPLICATION_TYPE)) : undefined,
      replicationFactor: this.#random.below(3) === 0 ? maybe(1 + 2 * this.#below(2)) : undefined,
    };
  }

  startId(): number {
    return this.#random.below(4) === 0 ? 1 : (this.#run()[0] as number);
  }

  #import(): Operation {
    const jump = [0, 0, 64, 300, 5000, 66_000, 200_000][this.#below(7)] as number;
    let id = this.#random.below(4) === 0 ? this.#below(this.#highestId + 1) : this.#highestId + jump;
    const step = 1 + this.#below(this.#random.below(4) === 0 ? 90 : 3);
    const state = this.#nameOf(CONTAINER_STATE);
    const replication = this.#config();
    const suppressed = this.#random.below(5) === 0;
    this.#ends.push(id);
    const containers = Array.from({ length: 1 + this.#below(150) }, () => {
      id += step;
      return containerRecord(id, { state, replication, suppressed });
    });
    this.#ends.push(id);
    this.#highestId = Math.max(this.#highestId, id);
    return importBatch(containers);
  }

  #run(): number[] {
    const end = this.#ends[this.#below(this.#ends.length)] as number;
    const first = Math.max(1, end - this.#below(120));
    return Array.from({ length: 1 + this.#below(250) }, (_, i) => first + i);
  }

  #config(): ContainerRecord["replication"] {
    return CONFIGS[this.#below(CONFIGS.length)] as ContainerRecord["replication"];
  }

  #below(limit: number): number {
    return this.#random.below(limit);
  }

  #nameOf<T extends Readonly<Record<string, number>>>(table: T): keyof T & string {
    const names = Object.keys(table);
    return names[this.#below(names.length)] as string;
  }
}

/** Spec 02 §14, one container at a time. */
function matches(container: ContainerRecord, filter: ContainerFilter): boolean {
  const { type, factor } = container.replication;
  const wanted = filter.replication;
  return (
    (filter.state === undefined || container.state === filter.state) &&
    (filter.suppressed === undefined || container.suppressed === filter.suppressed) &&
    (wanted === undefined || printReplication(container.replication) === printReplication(wanted)) &&
    (filter.replicationType === undefined || type === filter.replicationType) &&
    (filter.replicationFactor === undefined || (type !== "EC" && factor === filter.replicationFactor))
  );
}

function checkCounts({ state }: AppliedState, all: readonly ContainerRecord[]): void {
  const { total, byState, suppressed } = state.containers.counts();
  assert.equal(total, all.length);
  assert.equal(suppressed, all.filter((container) => container.suppressed).length);
  for (const [name, count] of Object.entries(byState)) {
    assert.equal(count, all.filter((container) => container.state === name).length, name);
  }
}

/** A listing from its first page to its last one. */
function checkList(
  { state: { containers } }: AppliedState,
  all: readonly ContainerRecord[],
  { filter, startId, countMax }: { filter: ContainerFilter; startId: number; countMax: number },
): void {
  const where = `${JSON.stringify(filter)} from ${startId}, ${countMax} a page`;
  const expected = all.filter((each) => each.containerId >= startId && matches(each, filter));
  const { state, suppressed, ...configs } = filter;
  const isCounted =
    Object.values(configs).every((value) => value === undefined) &&
    (state === undefined || suppressed === undefined);
  let shown = 0;
  for (let next = startId; ; ) {
    const page = containers.list(next, filter, countMax);
    assert.ok(page.containers.length <= countMax, where);
    if (isCounted || page.matchCount !== undefined) {
      assert.equal(page.matchCount, expected.length - shown, `matches of ${where}, at ${next}`);
    }
    for (const container of page.containers) {
      assert.equal(sorted(container), sorted(expected[shown++] ?? {}), where);
    }
    if (page.nextContainerId === 0) break;
    assert.ok(page.nextContainerId > next, where);
    next = page.nextContainerId;
  }
  assert.equal(shown, expected.length, where);
  if (suppressed !== undefined || !isCounted) return;
  const page = containers.listIds(startId, state, 1 + expected.length);
  assert.deepEqual(page, {
    containerIds: expected.map(({ containerId }) => containerId),
    nextContainerId: 0,
  });
}

for (const seed of SEEDS) {
  test(`lists and counts are those of a plain Map, over restarts and snapshots, seed ${seed}`, () => {
    const random = new SeededRandom(seed);
    const source = new RunSource(random.stream("runs"));
    const model = new NaiveCluster();
    const store = new MemoryStateStore();
    let applied = new AppliedState();
    for (let turn = 0; turn < TURNS; turn++) {
      const operations = turn === 0 ? [seedCluster()] : source.operations();
      applied.nowMs += 1000;
      applied.apply(...operations);
      model.apply(applied.nowMs, operations);
      const lives = random.below(16);
      if (lives < 3) flush(applied.state, store);
      if (lives === 0) {
        const { nowMs } = applied;
        applied = store.load();
        applied.nowMs = nowMs;
      } else if (lives === 1) store.reload(applied);
      const all = [...model.containers.values()].sort((a, b) => a.containerId - b.containerId);
      checkCounts(applied, all);
      for (let i = 0; i < 4; i++) {
        const query = { filter: source.filter(), startId: source.startId(), countMax: 1 + random.below(300) };
        checkList(applied, all, query);
      }
      if (random.below(20) === 0) applied.state.checkInvariants();
    }
    applied.state.checkInvariants();
    assert.ok(model.containers.size > 1000, `${model.containers.size} containers`);
  });
}
