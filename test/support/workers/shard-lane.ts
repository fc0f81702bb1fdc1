import assert from "node:assert/strict";
import { REPLICA_ACTION } from "../../../engine/cluster/containers/replica-rules.js";
import { REPLICA_STATE, REPLICATION_TYPE } from "../../../engine/core/enums.js";
import { nodeSlot } from "../../../engine/core/ids.js";
import type { ContainerReplicas, ReplicaFacts } from "../../../workers/pool/replica-store.js";
import type { ReplicaDecision } from "../../../workers/shared/shard-records.js";
import {
  type ModelContainer,
  type ModelHead,
  type ModelOptions,
  type ModelRange,
  type ModelReplica,
  type ModelReplication,
  ReplicaModel,
} from "./replica-model.js";
import { testRows } from "./report-rows.js";
import { ShardSystem } from "./shard-system.js";

const RISING = new Set(["OPEN", "CLOSING", "QUASI_CLOSED"]);

/** By number. */
export const REPLICATIONS: readonly ModelReplication[] = [
  { type: "RATIS", data: 0, parity: 0 },
  { type: "STAND_ALONE", data: 0, parity: 0 },
  { type: "EC", data: 3, parity: 2 },
  { type: "EC", data: 6, parity: 3 },
];

/** What a lane was found to hold; the same for lanes that differ in their number of shards only. */
export interface LaneContent {
  /** By id, then by node. */
  readonly replicas: readonly (readonly ReplicaFacts[])[];
  readonly heads: readonly (ModelHead | undefined)[];
  /** By node. */
  readonly sets: readonly (readonly number[])[];
}

/** Real shards of one number, and the model that says what they should hold: both are told the same. */
export class ShardLane {
  system: ShardSystem;
  model: ReplicaModel;
  /** Whether all that was decided is compared. Not while a shard may go by a state of before. */
  isExact = true;
  decisionCount = 0;
  readonly #options: ModelOptions;
  readonly #stripes: number[] = [];

  constructor(options: ModelOptions) {
    this.#options = options;
    this.system = this.#startSystem();
    this.model = new ReplicaModel(options);
  }

  get shardCount(): number {
    return this.#options.shardCount;
  }

  addStripe(stripe: number): void {
    this.#stripes.push(stripe);
    this.system.addStripe(stripe);
    this.model.addStripe(stripe);
  }

  /** Writes the row that main's table has for the container, and tells nobody. */
  writeContainer(id: number): void {
    writeContainer(this.system, id, this.#options.containers.get(id) as ModelContainer);
  }

  containerChanged(id: number): void {
    this.system.set.containerChanged(id);
    this.system.endTurn();
    this.model.containerChanged(id);
  }

  chunk(node: number, range: ModelRange, rows: readonly ModelReplica[]): void {
    const chunk = { slot: nodeSlot(node), ...testRows(rows, hasChecksums(rows)), ...range };
    assert.ok(
      this.system.set.mergeChunk(chunk, () => {}),
      "no room for a chunk",
    );
    this.model.chunk(node, range, rows);
  }

  incremental(node: number, rows: readonly ModelReplica[]): void {
    const report = { slot: nodeSlot(node), ...testRows(rows, hasChecksums(rows)) };
    assert.ok(this.system.set.applyIncremental(report), "no room for an incremental report");
    this.model.incremental(node, rows);
  }

  purge(node: number): void {
    this.system.set.purgeNode(nodeSlot(node));
    this.model.purge(node);
  }

  /** As after a change of leader: all that is due is decided again. */
  recheck(): void {
    this.settle();
    this.system.set.recheckContainers();
    this.model.recheck();
    this.settle();
  }

  /** Lets all shards take what was sent. */
  settle(): void {
    this.system.settle();
    for (let shard = 0; shard < this.shardCount; shard++) this.model.process(shard);
    this.compareDecisions();
  }

  settleShard(shard: number): void {
    this.system.settleShard(shard);
    this.model.process(shard);
    this.compareDecisions();
  }

  async crash(shard: number): Promise<void> {
    await this.system.terminate(shard);
    this.model.crash(shard);
  }

  /** The process is started again: the container table is all that is left. */
  restart(): void {
    this.system = this.#startSystem();
    this.model = new ReplicaModel(this.#options);
    for (const stripe of this.#stripes) {
      this.system.addStripe(stripe);
      this.model.addStripe(stripe);
    }
    for (const [id, container] of this.#options.containers) writeContainer(this.system, id, container);
  }

  /** The model begins anew: after all was reported again it says what shards would hold that were never told
   * late. */
  forget(): void {
    const { rejectedCount } = this.system.set.statistics();
    this.model = new ReplicaModel(this.#options);
    for (const stripe of this.#stripes) this.model.addStripe(stripe);
    this.model.rejectedCount = rejectedCount;
  }

  /** From here on all must be as in the model again. It takes over what depends on what was reported when:
   * the highest sequence id there ever was, and the usage when no replica counts. */
  adoptUsage(): void {
    for (const [id, { state }] of this.#options.containers) {
      const { live } = this.contentOf(id);
      const expected = this.model.liveUsage(id);
      if (live === undefined) continue;
      assert.ok(live.sequenceId >= (expected?.sequenceId ?? 0), `sequence id of container ${id}`);
      const { usedBytes, keyCount, sequenceId } = this.model.hasUsage(id) && expected ? expected : live;
      this.model.adopt(id, {
        usedBytes,
        keyCount,
        sequenceId: RISING.has(state) ? live.sequenceId : sequenceId,
      });
    }
    this.isExact = true;
  }

  compareDecisions(): void {
    const decided = this.system.decisions.splice(0).map(decisionText);
    const due = this.model.decisions.splice(0).map(decisionText);
    this.decisionCount += due.length;
    if (!this.isExact) return;
    const extra = difference(decided, due);
    const missing = difference(due, decided);
    const what = `decisions of ${this.shardCount} shards`;
    assert.deepEqual({ extra, missing }, { extra: [], missing: [] }, what);
  }

  /** Compares all tables with the model's, and returns what they hold. */
  check(ids: readonly number[], nodeCount: number): LaneContent {
    this.system.checkInvariants();
    const heads: (ModelHead | undefined)[] = [];
    const replicas = ids.map((id) => {
      const expected = [...(this.model.replicas.get(id) ?? [])].sort(([a], [b]) => a - b).map(facts);
      const { replicas: found, live } = this.contentOf(id);
      assert.deepEqual(found, expected, `replicas of container ${id}`);
      assert.deepEqual(this.system.liveUsage(id), live, `usage of container ${id}, read in place`);
      if (this.isExact) assert.deepEqual(live, this.model.liveUsage(id), `live usage of container ${id}`);
      heads.push(live);
      return found;
    });
    const sets = Array.from({ length: nodeCount }, (_, node) => this.system.idsOf(node));
    const expectedSets = sets.map((_, node) => [...(this.model.sets.get(node) ?? [])].sort((a, b) => a - b));
    assert.deepEqual(sets, expectedSets, "ids of the nodes");
    const sizes = sets.map((_, node) => this.system.containerCount(node));
    assert.deepEqual(
      sizes,
      sets.map(({ length }) => length),
      "numbers of the nodes' ids",
    );
    const { replicaCount, rejectedCount } = this.system.set.statistics();
    assert.equal(
      replicaCount,
      replicas.reduce((sum, { length }) => sum + length, 0),
      "number of replicas",
    );
    assert.equal(rejectedCount, this.model.rejectedCount, "rows left out");
    return { replicas, heads, sets };
  }

  /** Replicas by node, and the live usage. */
  contentOf(id: number): ContainerReplicas {
    const { replicas, live } = this.system.query(id);
    return { replicas: [...replicas].sort((a, b) => a.node - b.node), live };
  }

  #startSystem(): ShardSystem {
    const system = new ShardSystem(this.#options);
    for (const [number, { type, data, parity }] of REPLICATIONS.entries()) {
      const facts = { type: REPLICATION_TYPE[type], dataCount: data, indexCount: data + parity };
      system.set.setReplicationFacts(number, facts);
    }
    return system;
  }
}

function writeContainer(system: ShardSystem, id: number, container: ModelContainer): void {
  const { state, replication, usedBytes, keyCount, sequenceId } = container;
  system.writeContainer(id, {
    state,
    replication: REPLICATIONS.indexOf(replication),
    usedBytes,
    keyCount,
    sequenceId,
  });
}

function hasChecksums(rows: readonly ModelReplica[]): boolean {
  return rows.some(({ dataChecksum }) => dataChecksum !== 0n);
}

function facts([node, row]: [number, ModelReplica]): object {
  return {
    node,
    origin: 0,
    state: REPLICA_STATE[row.state],
    replicaIndex: row.replicaIndex,
    isEmpty: row.isEmpty,
    sequenceId: row.sequenceId,
    keyCount: row.keyCount,
    usedBytes: row.usedBytes,
    dataChecksum: row.dataChecksum,
  };
}

/** Of an unknown container nothing counts but who has it. */
function decisionText(decision: ReplicaDecision): string {
  const { containerId, node, action, replicaIndex, replicaState, sequenceId, usedBytes, keyCount } = decision;
  const replica = `container ${containerId}, node ${node}: state ${replicaState}, index ${replicaIndex}`;
  if (action === REPLICA_ACTION.UNKNOWN) return `${replica}: unknown`;
  return `${replica}: action ${action}, sequence ${sequenceId}, used ${usedBytes}, keys ${keyCount}`;
}

/** What is in `texts` more often than in `others`. */
function difference(texts: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of others) counts.set(text, (counts.get(text) ?? 0) + 1);
  return texts.filter((text) => {
    const count = counts.get(text) ?? 0;
    counts.set(text, count - 1);
    return count <= 0;
  });
}
