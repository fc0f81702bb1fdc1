import type { ResponseOf } from "../../protocol/schema/messages.js";
import type { ReplicaStore } from "../../workers/pool/replica-store.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { Operation } from "../cluster/operation.js";
import type { PipelineReports } from "../cluster/pipelines/pipeline-reports.js";
import type { Consensus } from "../consensus/consensus.js";
import type { Group } from "../consensus/group.js";
import type { TableReader } from "../consensus/table-scanner.js";
import type { Clock } from "../core/clock.js";
import type { ContainerId, NodeSlot } from "../core/ids.js";
import type { Random } from "../core/random.js";
import type { Uuid } from "../core/uuid.js";
import type { ClientPlaces } from "../gateway/client-places.js";
import type { AuditLog } from "../telemetry/audit.js";

/** Since start (spec 02 §16). */
export interface AdminCounters {
  listContainerOps: number;
}

interface ReplicaHolder {
  readonly node: NodeSlot;
  readonly replicaIndex: number;
}

/** What admin requests work on. */
export interface AdminServices {
  readonly clock: Clock;
  readonly identity: { readonly clusterId: string; readonly scmId: Uuid; readonly nodeId: number };
  readonly cluster: ClusterState;
  readonly nodes: NodeManager;
  readonly clients: Pick<ClientPlaces, "find">;
  readonly random: Random;
  readonly pipelineReports: Pick<PipelineReports, "withLeader">;
  readonly replicas: ReplicaStore;
  readonly consensus: Consensus<Operation>;
  readonly group: Group;
  /** SCM that founded the cluster and keeps its root certificate (spec 07 §1). */
  readonly primaryScmId: Uuid;
  readonly tables: TableReader;
  /** `ozone.scm.container.list.max.count`. */
  readonly containerListCountMax: number;
  readonly counters: AdminCounters;
  /** Tells the holders of a container in state DELETING to delete their replicas. Returns how many were told.
   */
  deleteReplicas(containerId: ContainerId, holders: readonly ReplicaHolder[]): number;
  readonly audit: Pick<AuditLog, "ready" | "whenReady" | "write">;
  /** Uuid of an origin's number, see `ReplicaFacts`. */
  originOf(number: number): Uuid;
  /** Address of this SCM, for `scm roles`. */
  readonly host: { readonly address: string };
  /** Figures of other parts, for `scmInfo`. */
  figures(): {
    heartbeatCount: number;
    operationCount: number;
    logBatchCount: number;
    durableAppliedIndex: number;
    services: ResponseOf<"scmInfo">["services"];
  };
}
