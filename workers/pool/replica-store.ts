import type { StrataError } from "../../engine/core/errors.js";
import type { ContainerId, NodeSlot } from "../../engine/core/ids.js";
import type { LiveUsage } from "../shared/shard-records.js";

import type { HolderBatch } from "./holder-batch.js";
import type { HoldersDone } from "./holder-queries.js";

export type { LiveUsage };

/** What main may ask of the shards. Implemented by ShardSet. */
export interface ReplicaStore {
  /** Makes the rows of a stripe known to its shard; to be called before a container of it is written, so that
   * reports for its ids find their rows. `containers` is the stripe's part of the container table. */
  addStripe(stripe: number, containers: SharedArrayBuffer): void;
  /** Says what the rules must know of replication configuration `number`. To be called before a container
   * with this number is written. */
  setReplicationFacts(number: number, facts: ReplicationFacts): void;
  /** Looks at every container with replicas anew, and sends again what is to be decided: a snapshot has taken
   * the place of the container table, or this SCM begins to lead. */
  recheckContainers(): void;
  /** The container was created or is in another state: what its replicas mean for it is looked at anew. */
  containerChanged(containerId: number): void;
  /** Takes all replicas of a dead node away (spec 01 §7.4). The set of its container ids is kept. */
  purgeNode(slot: NodeSlot): void;
  /** Size of the set of container ids that the datanode last reported. Trails reports by a moment. */
  nodeContainerCount(slot: NodeSlot): number;
  /** Ids of the containers that the datanode holds, as it last reported: from `fromId` on, ascending, at most
   * `countMax`. */
  nodeContainers(slot: NodeSlot, range: NodeIdRange, onIds: (answer: NodeIds | StrataError) => void): void;
  /** Answers with copies, in no order; an unknown container has no replicas or those that were reported. */
  queryReplicas(
    containerId: ContainerId,
    onReplicas: (answer: ContainerReplicas | StrataError) => void,
  ): void;
  /** Fills the batch with the holders of its containers, one question for each shard that has some. The batch
   * belongs to the store until `onHolders` is called, and after an error at once to the caller again. */
  queryHolders(batch: HolderBatch, onHolders: HoldersDone): void;
  /** The container's figures as the reports have brought them up to date, from the head of its replica row.
   * False when no report has told of the container since it is known: what its row says is all there is.
   * Allocates nothing. */
  liveUsage(containerId: number, into: LiveUsage): boolean;
  /** Reads from the same place, for no other end than to have it in the processor's cache: nothing orders
   * this read, so many of them wait for memory together. The number means nothing. */
  touchUsage(containerId: number): number;
  /** Sums over the shards, at most a moment old. */
  statistics(): ShardStatistics;
}

/** A replication configuration as the rules of reports see it. */
export interface ReplicationFacts {
  /** REPLICATION_TYPE. */
  readonly type: number;
  /** EC: indexes 1 … dataCount hold data; else 0. */
  readonly dataCount: number;
  /** EC: data + parity; else 0. */
  readonly indexCount: number;
}

export interface NodeIdRange {
  readonly fromId: number;
  readonly countMax: number;
}

export interface NodeIds {
  readonly ids: readonly number[];
  /** Where the next page starts, 0 = there is nothing more. */
  readonly nextContainerId: number;
}

export interface ContainerReplicas {
  readonly replicas: readonly ReplicaFacts[];
  /** The container's figures as the reports have brought them up to date; undefined: the shard knows no such
   * container, or no report has told of it. */
  readonly live: Readonly<LiveUsage> | undefined;
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
  /** Containers with replicas that were looked at in rechecks. */
  readonly recheckedCount: number;
  /** Decisions that the shards sent. */
  readonly decisionCount: number;
  /** Decisions that found no room; a recheck finds them again. */
  readonly recheckDueCount: number;
  /** Times that a replica was found older than what its container has committed. */
  readonly staleCount: number;
  /** Rows of reports whose container was unknown. */
  readonly unknownRowCount: number;
  /** Full reports wanted for rows that were left out before their stripe was known. */
  readonly reportsWantedCount: number;
  /** Memory of the tables: rows of containers and replicas, overflow, and the datanodes' lists. */
  readonly tableBytes: number;
}
