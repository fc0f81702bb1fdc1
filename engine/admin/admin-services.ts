import type { ResponseOf } from "../../protocol/schema/messages.js";
import type { PipelineRecord } from "../../protocol/schema/records.js";
import type { ReplicaStore } from "../../workers/pool/replica-store.js";
import type { Allocation } from "../cluster/blocks/allocation.js";
import type { BlockRequest } from "../cluster/blocks/block-request.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { ReplicationConfig } from "../cluster/containers/replication-config.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { Operation, SessionStamp } from "../cluster/operation.js";
import type { EncodedPipelines } from "../cluster/pipelines/encoded-pipelines.js";
import type { PipelineReports } from "../cluster/pipelines/pipeline-reports.js";
import type { OperationResult } from "../cluster/state-machine.js";
import type { Consensus } from "../consensus/consensus.js";
import type { Group } from "../consensus/group.js";
import type { TableReader } from "../consensus/table-scanner.js";
import type { Clock } from "../core/clock.js";
import type { StrataError } from "../core/errors.js";
import type { ContainerId, NodeSlot } from "../core/ids.js";
import type { Random } from "../core/random.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { ClientPlaces } from "../gateway/client-places.js";
import type { AuditLog } from "../telemetry/audit.js";
import type { AllocationAudit } from "./allocation-audit.js";

/** Since start (spec 02 §16). */
export interface AdminCounters {
  listContainerOps: number;
}

interface ReplicaHolder {
  readonly node: NodeSlot;
  readonly replicaIndex: number;
}

/** Who gives out blocks: the block service, which is named here by what is asked of it. */
export interface BlockSource {
  /** Fills `into` in the call; false: `wait`. Throws StrataError. */
  allocate(request: BlockRequest, into: Allocation): boolean;
  wait(request: BlockRequest, into: Allocation, waiter: BlockWaiter): void;
}

/** Who waits for blocks. */
interface BlockWaiter {
  /** False: there is nobody any more who would get them. */
  readonly isWanted: () => boolean;
  /** Without an error the allocation that `wait` was called with is filled. */
  readonly onEnd: (error: StrataError | undefined) => void;
}

/** Who finds places for containers that are asked for. */
export interface ContainerSource {
  prepare(
    request: {
      readonly replication: ReplicationConfig;
      readonly owner: string;
      readonly session: SessionStamp;
    },
    onPrepared: (prepared: PreparedContainer | StrataError) => void,
  ): void;
}

/** The operation is proposed at once, and `settled` told what became of it, once. */
interface PreparedContainer {
  readonly operation: Operation;
  settled(outcome: OperationResult | StrataError): void;
}

/** A pipeline whose members are chosen; `settled` is told what became of the operation. */
interface PreparedPipeline {
  readonly operation: Operation;
  settled(outcome: OperationResult | StrataError): PipelineRecord | StrataError;
}

/** What only the leader can say of pipelines that are to change. */
interface PipelineChoices {
  prepare(
    request: { readonly replication: ReplicationConfig },
    session: SessionStamp,
  ): PreparedPipeline | StrataError;
  closeOperation(pipelineId: Uuid, session: SessionStamp): Operation;
}

/** What admin requests work on. */
export interface AdminServices {
  readonly clock: Clock;
  readonly scheduler: Pick<Scheduler, "endOfTurn">;
  readonly identity: { readonly clusterId: string; readonly scmId: Uuid; readonly nodeId: number };
  readonly cluster: ClusterState;
  readonly nodes: NodeManager;
  readonly clients: Pick<ClientPlaces, "find" | "known">;
  readonly random: Random;
  readonly pipelineReports: Pick<PipelineReports, "withLeader">;
  readonly encodedPipelines: Pick<EncodedPipelines, "get">;
  readonly pipelines: PipelineChoices;
  readonly replicas: ReplicaStore;
  readonly context: { readonly safeMode: boolean };
  readonly blocks: BlockSource;
  readonly containerCreation: ContainerSource;
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
  readonly allocationAudit: Pick<AllocationAudit, "done" | "failed">;
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
