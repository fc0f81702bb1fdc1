import type { PipelineRecord } from "../../protocol/schema/records.js";
import { checkOwner } from "../cluster/blocks/block-request.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { ContainerTable } from "../cluster/containers/container-table.js";
import {
  isSameReplication,
  printReplication,
  type ReplicationConfig,
} from "../cluster/containers/replication-config.js";
import { type CreateContainers, OPERATION, type SessionStamp } from "../cluster/operation.js";
import { bodyOfOutcome, readFirstContainerId } from "../cluster/operation-result.js";
import type { OperationResult } from "../cluster/state-machine.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import { type ContainerId, containerId } from "../core/ids.js";
import type { Random } from "../core/random.js";
import type { Uuid } from "../core/uuid.js";
import { createOpenPipeline, type PipelineSource } from "./container-growth.js";
import type { Room } from "./container-supply.js";

/** Pipelines that are waited for: one of them is enough, and each that changes costs a look at all. */
const AWAITED_COUNT_MAX = 64;

export interface ContainerCreationParts<R> {
  readonly clock: Clock;
  readonly random: Random;
  readonly cluster: Pick<ClusterState, "pipelines" | "containers">;
  readonly room: Room<R>;
  readonly pipelines: Pick<PipelineSource, "create" | "open" | "whenOpen">;
  /** Throws StrataError for a configuration that nothing may be written with. */
  readonly check: (replication: ReplicationConfig) => void;
  readonly isInSafeMode: () => boolean;
  /** How long a new pipeline may take to open. */
  readonly waitMs: number;
}

export interface ContainerRequest {
  readonly replication: ReplicationConfig;
  readonly owner: string;
  readonly session: SessionStamp;
}

/** A container whose place is found. The caller proposes the operation at once and tells what became of it,
 * once. */
export interface PreparedContainer {
  readonly operation: CreateContainers;
  settled(outcome: OperationResult | StrataError): void;
}

type Prepared = PreparedContainer | StrataError;

/** One more container, because somebody asks for it (spec 02 §5.3): on an open pipeline with room on every
 * member, or on a new one, or, when there can be none, on one that is about to open. */
export class ContainerCreation<R> {
  readonly #parts: ContainerCreationParts<R>;

  constructor(parts: ContainerCreationParts<R>) {
    this.#parts = parts;
  }

  prepare(request: ContainerRequest, onPrepared: (prepared: Prepared) => void): void {
    const { replication, owner } = request;
    const found = this.#refusal(request) ?? this.#onOpenPipeline(request);
    if (found !== undefined) {
      onPrepared(found);
      return;
    }
    this.#newPipeline(request, (refusal) => {
      if (refusal?.code === "NOT_LEADER") {
        onPrepared(refusal);
        return;
      }
      const reason = refusal?.message ?? "no datanode of an open pipeline has room for another container";
      onPrepared(
        this.#onOpenPipeline(request) ??
          new StrataError("FAILED_TO_ALLOCATE_CONTAINER", {
            replication: printReplication(replication),
            owner,
            reason,
          }),
      );
    });
  }

  /** Why it cannot be, whatever the cluster is like. */
  #refusal({ replication, owner }: ContainerRequest): StrataError | undefined {
    if (this.#parts.isInSafeMode()) return new StrataError("SAFE_MODE_EXCEPTION");
    try {
      checkOwner(owner);
      this.#parts.check(replication);
      return undefined;
    } catch (error) {
      if (error instanceof StrataError) return error;
      throw error;
    }
  }

  /** On a drawn one, or the next with room. */
  #onOpenPipeline(request: ContainerRequest): PreparedContainer | undefined {
    const { cluster, room, clock, random } = this.#parts;
    const open = cluster.pipelines.index.openOf(request.replication);
    if (open.length === 0) return undefined;
    const start = random.below(open.length);
    for (let i = 0; i < open.length; i++) {
      const pipeline = open[(start + i) % open.length] as PipelineRecord;
      const reserved = room.reserve(pipeline, clock.monotonicMs());
      if (reserved !== undefined) return this.#prepared(request, pipeline, reserved);
    }
    return undefined;
  }

  #prepared(
    { owner, session }: ContainerRequest,
    { pipelineId }: PipelineRecord,
    reserved: R,
  ): PreparedContainer {
    const { room, cluster } = this.#parts;
    return {
      operation: { kind: OPERATION.createContainers, session, pipelineId, owner, count: 1 },
      settled: (outcome) => {
        const created = createdBy(outcome);
        // A session answers a repetition with what it was given first, which may be elsewhere.
        const isHere = created !== undefined && isWrittenBy(cluster.containers.table, created, pipelineId);
        if (isHere) room.bind(reserved, created);
        else room.release(reserved);
      },
    };
  }

  /** Calls back when there is one more, or why there is none. */
  #newPipeline({ replication }: ContainerRequest, done: (refusal: StrataError | undefined) => void): void {
    const { pipelines, clock, waitMs } = this.#parts;
    const untilMs = clock.monotonicMs() + waitMs;
    createOpenPipeline(pipelines, { replication }, waitMs, (outcome) => {
      if (!(outcome instanceof StrataError)) done(undefined);
      else if (outcome.code === "NOT_LEADER") done(outcome);
      else this.#anyToCome(replication, untilMs, outcome, done);
    });
  }

  /** Datanodes that have just registered may have all the pipelines that they have room for, none of them
   * open yet. The reference waits for these only where it is asked for a block (spec 03 §10.2). */
  #anyToCome(
    replication: ReplicationConfig,
    untilMs: number,
    refusal: StrataError,
    done: (refusal: StrataError | undefined) => void,
  ): void {
    const { cluster, pipelines, clock } = this.#parts;
    const leftMs = untilMs - clock.monotonicMs();
    const ids = [...cluster.pipelines.rows.values()]
      .filter(
        (pipeline) => pipeline.state === "ALLOCATED" && isSameReplication(pipeline.replication, replication),
      )
      .map(({ pipelineId }) => pipelineId)
      .slice(0, AWAITED_COUNT_MAX);
    if (ids.length === 0 || leftMs <= 0) {
      done(refusal);
      return;
    }
    pipelines.whenOpen(ids, leftMs, (outcome) => {
      if (!(outcome instanceof StrataError)) done(undefined);
      else done(outcome.code === "NOT_LEADER" ? outcome : refusal);
    });
  }
}

function isWrittenBy(table: ContainerTable, id: ContainerId, pipelineId: Uuid): boolean {
  return table.state(id) !== 0 && table.pipelineId(id) === pipelineId;
}

/** Undefined when there is none: refused, or by the session's own result of an attempt that was. */
function createdBy(outcome: OperationResult | StrataError): ContainerId | undefined {
  const body = bodyOfOutcome(outcome);
  const first = body instanceof StrataError ? undefined : readFirstContainerId(body);
  return first === undefined ? undefined : containerId(first);
}
