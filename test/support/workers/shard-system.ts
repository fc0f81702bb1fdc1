import { CONTAINER_STATE, type ContainerState } from "../../../engine/core/enums.js";
import { StrataError } from "../../../engine/core/errors.js";
import { containerId, nodeSlot } from "../../../engine/core/ids.js";
import type { ContainerReplicas, NodeIds, ReplicaFacts } from "../../../workers/pool/replica-store.js";
import { ShardSet } from "../../../workers/pool/shard-set.js";
import { Shard } from "../../../workers/shard/shard.js";
import { CONTAINER_ROW, STRIPE_ROWS, stripeOf } from "../../../workers/shared/container-layout.js";
import type { LiveUsage, ReplicaDecision } from "../../../workers/shared/shard-records.js";
import { SimScheduler } from "../simulation/sim-scheduler.js";
import { LocalWorkers } from "./local-workers.js";

export interface ShardSystemOptions {
  readonly shardCount: number;
  readonly ringBytes?: number;
  readonly sideIdsPerNodeMax?: number;
  readonly onRoom?: () => void;
  readonly sendsUnknown?: boolean;
}

/** A row of the container table. */
export interface TestContainer {
  readonly state: ContainerState;
  /** Number of the configuration. */
  readonly replication?: number;
  readonly sequenceId?: number;
  readonly usedBytes?: number;
  readonly keyCount?: number;
}

/** Real ShardSet and real shards on the test's thread, with container stripes that the test fills. Nothing
 * moves but by `settle` and what the test steps itself. */
export class ShardSystem {
  readonly scheduler = new SimScheduler();
  readonly workers = new LocalWorkers((context) => new Shard(context));
  readonly set: ShardSet;
  readonly decisions: ReplicaDecision[] = [];
  readonly restarts: number[] = [];
  readonly reportsWanted: number[] = [];
  readonly failures: Error[] = [];
  roomCount = 0;
  readonly #containers = new Map<number, SharedArrayBuffer>();

  constructor(options: ShardSystemOptions) {
    const { shardCount, ringBytes = 1024 * 1024, sideIdsPerNodeMax = 1000, sendsUnknown = false } = options;
    this.set = new ShardSet({
      workers: this.workers,
      scheduler: this.scheduler,
      shardCount,
      ringBytes,
      sideIdsPerNodeMax,
      sendsUnknown,
      onRestart: (shard) => this.restarts.push(shard),
      onRestarted: () => {},
      onFailed: (error) => this.failures.push(error),
      onRoom: () => {
        this.roomCount++;
        options.onRoom?.();
      },
      onDecision: (decision) => this.decisions.push({ ...decision }),
      onReportWanted: (slot) => this.reportsWanted.push(slot),
    });
  }

  addStripe(stripe: number): void {
    const buffer = new SharedArrayBuffer(STRIPE_ROWS * CONTAINER_ROW.rowBytes);
    this.#containers.set(stripe, buffer);
    this.set.addStripe(stripe, buffer);
  }

  /** Writes an OPEN container with replication configuration `replication`, as `apply` would, and tells
   * nobody. */
  addContainer(id: number, replication = 0): void {
    this.writeContainer(id, { state: "OPEN", replication });
  }

  /** Writes the container and tells its shard, as main does after `apply`. */
  setContainer(id: number, container: TestContainer): void {
    this.writeContainer(id, container);
    this.set.containerChanged(id);
  }

  /** As `apply` does, and tells nobody. */
  writeContainer(id: number, container: TestContainer): void {
    const { state, replication = 0, sequenceId = 0, usedBytes = 0, keyCount = 0 } = container;
    const bytes = new DataView(this.#containers.get(stripeOf(id)) as SharedArrayBuffer);
    const row = (id % STRIPE_ROWS) * CONTAINER_ROW.rowBytes;
    const { fields } = CONTAINER_ROW;
    bytes.setUint16(row + fields.replication.offset, replication, true);
    bytes.setFloat64(row + fields.sequenceId.offset, sequenceId, true);
    bytes.setFloat64(row + fields.usedBytes.offset, usedBytes, true);
    bytes.setFloat64(row + fields.keyCount.offset, keyCount, true);
    bytes.setUint8(row + fields.state.offset, CONTAINER_STATE[state]);
  }

  /** Ends main's turn: what was sent becomes visible to the shards. */
  endTurn(): void {
    this.scheduler.runSync(this.scheduler.nowMs + 0.1);
  }

  /** Runs until nothing moves any more. */
  settle(): void {
    this.endTurn();
    this.workers.settle();
    this.endTurn();
  }

  /** Runs one shard until it has nothing more to do, and hands its records to main. */
  settleShard(shard: number): void {
    this.endTurn();
    const link = this.workers.links[shard];
    while (link?.stepWorker()) link.deliver();
    link?.deliver();
    this.endTurn();
  }

  /** Ends a shard from outside, and returns when its successor has been started. */
  async terminate(shard: number): Promise<void> {
    const link = this.workers.links[shard];
    link?.terminate(new StrataError("WORKER_TERMINATED", { role: "shard", index: shard }));
    await link?.ended;
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** What the shard knows of the container. */
  query(id: number): ContainerReplicas {
    let found: ContainerReplicas | StrataError | undefined;
    this.set.queryReplicas(containerId(id), (answer) => {
      found = answer;
    });
    this.settle();
    if (found === undefined || found instanceof StrataError) {
      throw new Error(`no answer about ${id}: ${String(found)}`);
    }
    return found;
  }

  /** Replicas by node, in order. */
  replicasOf(id: number): ReplicaFacts[] {
    return [...this.query(id).replicas].sort((a, b) => a.node - b.node);
  }

  /** What main reads of the container in the shard's memory. */
  liveUsage(id: number): LiveUsage | undefined {
    const usage = { usedBytes: 0, keyCount: 0, sequenceId: 0 };
    return this.set.liveUsage(id, usage) ? usage : undefined;
  }

  /** All ids that the node said it holds. */
  idsOf(node: number): readonly number[] {
    let found: NodeIds | StrataError | undefined;
    this.set.nodeContainers(nodeSlot(node), { fromId: 0, countMax: 4096 }, (answer) => {
      found = answer;
    });
    this.settle();
    if (found === undefined || found instanceof StrataError) throw new Error(`no ids of ${node}: ${found}`);
    return found.ids;
  }

  containerCount(node: number): number {
    return this.set.nodeContainerCount(nodeSlot(node));
  }

  /** Asserts the invariants of every shard. */
  checkInvariants(): void {
    for (const { loop } of this.workers.links) loop.checkInvariants();
  }
}
