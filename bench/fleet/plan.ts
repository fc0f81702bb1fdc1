import { assert } from "../../engine/core/assert.js";
import { SeededRandom } from "../../engine/core/random.js";
import { randomUuid, type Uuid } from "../../engine/core/uuid.js";
import type { ReportRow } from "../../protocol/codec/report-rows.js";
import type {
  ContainerRecord,
  DatanodeDetails,
  NodeReport,
  PipelineRecord,
  ReplicationRecord,
} from "../../protocol/schema/records.js";

/** Both ends included. */
export type IdRange = readonly [first: number, last: number];

export interface FleetPlanOptions {
  readonly nodeCount: number;
  /** Replicas that each node holds, about. */
  readonly containersPerNode: number;
  /** Same seed, same fleet: datanodes and containers keep their ids from run to run. */
  readonly seed: number;
  /** Containers that are open, with all their replicas; the others are closed. */
  readonly openIds?: readonly IdRange[];
}

const RATIS_THREE: ReplicationRecord = {
  type: "RATIS",
  factor: 3,
  ecData: 0,
  ecParity: 0,
  ecChunkBytes: 0,
  ecCodec: "",
};
const MIB = 1024 * 1024;
const VOLUME_BYTES = 16 * 1024 * 1024 * MIB;
const METADATA_BYTES = 100 * 1024 * MIB;
/** Times in the plan count from here, so that a plan is the same on every day: 2026-01-01. */
const EPOCH_MS = 1_767_225_600_000;

/** A cluster that can be computed instead of stored: which datanodes there are, which pipelines and
 * containers, and who holds what. Container `id` belongs to pipeline `id mod nodeCount`, pipeline `p` to
 * three nodes at fixed distances, so each node's containers are those of three residues. */
export class FleetPlan {
  readonly nodeCount: number;
  readonly containerCount: number;
  readonly #uuids: Uuid[] = [];
  readonly #pipelineIds: Uuid[] = [];
  readonly #distances: readonly number[];
  readonly #openIds: readonly IdRange[];

  constructor(options: FleetPlanOptions) {
    assert(options.nodeCount >= 3, "a fleet has at least three nodes");
    this.nodeCount = options.nodeCount;
    this.containerCount = Math.floor((options.nodeCount * options.containersPerNode) / 3);
    this.#distances = [0, Math.floor(options.nodeCount / 3), Math.floor((2 * options.nodeCount) / 3)];
    this.#openIds = options.openIds ?? [];
    const random = new SeededRandom(options.seed);
    for (let i = 0; i < options.nodeCount; i++) this.#uuids.push(randomUuid(random));
    for (let i = 0; i < options.nodeCount; i++) this.#pipelineIds.push(randomUuid(random));
  }

  uuid(node: number): Uuid {
    const uuid = this.#uuids[node];
    assert(uuid !== undefined, `no node ${node}`);
    return uuid;
  }

  details(node: number): DatanodeDetails {
    return {
      uuid: this.uuid(node),
      ipAddress: "127.0.0.1",
      hostName: `datanode-${node + 1}`,
      ports: [
        { name: "STANDALONE", value: 9859 },
        { name: "RATIS", value: 9858 },
        { name: "RATIS_ADMIN", value: 9857 },
        { name: "RATIS_SERVER", value: 9856 },
        { name: "REPLICATION", value: 9886 },
      ],
      persistedOpState: "IN_SERVICE",
      persistedOpStateExpiry: 0,
      currentVersion: 3,
      version: "simulated",
      setupTime: EPOCH_MS,
      revision: "",
    };
  }

  nodeReport(node: number): NodeReport {
    const used = this.containersOfNode(node) * 256 * MIB;
    return {
      storageReports: [
        {
          storageUuid: `DS-${this.uuid(node)}`,
          storageLocation: "/data/hdds",
          capacity: VOLUME_BYTES,
          scmUsed: Math.min(used, VOLUME_BYTES),
          remaining: Math.max(0, VOLUME_BYTES - used),
          storageType: "DISK",
          failed: false,
          committed: 0,
          freeSpaceToSpare: 100 * MIB,
          reserved: 0,
          fsCapacity: VOLUME_BYTES,
          fsAvailable: Math.max(0, VOLUME_BYTES - used),
        },
      ],
      metadataStorageReports: [
        {
          storageLocation: "/data/metadata",
          storageType: "SSD",
          capacity: METADATA_BYTES,
          scmUsed: 0,
          remaining: METADATA_BYTES,
          failed: false,
        },
      ],
    };
  }

  members(pipeline: number): readonly number[] {
    return this.#distances.map((distance) => (pipeline + distance) % this.nodeCount);
  }

  pipeline(pipeline: number): PipelineRecord {
    const members = this.members(pipeline);
    return {
      pipelineId: this.#pipelineIds[pipeline] as Uuid,
      replication: RATIS_THREE,
      state: "OPEN",
      members: members.map((node) => ({ details: this.details(node), replicaIndex: 0 })),
      leaderId: this.uuid(members[0] as number),
      creationTimeMs: EPOCH_MS,
      stateEnterTimeMs: EPOCH_MS,
    };
  }

  container(containerId: number): ContainerRecord {
    const figures = figuresOf(containerId);
    return {
      containerId,
      state: this.#stateOf(containerId),
      replication: RATIS_THREE,
      pipelineId: this.#pipelineIds[containerId % this.nodeCount] as Uuid,
      owner: "fleet",
      usedBytes: figures.usedBytes,
      keyCount: figures.keyCount,
      sequenceId: figures.sequenceId,
      deleteTransactionId: 0,
      stateEnterTimeMs: EPOCH_MS,
      suppressed: false,
    };
  }

  containersOfNode(node: number): number {
    return this.residuesOfNode(node).reduce((sum, residue) => {
      const first = residue === 0 ? this.nodeCount : residue;
      const fits = first <= this.containerCount;
      return sum + (fits ? Math.floor((this.containerCount - first) / this.nodeCount) + 1 : 0);
    }, 0);
  }

  /** Where the replicas of a node were first written: the first members of its pipelines. */
  originsOfNode(node: number): Uuid[] {
    return this.residuesOfNode(node).map((residue) => this.uuid(residue));
  }

  /** Ids of a node's containers, ascending. */
  *containerIds(node: number): Generator<number> {
    const residues = this.residuesOfNode(node);
    for (let base = 0; base <= this.containerCount; base += this.nodeCount) {
      for (const residue of residues) {
        const id = base + residue;
        if (id >= 1 && id <= this.containerCount) yield id;
      }
    }
  }

  /** One replica; a higher `generation` has grown. */
  row(containerId: number, generation: number): ReportRow {
    const figures = figuresOf(containerId);
    return {
      containerId,
      usedBytes: figures.usedBytes + generation * 4096,
      sequenceId: figures.sequenceId + generation,
      keyCount: figures.keyCount + generation,
      originNodeId: this.uuid(containerId % this.nodeCount),
      state: this.#stateOf(containerId),
      isEmpty: false,
      replicaIndex: 0,
    };
  }

  isOpen(containerId: number): boolean {
    for (const [first, last] of this.#openIds) if (first <= containerId && containerId <= last) return true;
    return false;
  }

  #stateOf(containerId: number): "OPEN" | "CLOSED" {
    return this.isOpen(containerId) ? "OPEN" : "CLOSED";
  }

  /** The remainders, ascending, that the ids of a node's containers leave when divided by the number of
   * nodes. */
  residuesOfNode(node: number): number[] {
    const residues = this.#distances.map((d) => (node - d + this.nodeCount) % this.nodeCount);
    return residues.sort((a, b) => a - b);
  }
}

/** What all replicas of a container hold. */
export function figuresOf(containerId: number): { usedBytes: number; keyCount: number; sequenceId: number } {
  const mixed = Math.imul(containerId, 0x9e3779b1);
  const below5000 = (mixed >>> 0) % 5000;
  return {
    usedBytes: 64 * MIB + (mixed & (1024 * MIB - 1)),
    keyCount: 1 + (below5000 % 1000),
    sequenceId: 100 + below5000,
  };
}
