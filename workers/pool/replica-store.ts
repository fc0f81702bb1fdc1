import type { StrataError } from "../../engine/core/errors.js";
import type { ContainerId, NodeSlot } from "../../engine/core/ids.js";

/** What main may ask of the shards. Implemented by ShardSet. */
export interface ReplicaStore {
  /** Makes the rows of a stripe known to its shard; to be called before a container of it is written, so that
   * reports for its ids find their rows. `containers` is the stripe's part of the container table. */
  addStripe(stripe: number, containers: SharedArrayBuffer): void;
  /** Says how many replica indexes the containers with replication configuration `number` have: data +
   * parity for EC, 0 for all others. To be called before a container with this number is written. */
  setReplicaIndexCount(number: number, indexCount: number): void;
  /** A snapshot has taken the place of the container table: looks at every container with replicas anew. */
  recheckContainers(): void;
  /** The container was created or is in another state: what its replicas mean for it is looked at anew. */
  containerChanged(containerId: number): void;
  /** Takes all replicas of a dead node away (spec 01 §7.4). The set of its container ids is kept. */
  purgeNode(slot: NodeSlot): void;
  /** Size of the set of container ids that the datanode last reported. Trails reports by a moment. */
  nodeContainerCount(slot: NodeSlot): number;
  /** Answers with copies, in no order; an unknown container has no replicas or those that were reported. */
  queryReplicas(
    containerId: ContainerId,
    onReplicas: (answer: readonly ReplicaFacts[] | StrataError) => void,
  ): void;
  /** Sums over the shards, at most a moment old. */
  statistics(): ShardStatistics;
}

/** A replica as last reported (spec 02 §2). */
export interface ReplicaFacts {
  readonly node: NodeSlot;
  /** Number of the origin's uuid, see OriginDictionary. */
  readonly origin: number;
  /** REPLICA_STATE. */
  readonly state: number;
  readonly replicaIndex: number;
  readonly isEmpty: boolean;
  readonly sequenceId: number;
  readonly keyCount: number;
  readonly usedBytes: number;
  /** 0 = unknown. */
  readonly dataChecksum: bigint;
}

export interface ShardStatistics {
  /** Replicas now. */
  readonly replicaCount: number;
  /** Of these, the ones whose container was unknown when they were last reported. */
  readonly unknownReplicaCount: number;
  /** Of these, the ones beyond all stripes, in the bounded side tables. */
  readonly sideReplicaCount: number;
  /** Rows of reports merged since start. */
  readonly rowCount: number;
  readonly addedCount: number;
  readonly updatedCount: number;
  readonly vanishedCount: number;
  /** Rows left out: a replica index that does not fit the EC container, or a full side table. */
  readonly rejectedCount: number;
  /** Chunks and incremental reports, counted once by each shard that they touch. */
  readonly reportCount: number;
  /** Containers with replicas that were looked at anew, since a snapshot has replaced the container table. */
  readonly recheckedCount: number;
  /** Memory of the tables: rows of containers and replicas, overflow, and the datanodes' lists. */
  readonly tableBytes: number;
}
