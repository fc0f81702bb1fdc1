import type { PipelineRecord } from "../../protocol/schema/records.js";
import type { Exclusions } from "../cluster/blocks/exclusions.js";
import type { WritableGroup } from "../cluster/blocks/writable-group.js";
import type { WritablePipeline } from "../cluster/blocks/writable-pipeline.js";
import { type ReplicationConfig, requiredNodes } from "../cluster/containers/replication-config.js";
import type { PipelineIndex } from "../cluster/pipelines/pipeline-index.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { NodeSlot } from "../core/ids.js";
import type { Uuid } from "../core/uuid.js";
import type { Growth } from "./block-service.js";

/** Pipelines on which a request that found no room asks for a container at a time. */
const ASKED_AT_ONCE = 4;
/** Containers of one pipeline that are created at a time. */
const CREATED_AT_ONCE = 16;
/** Between two looks at all pipelines when none of them can have another container: many may wait. */
const FULL_MS = 100;
/** After a refusal. */
const RETRY_MS = 1000;

type PipelineEnd = (outcome: PipelineRecord | StrataError) => void;

/** What is asked of the pipeline manager. */
export interface PipelineSource {
  create(
    request: {
      readonly replication: ReplicationConfig;
      readonly excluded?: readonly NodeSlot[];
      readonly containerOwner?: string;
    },
    done: PipelineEnd,
  ): void;
  open(id: Uuid, leaderId: Uuid | undefined): void;
  whenOpen(ids: readonly Uuid[], limitMs: number, done: PipelineEnd): void;
  close(id: Uuid, done: (refusal: StrataError | undefined) => void): void;
}

/** Creates a pipeline and waits until it is OPEN. The members of an EC pipeline know nothing of it, and would
 * not report it (spec 02 §5.3 step 2). */
export function createOpenPipeline(
  pipelines: Pick<PipelineSource, "create" | "open" | "whenOpen">,
  request: Parameters<PipelineSource["create"]>[0],
  waitMs: number,
  done: PipelineEnd,
): void {
  pipelines.create(request, (outcome) => {
    if (outcome instanceof StrataError || outcome.state === "OPEN") {
      done(outcome);
      return;
    }
    if (outcome.replication.type === "EC") pipelines.open(outcome.pipelineId, undefined);
    pipelines.whenOpen([outcome.pipelineId], waitMs, done);
  });
}

/** Of the fleet. */
export interface FleetCounts {
  /** Data volumes that have not failed, of datanodes in service. */
  readonly healthyVolumeCount: number;
  /** Datanodes in service and healthy. */
  readonly healthyNodeCount: number;
}

export interface ContainerGrowthParts {
  readonly clock: Clock;
  readonly supply: {
    create(group: WritableGroup, pipeline: WritablePipeline, count: number): boolean;
    forget(): void;
  };
  readonly pipelines: PipelineSource;
  readonly index: Pick<PipelineIndex, "countsOf">;
  readonly slotOf: (uuid: Uuid) => NodeSlot | undefined;
  readonly fleet: () => FleetCounts;
  /** A pipeline was created, or not: those who wait look again. */
  readonly onEnd: (group: WritableGroup) => void;
  /** How long a new pipeline may take to open. */
  readonly waitMs: number;
  /** `ozone.scm.ec.pipeline.minimum`. */
  readonly ecPipelineCountMin: number;
  /** `ozone.scm.ec.pipeline.per.volume.factor`; 0 = volumes do not count. */
  readonly ecPipelinesPerVolume: number;
}

/** Containers and pipelines for those who write. RATIS and STAND_ALONE (spec 03 §10.2, §10.4): containers up
 * to the limit ahead of need, above it when all that there are are full, and a pipeline when nothing else
 * helps. EC (§10.3): a pipeline for each container, as many as the fleet has volumes for, opened beside the
 * requests that the others serve (§20.11). */
export class ContainerGrowth implements Growth {
  readonly #parts: ContainerGrowthParts;

  constructor(parts: ContainerGrowthParts) {
    this.#parts = parts;
  }

  onShort(group: WritableGroup, pipeline: WritablePipeline, isFull: boolean): void {
    if (group.replication.type === "EC") {
      if (isFull) this.#close(group, pipeline);
      return;
    }
    const { containers, containerLimit, creatingCount } = pipeline;
    const missing = containerLimit - containers.length - creatingCount;
    if (missing > 0) this.#parts.supply.create(group, pipeline, Math.min(missing, CREATED_AT_ONCE));
    else if (isFull && creatingCount === 0) this.#parts.supply.create(group, pipeline, 1);
  }

  aheadOfNeed(group: WritableGroup): void {
    if (group.replication.type !== "EC" || group.creatingCount > 0) return;
    if (group.pipelines.length < this.#ecPipelineCountMax(group)) this.#createPipeline(group, undefined);
  }

  grow(group: WritableGroup, exclusions: Exclusions | undefined): boolean {
    if (group.replication.type === "EC") return group.creatingCount > 0 || this.#growEc(group, exclusions);
    const hasContainer = group.creatingContainerCount > 0 || this.#addContainers(group, exclusions);
    return hasContainer || group.creatingCount > 0 || this.#addPipeline(group);
  }

  forget(): void {
    this.#parts.supply.forget();
  }

  #addContainers(group: WritableGroup, exclusions: Exclusions | undefined): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs < group.fullUntilMs) return false;
    let askedCount = 0;
    for (const pipeline of group.pipelines) {
      if (exclusions?.hasPipeline(pipeline) ?? false) continue;
      if (this.#parts.supply.create(group, pipeline, 1)) askedCount++;
      if (askedCount === ASKED_AT_ONCE) break;
    }
    // With exclusions others may have been left out.
    if (askedCount === 0 && exclusions === undefined) group.fullUntilMs = nowMs + FULL_MS;
    return askedCount > 0;
  }

  /** When there can be no other one, those that wait for their members' reports are waited for. */
  #addPipeline(group: WritableGroup): boolean {
    this.#createPipeline(group, undefined);
    return group.creatingCount > 0 || this.#parts.index.countsOf(group.replication).ALLOCATED > 0;
  }

  #growEc(group: WritableGroup, exclusions: Exclusions | undefined): boolean {
    const count = group.pipelines.length;
    const max = Math.max(this.#ecPipelineCountMax(group), this.#parts.fleet().healthyNodeCount);
    if (count < max) {
      this.#createPipeline(group, exclusions);
      return group.creatingCount > 0;
    }
    if (group.closingCount === 0) this.#closeEmpty(group);
    // Others may take the place of those that end.
    if (group.closingCount > 0) return true;
    group.refusal = `the limit of ${max} pipelines is reached with ${count}, none of them could be closed`;
    return false;
  }

  /** Those whose container was closed, as a full one is by its datanodes: no block is asked of them any more,
   * so that none would find them full (spec 03 §10.3 step 2). */
  #closeEmpty(group: WritableGroup): void {
    if (group.ready.length === group.pipelines.length) return;
    for (const pipeline of group.pipelines) {
      if (pipeline.containers.length === 0) this.#close(group, pipeline);
    }
  }

  #close(group: WritableGroup, pipeline: WritablePipeline): void {
    if (pipeline.isClosing) return;
    pipeline.isClosing = true;
    group.closingCount++;
    this.#parts.pipelines.close(pipeline.record.pipelineId, (refusal) => {
      pipeline.isClosing = false;
      group.closingCount--;
      // After a refusal those who wait look again in time.
      if (refusal === undefined) this.#parts.onEnd(group);
    });
  }

  #ecPipelineCountMax({ replication }: WritableGroup): number {
    const { fleet, ecPipelineCountMin, ecPipelinesPerVolume } = this.#parts;
    const byVolumes = (ecPipelinesPerVolume * fleet().healthyVolumeCount) / requiredNodes(replication);
    return Math.max(ecPipelineCountMin, Math.floor(byVolumes));
  }

  #createPipeline(group: WritableGroup, exclusions: Exclusions | undefined): void {
    const { clock, pipelines, slotOf, waitMs } = this.#parts;
    const { replication, owner } = group;
    if (clock.monotonicMs() < group.retryAtMs) return;
    const excluded = [...(exclusions?.datanodes ?? [])].map(slotOf).filter((slot) => slot !== undefined);
    const first = replication.type === "EC" ? { containerOwner: owner } : {};
    group.creatingCount++;
    createOpenPipeline(pipelines, { replication, excluded, ...first }, waitMs, (outcome) => {
      this.#ended(group, outcome, exclusions !== undefined);
    });
  }

  #ended(group: WritableGroup, outcome: PipelineRecord | StrataError, hadExclusions: boolean): void {
    group.creatingCount--;
    if (outcome instanceof StrataError) {
      group.refusal = outcome.message;
      // Whom one writer cannot have, because it avoids so many, another one may.
      const isOwnFault = hadExclusions && outcome.code.startsWith("FAILED_TO_FIND_");
      if (!isOwnFault) group.retryAtMs = this.#parts.clock.monotonicMs() + RETRY_MS;
    }
    this.#parts.onEnd(group);
  }
}
