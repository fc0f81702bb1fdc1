import { CONTAINER_BYTES } from "../../../../bench/fleet/datanode-model.js";
import { FleetPlan } from "../../../../bench/fleet/plan.js";
import type { Random } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type {
  ContainerRecord,
  DatanodeDetails,
  PipelineRecord,
  ReplicationRecord,
} from "../../../../protocol/schema/records.js";
import { STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import { pick, type SimOptions } from "./options.js";

/** The datanodes stand on them in turn. */
const RACKS = 3;

/** Containers of each stripe that can be imported; ids are few, so that datanodes and imports meet. */
const CONTAINERS_PER_STRIPE = 150;
const HOT_CONTAINERS = 3;
/** Ids beyond every stripe that datanodes have all the same: of another cluster, or damage. */
const FAR_IDS = [2 ** 40, 2 ** 40 + 7, 2 ** 52, Number.MAX_SAFE_INTEGER];
/** Replicas of a large datanode: more than two chunks of a report. */
const BULK_FIRST_ID = 10_000;
const BULK_COUNT = 7_000;
const EC_REPLICAS = 5;
/** Pipelines of a plan that a datanode is in. */
const IMPORTED_PIPELINES = 3;

export const RATIS_THREE: ReplicationRecord = {
  type: "RATIS",
  factor: 3,
  ecData: 0,
  ecParity: 0,
  ecChunkBytes: 0,
  ecCodec: "",
};
export const RATIS_ONE: ReplicationRecord = { ...RATIS_THREE, factor: 1 };
export const EC_3_2: ReplicationRecord = {
  type: "EC",
  factor: EC_REPLICAS,
  ecData: 3,
  ecParity: 2,
  ecChunkBytes: 1024 * 1024,
  ecCodec: "rs",
};

/** The cluster that a run is about: which datanodes, pipelines and containers there are or will be. */
export class SimPlan {
  readonly fleet: FleetPlan;
  /** Every container id that may be imported, ascending, without the hot ones. */
  readonly containerIds: readonly number[];
  /** Ids of replicas that some datanode may have, imported or not. */
  readonly replicaIds: readonly number[];
  readonly bulkIds: readonly number[];
  /** Everybody changes and reads these all the time. */
  readonly hotContainerIds: readonly number[];
  readonly hotNodes = [0, 1];
  /** Pipelines that are imported use up what datanodes may take. */
  readonly importsPipelines: boolean;
  /** A container with an id above all others: what SCMs create comes behind it. */
  readonly lastContainerId: number;
  readonly #smallCount: number;
  readonly #smallBytes: number;

  constructor(options: SimOptions, seed: number) {
    this.#smallCount = options.smallDatanodeCount;
    this.#smallBytes = options.smallDatanodeSlots * CONTAINER_BYTES;
    this.importsPipelines = options.pipelineLimit > IMPORTED_PIPELINES;
    this.fleet = new FleetPlan({ nodeCount: options.datanodeCount, containersPerNode: 100, seed });
    const ids: number[] = [];
    for (let stripe = 0; stripe < options.stripeCount; stripe++) {
      // Rows at both ends of a stripe: neighbours in another shard follow.
      for (let i = 1; i <= CONTAINERS_PER_STRIPE - 5; i++) ids.push(stripe * STRIPE_ROWS + i);
      for (let i = 5; i >= 1; i--) ids.push((stripe + 1) * STRIPE_ROWS - i);
    }
    this.hotContainerIds = ids.splice(1, HOT_CONTAINERS);
    this.containerIds = ids;
    this.lastContainerId = options.stripeCount * STRIPE_ROWS;
    this.replicaIds = [...ids, ...FAR_IDS];
    this.bulkIds = Array.from({ length: BULK_COUNT }, (_, i) => BULK_FIRST_ID + i);
  }

  uuid(node: number): Uuid {
    return this.fleet.uuid(node);
  }

  details(node: number, ipAddress: string): DatanodeDetails {
    return { ...this.fleet.details(node), ipAddress, networkLocation: `/rack${1 + (node % RACKS)}` };
  }

  /** Room of a datanode for containers that SCMs create; undefined = more than they do. The last ones, so
   * that large datanodes are among them only when all are small. */
  smallBytesOf(node: number): number | undefined {
    return node < this.fleet.nodeCount - this.#smallCount ? undefined : this.#smallBytes;
  }

  /** An SCM has created the container, or will. */
  isCreated(containerId: number): boolean {
    return containerId > this.lastContainerId && !FAR_IDS.includes(containerId);
  }

  isEc(containerId: number): boolean {
    return containerId % 7 === 3;
  }

  /** What every replica of the container on that node has. */
  replicaIndex(containerId: number, node: number): number {
    return this.isEc(containerId) ? 1 + (node % EC_REPLICAS) : 0;
  }

  pipeline(number: number): PipelineRecord {
    return this.fleet.pipeline(number);
  }

  /** As it is imported: the same for the same id. Open ones are on the pipeline of the batch. */
  container(containerId: number, pipelineNumber: number | undefined): ContainerRecord {
    const isOpen = pipelineNumber !== undefined && !this.isEc(containerId);
    return {
      ...this.fleet.container(containerId),
      state: isOpen ? "OPEN" : "CLOSED",
      replication: this.isEc(containerId) ? EC_3_2 : RATIS_THREE,
      pipelineId: this.fleet.pipeline(pipelineNumber ?? containerId % this.fleet.nodeCount).pipelineId,
    };
  }

  anyReplicaId(random: Random): number {
    return pick(random, this.replicaIds);
  }
}
