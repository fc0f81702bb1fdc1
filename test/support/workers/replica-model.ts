import { REPLICA_ACTION } from "../../../engine/cluster/containers/replica-rules.js";
import {
  type ContainerState,
  REPLICA_STATE,
  type ReplicaState,
  type ReplicationType,
} from "../../../engine/core/enums.js";
import { STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import type { ReplicaDecision } from "../../../workers/shared/shard-records.js";
import { type Cell, type IndexClass, tableRow } from "../cluster/decision-table.js";

/** What a shard is told of a replication configuration; replica indexes are those of EC, else 0. */
export interface ModelReplication {
  readonly type: ReplicationType;
  readonly data: number;
  readonly parity: number;
}

/** A container as it stands in main's table. */
export interface ModelContainer {
  readonly state: ContainerState;
  readonly replication: ModelReplication;
  readonly sequenceId: number;
  readonly usedBytes: number;
  readonly keyCount: number;
}

/** A replica as reported. */
export interface ModelReplica {
  readonly id: number;
  readonly state: ReplicaState;
  readonly replicaIndex: number;
  readonly isEmpty: boolean;
  readonly sequenceId: number;
  readonly usedBytes: number;
  readonly keyCount: number;
  readonly dataChecksum: bigint;
}

/** Live usage of a container. */
export interface ModelHead {
  usedBytes: number;
  keyCount: number;
  sequenceId: number;
}

export interface ModelRange {
  readonly fromId: number;
  readonly toId: number;
}

export interface ModelOptions {
  readonly shardCount: number;
  /** Ids beyond all stripes that one node may have in one shard. */
  readonly sideIdsPerNodeMax: number;
  /** Whether replicas of unknown containers are decided about. */
  readonly sendsUnknown: boolean;
  /** Main's table. Containers may appear in it at any moment: a shard sees what is there when it looks. Of
   * other changes it must be told before reports come that are to count by them. */
  readonly containers: ReadonlyMap<number, ModelContainer>;
}

/** Of one container; more than this is no cluster but a fault. */
const REPLICAS_MAX = 255;
const RISING: ReadonlySet<ContainerState> = new Set(["OPEN", "CLOSING", "QUASI_CLOSED"]);
const USABLE: ReadonlySet<ReplicaState> = new Set(["OPEN", "CLOSING", "QUASI_CLOSED", "CLOSED"]);

/** What the shards should hold and decide, from spec 02 §6 to §9 with rules 1, 4, 5 and 18 of §18, in Maps.
 * What main sends waits until `process`: each shard takes its part in order, whatever the others do. */
export class ReplicaModel {
  /** Container → node → what it reported last. */
  readonly replicas = new Map<number, Map<number, ModelReplica>>();
  /** Node → ids that it said it holds. */
  readonly sets = new Map<number, Set<number>>();
  readonly heads = new Map<number, ModelHead>();
  /** Since the test took them last. */
  readonly decisions: ReplicaDecision[] = [];
  rejectedCount = 0;
  readonly #options: ModelOptions;
  readonly #stripes = new Set<number>();
  /** Containers that a shard has found in main's table. */
  readonly #known = new Set<number>();
  /** By shard. Stripes overtake all else. */
  readonly #newStripes: number[][];
  readonly #waiting: (() => void)[][];

  constructor(options: ModelOptions) {
    this.#options = options;
    this.#newStripes = Array.from({ length: options.shardCount }, () => []);
    this.#waiting = Array.from({ length: options.shardCount }, () => []);
  }

  addStripe(stripe: number): void {
    this.#newStripes[stripe % this.#options.shardCount]?.push(stripe);
  }

  /** The node has exactly these replicas in the range; ids ascend. */
  chunk(node: number, range: ModelRange, rows: readonly ModelReplica[]): void {
    this.#send((shard) => this.#merge(shard, node, range, this.#partOf(shard, rows)));
  }

  /** Of rows with one id the last wins. */
  incremental(node: number, rows: readonly ModelReplica[]): void {
    this.#send((shard) => {
      for (const row of this.#partOf(shard, rows)) this.#report(node, row);
    });
  }

  /** The node is dead: its replicas are gone, its set stays (spec 01 §7.4). */
  purge(node: number): void {
    this.#send((shard) => {
      for (const id of this.#set(node)) if (this.#shardOf(id) === shard) this.#remove(node, id);
    });
  }

  /** Main's table has another row for the container. */
  containerChanged(id: number): void {
    this.#waiting[this.#shardOf(id)]?.push(() => this.#lookAnew(id));
  }

  /** What is due for any replica is decided again. */
  recheck(): void {
    this.#send((shard) => {
      for (const id of this.replicas.keys()) if (this.#shardOf(id) === shard) this.#lookAnew(id);
    });
  }

  /** Lets the shard take all that was sent. */
  process(shard: number): void {
    for (const stripe of this.#newStripes[shard]?.splice(0) ?? []) this.#takeStripe(stripe);
    for (const step of this.#waiting[shard]?.splice(0) ?? []) step();
  }

  /** The shard comes back empty, with its stripes; what it had not taken is lost. */
  crash(shard: number): void {
    this.#waiting[shard]?.splice(0);
    for (const set of this.sets.values()) deleteWhere(set, (id) => this.#shardOf(id) === shard);
    for (const table of [this.replicas, this.heads])
      deleteWhere<number>(table, (id) => this.#shardOf(id) === shard);
    deleteWhere(this.#known, (id) => this.#shardOf(id) === shard);
  }

  /** Undefined while the container's shard has not found it in main's table. */
  liveUsage(id: number): ModelHead | undefined {
    return this.#known.has(id) ? this.heads.get(id) : undefined;
  }

  /** The container's shard knows it, with this usage. */
  adopt(id: number, usage: Readonly<ModelHead>): void {
    this.#known.add(id);
    this.heads.set(id, { ...usage });
  }

  /** Whether reports say what the container's usage is. */
  hasUsage(id: number): boolean {
    const container = this.#options.containers.get(id);
    return [...this.#of(id).values()].some((row) => USABLE.has(row.state) && counts(row, container));
  }

  #send(step: (shard: number) => void): void {
    for (const [shard, waiting] of this.#waiting.entries()) waiting.push(() => step(shard));
  }

  #merge(shard: number, node: number, { fromId, toId }: ModelRange, rows: readonly ModelReplica[]): void {
    const held = [...this.#set(node)].filter(
      (id) => this.#shardOf(id) === shard && id >= fromId && id <= toId,
    );
    held.sort((a, b) => a - b);
    // In order of ids, which matters to a node at its limit of unknown ones.
    for (const row of rows) {
      while (held.length > 0 && (held[0] as number) < row.id) this.#take(node, held.shift() as number);
      if (held[0] === row.id) held.shift();
      this.#report(node, row);
    }
    for (const id of held) this.#take(node, id);
  }

  #report(node: number, row: ModelReplica): void {
    const container = this.#look(row.id);
    if (row.state === "DELETED") {
      // One with an impossible index goes like any other, and proves nothing.
      if (container !== undefined && fits(row, container)) this.#decide(node, row, container);
      this.#take(node, row.id);
      return;
    }
    if (!this.#takesUp(node, row.id) || (container !== undefined && !fits(row, container))) {
      this.rejectedCount++;
      return;
    }
    if (this.#of(row.id).size === REPLICAS_MAX && !this.#of(row.id).has(node)) {
      this.rejectedCount++;
      return;
    }
    const before = this.#head(row.id).sequenceId;
    this.#account(node, row, container);
    this.#of(row.id).set(node, row);
    this.#decide(node, row, container, before);
  }

  /** Adds the id to the node's set; false when it is beyond all stripes and one too many. */
  #takesUp(node: number, id: number): boolean {
    const set = this.#set(node);
    if (!set.has(id) && !this.#hasRow(id)) {
      const side = [...set].filter(
        (each) => !this.#hasRow(each) && this.#shardOf(each) === this.#shardOf(id),
      );
      if (side.length >= this.#options.sideIdsPerNodeMax) return false;
    }
    set.add(id);
    return true;
  }

  /** Spec 02 §6. */
  #account(node: number, row: ModelReplica, container: ModelContainer | undefined): void {
    if (!USABLE.has(row.state)) return;
    const head = this.#head(row.id);
    if (container !== undefined && RISING.has(container.state)) {
      head.sequenceId = Math.max(head.sequenceId, row.sequenceId);
    }
    if (!counts(row, container)) return;
    const others = [...this.#of(row.id)].filter(([other]) => other !== node).map(([, each]) => each);
    const counted = [row, ...others.filter((each) => counts(each, container))];
    const choose = container?.state === "OPEN" ? Math.min : Math.max;
    head.usedBytes = choose(...counted.map(({ usedBytes }) => usedBytes));
    head.keyCount = choose(...counted.map(({ keyCount }) => keyCount));
  }

  #decide(node: number, row: ModelReplica, container?: ModelContainer, before?: number): void {
    const head = this.#head(row.id);
    const difference = row.sequenceId - (before ?? head.sequenceId);
    const cell: Cell = {
      container: container?.state ?? "unknown",
      replica: row.state,
      type: container?.replication.type ?? "RATIS",
      index: indexClass(row, container),
      isEmpty: row.isEmpty,
      order: difference < 0 ? "LOWER" : difference > 0 ? "HIGHER" : "EQUAL",
    };
    const { action } = tableRow(cell);
    if (action === "NONE" || (action === "UNKNOWN" && !this.#options.sendsUnknown)) return;
    this.decisions.push({
      containerId: row.id,
      action: REPLICA_ACTION[action],
      node,
      replicaIndex: row.replicaIndex,
      replicaState: REPLICA_STATE[row.state],
      ...head,
      sequenceId: action.startsWith("RESURRECT") ? row.sequenceId : head.sequenceId,
    });
  }

  /** What a shard finds in main's table. A container that was not there before begins with the figures of its
   * row, and what was recorded counts as reported now. */
  #look(id: number): ModelContainer | undefined {
    const container = this.#hasRow(id) ? this.#options.containers.get(id) : undefined;
    if (container === undefined) return undefined;
    const isNew = !this.#known.has(id);
    if (isNew) this.#meet(id, container);
    const head = this.#head(id);
    const raised = RISING.has(container.state) ? head.sequenceId : 0;
    head.sequenceId = Math.max(raised, container.sequenceId);
    if (isNew) this.#decideAll(id, container);
    return container;
  }

  #meet(id: number, container: ModelContainer): void {
    this.#known.add(id);
    const { usedBytes, keyCount, sequenceId } = container;
    this.heads.set(id, { usedBytes, keyCount, sequenceId });
    for (const [node, row] of [...this.#of(id)]) {
      if (fits(row, container)) continue;
      this.#of(id).delete(node);
      this.rejectedCount++;
    }
    for (const [node, row] of this.#of(id)) this.#account(node, row, container);
  }

  #lookAnew(id: number): void {
    const wasKnown = this.#known.has(id);
    if (!wasKnown && this.#of(id).size === 0) return;
    const container = this.#look(id);
    if (wasKnown || container === undefined) this.#decideAll(id, container);
  }

  #decideAll(id: number, container: ModelContainer | undefined): void {
    for (const [node, row] of this.#of(id)) this.#decide(node, row, container);
  }

  /** What was reported of ids in it counts as reported now. */
  #takeStripe(stripe: number): void {
    this.#stripes.add(stripe);
    const rows = [...this.replicas]
      .filter(([id]) => stripeOf(id) === stripe)
      .flatMap(([id, byNode]) => {
        this.replicas.delete(id);
        this.heads.delete(id);
        return [...byNode];
      });
    for (const [node, row] of rows.sort(([a], [b]) => a - b)) this.#report(node, row);
  }

  #take(node: number, id: number): void {
    this.#set(node).delete(id);
    this.#remove(node, id);
  }

  #remove(node: number, id: number): void {
    if (this.#of(id).delete(node)) this.#look(id);
  }

  #head(id: number): ModelHead {
    return existing(this.heads, id, () => ({ usedBytes: 0, keyCount: 0, sequenceId: 0 }));
  }

  #of(id: number): Map<number, ModelReplica> {
    return existing(this.replicas, id, () => new Map());
  }

  #set(node: number): Set<number> {
    return existing(this.sets, node, () => new Set());
  }

  #partOf(shard: number, rows: readonly ModelReplica[]): readonly ModelReplica[] {
    return rows.filter(({ id }) => this.#shardOf(id) === shard);
  }

  #shardOf(id: number): number {
    return stripeOf(id) % this.#options.shardCount;
  }

  #hasRow(id: number): boolean {
    return this.#stripes.has(stripeOf(id));
  }
}

function stripeOf(id: number): number {
  return Math.floor(id / STRIPE_ROWS);
}

/** Spec 02 §7.4d. */
function fits({ replicaIndex }: ModelReplica, { replication }: ModelContainer): boolean {
  const { type, data, parity } = replication;
  return type !== "EC" || (replicaIndex >= 1 && replicaIndex <= data + parity);
}

/** Whether its usage counts (spec 02 §6.4). */
function counts(row: ModelReplica, container: ModelContainer | undefined): boolean {
  return indexClass(row, container) !== "2..data";
}

function indexClass({ replicaIndex }: ModelReplica, container: ModelContainer | undefined): IndexClass {
  if (container?.replication.type !== "EC") return "0";
  if (replicaIndex === 1) return "1";
  return replicaIndex <= container.replication.data ? "2..data" : "> data";
}

function existing<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}

function deleteWhere<K>(keys: Map<K, unknown> | Set<K>, isGone: (key: K) => boolean): void {
  for (const key of [...keys.keys()]) if (isGone(key)) keys.delete(key);
}
