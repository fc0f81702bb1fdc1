import assert from "node:assert/strict";
import {
  CONTAINER_STATE,
  type ContainerState,
  REPLICA_STATE,
  type ReplicaState,
} from "../../../engine/core/enums.js";
import { SeededRandom } from "../../../engine/core/random.js";
import { STRIPE_ROWS, stripeOf } from "../../../workers/shared/container-layout.js";
import type { ModelContainer, ModelReplica, ModelReplication } from "./replica-model.js";
import { type LaneContent, REPLICATIONS, ShardLane } from "./shard-lane.js";

export interface HistoryOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly shardCounts: readonly number[];
  /** Low: a node's limit of unknown ids is met. Then there must be one number of shards. */
  readonly sideIdsPerNodeMax: number;
  /** Shards are told late of containers in another state: they may go by the state before for a while. */
  readonly isLate: boolean;
}

/** Everything that decides about the run of `seed`. */
export function shardOptionsOf(seed: number, rounds = ROUNDS): HistoryOptions {
  const isLimited = seed % 5 === 0;
  return {
    seed,
    rounds,
    // Nodes meet the limit with some numbers of shards and not with others.
    shardCounts: isLimited ? [SHARD_COUNTS[seed % 4] as number] : SHARD_COUNTS,
    sideIdsPerNodeMax: isLimited ? 2 : 1000,
    // What is left out then depends on what came first.
    isLate: !isLimited && seed % 3 === 0,
  };
}

export interface HistoryFigures {
  rows: number;
  decisions: number;
  transitions: number;
  crashes: number;
  restarts: number;
  leaderChanges: number;
}

const ROUNDS = 400;
const SHARD_COUNTS = [1, 2, 3, 5];
const NODE_COUNT = 15;
const STEPS_PER_ROUND = 20;
const CHECK_EVERY = 40;
/** Every number of shards up to 5 has one of its own. */
const STRIPES = [0, 1, 2, 8, 14];
const OFFSETS = [1, 2, 7, 300, 301, 40_000, STRIPE_ROWS - 2, STRIPE_ROWS - 1];
/** Longer than what the merge touches at once. */
const DENSE = Array.from({ length: 150 }, (_, index) => STRIPE_ROWS + 1000 + index);
/** Never in a stripe. */
const FAR_IDS = [
  5 * STRIPE_ROWS + 9,
  20 * STRIPE_ROWS,
  2 ** 33 + 3,
  2 ** 40,
  Number.MAX_SAFE_INTEGER - 1,
  Number.MAX_SAFE_INTEGER,
];
const IDS = [
  ...STRIPES.flatMap((stripe) => OFFSETS.map((offset) => stripe * STRIPE_ROWS + offset)),
  ...DENSE,
  ...FAR_IDS,
].sort((a, b) => a - b);
const REPLICA_STATES = Object.keys(REPLICA_STATE) as ReplicaState[];
const CONTAINER_STATES = Object.keys(CONTAINER_STATE) as ContainerState[];
/** Where a container usually goes from each state. */
const NEXT_STATES: Readonly<Partial<Record<ContainerState, readonly ContainerState[]>>> = {
  OPEN: ["CLOSING"],
  CLOSING: ["CLOSED", "QUASI_CLOSED"],
  QUASI_CLOSED: ["CLOSED", "DELETING"],
  CLOSED: ["DELETING"],
  DELETING: ["DELETED", "CLOSED", "QUASI_CLOSED"],
  DELETED: ["CLOSED", "QUASI_CLOSED"],
};
const UINT48_MAX = 2 ** 48 - 1;
const UINT32_MAX = 2 ** 32 - 1;

/** What most replicas say, as those of a closed container do. The used bytes end in the word of a closed
 * state, should the merge ever look at the wrong place. */
const COMMON = {
  usedBytes: 2 ** 32 + (REPLICA_STATE.CLOSED << 16),
  sequenceId: 77,
  keyCount: 4,
  isEmpty: false,
  dataChecksum: 0n,
};

/** A datanode of the history: what it holds, and what it has not told yet. */
class TestNode {
  readonly number: number;
  readonly content = new Map<number, ModelReplica>();
  /** For the next incremental report. */
  readonly changed: ModelReplica[] = [];
  /** Where its full report goes on. */
  nextFromId = 0;

  constructor(number: number) {
    this.number = number;
  }

  rowsIn(fromId: number, toId: number): ModelReplica[] {
    const rows = [...this.content.values()].filter(({ id }) => id >= fromId && id <= toId);
    return rows.sort((a, b) => a.id - b.id);
  }
}

/** One random life of containers, replicas and reports, told to shards of several numbers and to a model of
 * each. */
export class ShardHistory {
  readonly figures: HistoryFigures = {
    rows: 0,
    decisions: 0,
    transitions: 0,
    crashes: 0,
    restarts: 0,
    leaderChanges: 0,
  };
  readonly #options: HistoryOptions;
  readonly #random: SeededRandom;
  readonly #containers = new Map<number, ModelContainer>();
  readonly #lanes: ShardLane[];
  readonly #nodes = Array.from({ length: NODE_COUNT }, (_, number) => new TestNode(number));
  readonly #missingStripes = [...STRIPES];
  /** Containers in another state of which the shards have not been told. */
  readonly #untold = new Set<number>();

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#lanes = options.shardCounts.map((shardCount) => {
      const { sideIdsPerNodeMax } = options;
      return new ShardLane({
        shardCount,
        sideIdsPerNodeMax,
        sendsUnknown: true,
        containers: this.#containers,
      });
    });
    for (const lane of this.#lanes) lane.isExact = !options.isLate;
    for (const node of this.#nodes) {
      for (const id of IDS)
        if (this.#isHome(node, id) && this.#oneIn(2)) this.#hold(node, this.#rowOf(node, id));
    }
  }

  async run(): Promise<void> {
    for (let round = 1; round <= this.#options.rounds; round++) {
      for (let step = 0; step < STEPS_PER_ROUND; step++) this.#step();
      this.#settleSome();
      await this.#trouble();
      if (round % CHECK_EVERY === 0) this.#check();
    }
    this.#comeToRest();
  }

  #step(): void {
    const node = this.#anyNode();
    const kind = this.#below(40);
    if (kind < 12) this.#changeContent(node);
    else if (kind < 22) this.#chunk(node);
    else if (kind < 30) this.#incremental(node);
    else if (kind < 33) this.#create(this.#anyId());
    else if (kind < 36) this.#change(this.#anyId());
    else if (kind < 38) this.#tell();
    else if (kind < 39) this.#purge(node);
    else this.#addStripe();
  }

  async #trouble(): Promise<void> {
    const kind = this.#below(40);
    if (kind === 0) {
      this.figures.restarts++;
      for (const lane of this.#lanes) lane.restart();
      this.#untold.clear();
    } else if (kind < 3) {
      this.figures.crashes++;
      const lane = this.#pick(this.#lanes);
      await lane.crash(this.#below(lane.shardCount));
    } else if (kind < 5) {
      this.figures.leaderChanges++;
      for (const lane of this.#lanes) lane.recheck();
      this.#untold.clear();
    }
  }

  /** The node takes replicas up, gives them away, or has others than before; it tells of most of it. */
  #changeContent(node: TestNode): void {
    for (let count = this.#below(8); count > 0; count--) {
      const id = this.#anyId();
      const held = node.content.get(id);
      if (held === undefined) {
        if (this.#isHome(node, id) || this.#oneIn(30)) this.#hold(node, this.#rowOf(node, id));
      } else if (this.#oneIn(4)) {
        this.#giveUp(node, held);
        if (this.#oneIn(2)) this.#hold(this.#anyNode(), held);
      } else {
        this.#hold(node, this.#altered(held));
      }
    }
  }

  #hold(node: TestNode, row: ModelReplica): void {
    node.content.set(row.id, row);
    if (!this.#oneIn(5)) node.changed.push(row);
  }

  #giveUp(node: TestNode, row: ModelReplica): void {
    node.content.delete(row.id);
    const isEmpty = this.#oneIn(2);
    if (!this.#oneIn(5)) node.changed.push({ ...row, state: "DELETED", isEmpty });
  }

  /** The next chunk of the node's report, cut anywhere; now and then it begins anew, as after a lost
   * connection, or goes on elsewhere, as when two connections claim one node. */
  #chunk(node: TestNode): void {
    if (this.#oneIn(12)) node.nextFromId = 0;
    else if (this.#oneIn(30)) node.nextFromId = this.#anyId();
    const fromId = node.nextFromId;
    const toId = this.#border(fromId);
    node.nextFromId = toId === Number.MAX_SAFE_INTEGER ? 0 : toId + 1;
    this.#sendChunk(node, fromId, toId);
  }

  #sendChunk(node: TestNode, fromId: number, toId: number): void {
    const rows = node.rowsIn(fromId, toId);
    this.figures.rows += rows.length;
    for (const lane of this.#lanes) lane.chunk(node.number, { fromId, toId }, rows);
  }

  /** What changed, in the order of the changes; now and then a part only, or something that is not so. */
  #incremental(node: TestNode): void {
    const count = this.#oneIn(4) ? this.#below(node.changed.length + 1) : node.changed.length;
    const rows = node.changed.splice(0, count);
    while (this.#oneIn(3)) {
      const row = this.#rowOf(node, this.#anyId());
      rows.splice(this.#below(rows.length + 1), 0, this.#oneIn(2) ? row : { ...row, state: "DELETED" });
    }
    this.figures.rows += rows.length;
    for (const lane of this.#lanes) lane.incremental(node.number, rows);
  }

  #purge(node: TestNode): void {
    for (const lane of this.#lanes) lane.purge(node.number);
  }

  #addStripe(): void {
    const [stripe] = this.#missingStripes.splice(this.#below(STRIPES.length), 1);
    if (stripe === undefined) return;
    for (const lane of this.#lanes) lane.addStripe(stripe);
  }

  /** Reports may have come before, and be on the way. */
  #create(id: number): void {
    const hasRow = STRIPES.includes(stripeOf(id)) && !this.#missingStripes.includes(stripeOf(id));
    if (!hasRow || this.#containers.has(id)) return;
    this.#write(id, {
      state: this.#oneIn(4) ? this.#pick(CONTAINER_STATES) : firstState(id),
      replication: this.#replicationOf(id),
      usedBytes: this.#pick([0, 1000, COMMON.usedBytes, 2 ** 40]),
      keyCount: this.#pick([0, COMMON.keyCount, 1000]),
      sequenceId: this.#sequenceId(),
    });
    this.#untold.add(id);
    if (!this.#oneIn(3)) this.#tell();
  }

  #change(id: number): void {
    const container = this.#containers.get(id);
    if (container === undefined) return;
    // What is on the way counts by the state before.
    if (!this.#options.isLate) this.#settle();
    this.figures.transitions++;
    const live = this.#lanes[0]?.model.heads.get(id);
    const isUsual = !this.#oneIn(8);
    const next = NEXT_STATES[container.state];
    this.#write(id, {
      ...container,
      ...(live !== undefined && this.#oneIn(2) ? live : { sequenceId: this.#sequenceId() }),
      state: this.#pick((isUsual ? next : undefined) ?? CONTAINER_STATES),
    });
    this.#untold.add(id);
    if (!this.#options.isLate || this.#oneIn(2)) this.#tell();
  }

  #write(id: number, container: ModelContainer): void {
    this.#containers.set(id, container);
    for (const lane of this.#lanes) lane.writeContainer(id);
  }

  #tell(): void {
    for (const id of this.#untold) for (const lane of this.#lanes) lane.containerChanged(id);
    this.#untold.clear();
  }

  /** All shards, or now and then some only: the others take the rest later. */
  #settleSome(): void {
    for (const lane of this.#lanes) {
      if (this.#oneIn(4)) lane.settleShard(this.#below(lane.shardCount));
      else lane.settle();
    }
  }

  #settle(): void {
    for (const lane of this.#lanes) lane.settle();
  }

  #check(): LaneContent[] {
    this.#settle();
    return this.#lanes.map((lane) => lane.check(IDS, NODE_COUNT));
  }

  /** All is told, and every node reports all that it has, twice, since the first reports are combined with
   * what others said before. Then the tables say what the nodes hold, for every number of shards. */
  #comeToRest(): void {
    while (this.#missingStripes.length > 0) this.#addStripe();
    this.#tell();
    this.#settle();
    if (this.#options.isLate) for (const lane of this.#lanes) lane.forget();
    // Where an index does not fit, an older replica would stay.
    for (const { content } of this.#nodes)
      for (const row of content.values()) if (!this.#isSound(row)) content.delete(row.id);
    for (const node of [...this.#nodes, ...this.#nodes]) {
      this.#sendChunk(node, 0, Number.MAX_SAFE_INTEGER);
      this.#settle();
    }
    if (this.#options.isLate) for (const lane of this.#lanes) lane.adoptUsage();
    for (const lane of this.#lanes) lane.recheck();
    const [first, ...others] = this.#check() as [LaneContent, ...LaneContent[]];
    for (const { replicas, sets } of others) {
      assert.deepEqual(replicas, first.replicas, "replicas with another number of shards");
      assert.deepEqual(sets, first.sets, "sets with another number of shards");
    }
    const hasLost = this.figures.crashes > 0 || this.#options.isLate;
    if (!hasLost) for (const { heads } of others) assert.deepEqual(heads, first.heads);
    this.#compareWithNodes(first);
    this.figures.decisions = this.#lanes.reduce((sum, { decisionCount }) => sum + decisionCount, 0);
  }

  /** Without any model: what the nodes hold is what stands in the tables. */
  #compareWithNodes({ replicas }: LaneContent): void {
    for (const [at, id] of IDS.entries()) {
      // Of these there may be too many.
      if (FAR_IDS.includes(id)) continue;
      const holders = this.#nodes.filter(
        ({ content }) => (content.get(id)?.state ?? "DELETED") !== "DELETED",
      );
      const expected = holders.map(({ number }) => number);
      assert.deepEqual(
        replicas[at]?.map(({ node }) => node),
        expected,
        `holders of container ${id}`,
      );
    }
  }

  #isSound({ id, replicaIndex }: ModelReplica): boolean {
    const { data, parity } = this.#replicationOf(id);
    return data === 0 || (replicaIndex >= 1 && replicaIndex <= data + parity);
  }

  /** Three nodes share most containers, all nodes every fifth. */
  #isHome({ number }: TestNode, id: number): boolean {
    const index = IDS.indexOf(id);
    return index % 5 === 0 || (number + index) % 5 === 0;
  }

  #rowOf({ number }: TestNode, id: number): ModelReplica {
    const replication = this.#replicationOf(id);
    const indexCount = replication.data + replication.parity;
    const row: ModelReplica = {
      ...COMMON,
      id,
      state: this.#replicaState(id),
      replicaIndex: indexCount === 0 ? 0 : 1 + (number % indexCount),
      dataChecksum: number % 2 === 0 ? 2n ** 40n + 7n : 0n,
    };
    return this.#oneIn(4) ? this.#altered(row) : row;
  }

  /** Mostly what such a container's replicas are. */
  #replicaState(id: number): ReplicaState {
    if (this.#oneIn(12)) return this.#pick(REPLICA_STATES);
    if (isSick(id) && this.#oneIn(2)) return "UNHEALTHY";
    const state = this.#containers.get(id)?.state ?? firstState(id);
    if (state === "CLOSING") return this.#pick(["OPEN", "CLOSING", "CLOSING", "QUASI_CLOSED", "CLOSED"]);
    return state === "OPEN" || state === "QUASI_CLOSED" ? state : "CLOSED";
  }

  #altered(row: ModelReplica): ModelReplica {
    switch (this.#below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return { ...row, usedBytes: this.#oneIn(8) ? UINT48_MAX : this.#below(4) };
      case 4:
      case 5:
        return { ...row, keyCount: this.#oneIn(8) ? UINT32_MAX : this.#below(4) };
      case 6:
        return { ...row, sequenceId: this.#sequenceId() };
      case 7:
        return { ...row, isEmpty: !row.isEmpty };
      case 8:
        return { ...row, replicaIndex: this.#below(15) };
      case 9:
        return { ...row, dataChecksum: this.#pick([0n, 1n, 2n ** 40n + 7n, 2n ** 64n - 1n]) };
      case 10:
      case 11:
        return { ...row, state: this.#replicaState(row.id) };
      default:
        return { ...row, ...COMMON, state: this.#replicaState(row.id) };
    }
  }

  /** Around the common one; rarely one that nothing exceeds. */
  #sequenceId(): number {
    return this.#oneIn(60) ? UINT48_MAX : this.#pick([0, 76, 77, 77, 77, 78]);
  }

  #replicationOf(id: number): ModelReplication {
    return REPLICATIONS[IDS.indexOf(id) % REPLICATIONS.length] as ModelReplication;
  }

  #border(fromId: number): number {
    if (this.#oneIn(6)) return Number.MAX_SAFE_INTEGER;
    const border = this.#anyId() + this.#below(3) - 1;
    return Math.min(Math.max(border, fromId), Number.MAX_SAFE_INTEGER);
  }

  #anyId(): number {
    return this.#pick(IDS);
  }

  #anyNode(): TestNode {
    return this.#pick(this.#nodes);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T;
  }

  #below(bound: number): number {
    return this.#random.below(bound);
  }

  #oneIn(bound: number): boolean {
    return this.#below(bound) === 0;
  }
}

/** In which a container is known first. */
function firstState(id: number): ContainerState {
  return IDS.indexOf(id) % 8 < 5 ? "OPEN" : "CLOSED";
}

/** Half of its replicas are unhealthy. */
function isSick(id: number): boolean {
  return IDS.indexOf(id) % 7 === 3;
}
