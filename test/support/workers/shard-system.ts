import { CONTAINER_STATE } from "../../../engine/core/enums.js";
import type { StrataError } from "../../../engine/core/errors.js";
import { containerId, nodeSlot } from "../../../engine/core/ids.js";
import type { ReplicaFacts } from "../../../workers/pool/replica-store.js";
import { ShardSet } from "../../../workers/pool/shard-set.js";
import { Shard } from "../../../workers/shard/shard.js";
import { CONTAINER_ROW, STRIPE_ROWS, stripeOf } from "../../../workers/shared/container-layout.js";
import type { ReplicaDecision } from "../../../workers/shared/shard-records.js";
import { SimScheduler } from "../simulation/sim-scheduler.js";
import { LocalWorkers } from "./local-workers.js";

export interface ShardSystemOptions {
  readonly shardCount: number;
  readonly ringBytes?: number;
  readonly sideIdsPerNodeMax?: number;
  readonly onRoom?: () => void;
}

/** Real ShardSet and real shards on the test's thread, with container stripes that the test fills. Nothing
 * moves but by `settle` and what the test steps itself. */
export class ShardSystem {
  readonly scheduler = new SimScheduler();
  readonly workers = new LocalWorkers((context) => new Shard(context));
  readonly set: ShardSet;
  readonly decisions: ReplicaDecision[] = [];
  readonly restarts: number[] = [];
  readonly failures: Error[] = [];
  roomCount = 0;
  readonly #containers = new Map<number, SharedArrayBuffer>();

  constructor({ shardCount, ringBytes = 1024 * 1024, sideIdsPerNodeMax = 1000, onRoom }: ShardSystemOptions) {
    this.set = new ShardSet({
      workers: this.workers,
      scheduler: this.scheduler,
      shardCount,
      ringBytes,
      sideIdsPerNodeMax,
      onRestart: (shard) => this.restarts.push(shard),
      onRestarted: () => {},
      onFailed: (error) => this.failures.push(error),
      onRoom: () => {
        this.roomCount++;
        onRoom?.();
      },
      onDecision: (decision) => this.decisions.push({ ...decision }),
    });
  }

  addStripe(stripe: number): void {
    const buffer = new SharedArrayBuffer(STRIPE_ROWS * CONTAINER_ROW.rowBytes);
    this.#containers.set(stripe, buffer);
    this.set.addStripe(stripe, buffer);
  }

  /** Writes a container with replication configuration `replication`, as `apply` would. */
  addContainer(id: number, replication = 0): void {
    const bytes = new DataView(this.#containers.get(stripeOf(id)) as SharedArrayBuffer);
    const row = (id % STRIPE_ROWS) * CONTAINER_ROW.rowBytes;
    bytes.setUint16(row + CONTAINER_ROW.fields.replication.offset, replication, true);
    bytes.setUint8(row + CONTAINER_ROW.fields.state.offset, CONTAINER_STATE.OPEN);
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

  /** Replicas by node, in order. */
  replicasOf(id: number): ReplicaFacts[] {
    let found: readonly ReplicaFacts[] | StrataError | undefined;
    this.set.queryReplicas(containerId(id), (answer) => {
      found = answer;
    });
    this.settle();
    if (!Array.isArray(found)) throw new Error(`no replicas of ${id}: ${String(found)}`);
    return (found as ReplicaFacts[]).sort((a, b) => a.node - b.node);
  }

  containerCount(node: number): number {
    return this.set.nodeContainerCount(nodeSlot(node));
  }

  /** Asserts the invariants of every shard. */
  checkInvariants(): void {
    for (const { loop } of this.workers.links) loop.checkInvariants();
  }
}
