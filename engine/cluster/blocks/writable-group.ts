import type { PipelineRecord } from "../../../protocol/schema/records.js";
import { assert } from "../../core/assert.js";
import type { Uuid } from "../../core/uuid.js";
import type { ReplicationConfig } from "../containers/replication-config.js";
import { WritablePipeline } from "./writable-pipeline.js";

/** The open pipelines of one configuration with one owner's containers on them. Those with a container are
 * *ready*. Both lists are in no order, so that adding and removing cost the same whatever their length. */
export class WritableGroup {
  readonly replication: ReplicationConfig;
  readonly owner: string;
  readonly pipelines: WritablePipeline[] = [];
  readonly ready: WritablePipeline[] = [];
  readonly #byId = new Map<Uuid, WritablePipeline>();
  readonly #byContainer = new Map<number, WritablePipeline>();
  /** Pipelines that were chosen ahead of requests, the next one last; some may be closed since. */
  readonly chosen: WritablePipeline[] = [];
  /** When it was asked for last, as those count who keep groups. */
  lastUse = 0;
  /** Containers that were asked for and are not there yet. */
  creatingContainerCount = 0;
  /** No container of any pipeline has room for a block of this size or a larger one. */
  hopelessBytes = Number.POSITIVE_INFINITY;
  /** No pipeline can have another container; not looked at again until then, on the monotonic clock. */
  fullUntilMs = 0;
  /** Pipelines that were asked for and are not open yet. */
  creatingCount = 0;
  /** Pipelines that were to be closed and are not yet. */
  closingCount = 0;
  /** After a refusal no pipeline is asked for until then, on the monotonic clock. */
  retryAtMs = 0;
  /** Why the last container or pipeline was not to be had. */
  refusal = "";

  constructor(replication: ReplicationConfig, owner: string) {
    this.replication = replication;
    this.owner = owner;
  }

  get(id: Uuid): WritablePipeline | undefined {
    return this.#byId.get(id);
  }

  /** An open pipeline; again when its record has changed. */
  add(record: PipelineRecord): WritablePipeline {
    const known = this.#byId.get(record.pipelineId);
    if (known !== undefined) {
      known.record = record;
      known.encoded = undefined;
      return known;
    }
    this.fullUntilMs = 0;
    const pipeline = new WritablePipeline(record);
    pipeline.place = this.pipelines.push(pipeline) - 1;
    this.#byId.set(record.pipelineId, pipeline);
    return pipeline;
  }

  /** It is open no more. */
  remove(id: Uuid): void {
    const pipeline = this.#byId.get(id);
    if (pipeline === undefined) return;
    this.#byId.delete(id);
    for (const containerId of pipeline.containers) this.#byContainer.delete(containerId);
    takeOut(this.pipelines, pipeline.place).place = pipeline.place;
    pipeline.place = -1;
    this.#unready(pipeline);
  }

  /** An open container of the owner on `pipeline`. */
  attach(pipeline: WritablePipeline, containerId: number): void {
    this.hopelessBytes = Number.POSITIVE_INFINITY;
    pipeline.attach(containerId);
    this.#byContainer.set(containerId, pipeline);
    if (pipeline.readyPlace < 0) pipeline.readyPlace = this.ready.push(pipeline) - 1;
  }

  /** The container is open no more. Returns its pipeline, undefined when it had none here. */
  detach(containerId: number): WritablePipeline | undefined {
    const pipeline = this.#byContainer.get(containerId);
    if (pipeline === undefined) return undefined;
    this.#byContainer.delete(containerId);
    pipeline.detach(containerId);
    if (pipeline.containers.length === 0) this.#unready(pipeline);
    return pipeline;
  }

  /** What is wrong, undefined when nothing is. O(n). */
  problem(): string | undefined {
    for (const [place, pipeline] of this.pipelines.entries()) {
      const { pipelineId } = pipeline.record;
      if (pipeline.place !== place || this.#byId.get(pipelineId) !== pipeline)
        return `place of ${pipelineId}`;
      const isReady = pipeline.containers.length > 0;
      if (isReady !== this.ready[pipeline.readyPlace] instanceof WritablePipeline)
        return `${pipelineId} ready`;
      if (isReady && this.ready[pipeline.readyPlace] !== pipeline) return `ready place of ${pipelineId}`;
      for (const [at, id] of pipeline.containers.entries()) {
        if (this.#byContainer.get(id) !== pipeline) return `container ${id}`;
        if (at > 0 && (pipeline.containers[at - 1] as number) >= id) return `order of container ${id}`;
      }
    }
    const containerCount = this.pipelines.reduce((sum, { containers }) => sum + containers.length, 0);
    if (containerCount !== this.#byContainer.size) return "containers by id";
    return this.#byId.size === this.pipelines.length ? undefined : "pipelines by id";
  }

  #unready(pipeline: WritablePipeline): void {
    if (pipeline.readyPlace < 0) return;
    takeOut(this.ready, pipeline.readyPlace).readyPlace = pipeline.readyPlace;
    pipeline.readyPlace = -1;
  }
}

/** Puts the last one into the place of that at `at`, and returns it. */
function takeOut(list: WritablePipeline[], at: number): WritablePipeline {
  const last = list.pop();
  assert(last !== undefined, "an empty list");
  if (at < list.length) list[at] = last;
  return last;
}
