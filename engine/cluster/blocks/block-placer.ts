import { PIPELINES_PER_ANSWER_MAX } from "../../../protocol/schema/block-messages.js";
import type { PipelineRecord } from "../../../protocol/schema/records.js";
import type { Allocation } from "./allocation.js";
import type { ChoosePolicy } from "./choose-policy.js";
import type { Exclusions } from "./exclusions.js";
import type { WritableGroup } from "./writable-group.js";
import type { WritablePipeline } from "./writable-pipeline.js";

/** The blocks of one request are spread over this many pipelines: they are written one after the other or
 * side by side, and each pipeline is 800 bytes of the answer. A pipeline drawn for each block, as in the
 * reference, would make an answer of 32 blocks 26 KB. Requests are uniform over all pipelines either way. */
const PIPELINES_PER_REQUEST = 4;
/** Draws for one place before all pipelines are looked at one by one. */
const DRAW_COUNT = 8;
/** Pipelines that are chosen at a time. */
const CHOSEN_AHEAD = 16;
/** Of the processor's cache. */
const LINE_BYTES = 64;

export interface BlockPlacerOptions {
  /** `ozone.scm.container.size`. */
  readonly containerBytes: number;
  /** Bytes of a container as reports have told last (spec 05 §2.3: blocks under way are not counted). */
  readonly usedBytes: (containerId: number) => number;
  /** Brings what `usedBytes` reads into the processor's cache. */
  readonly touchUsage: (containerId: number) => number;
  readonly policyOf: (group: WritableGroup) => ChoosePolicy;
  /** How many open containers an owner should have on a pipeline (spec 03 §11.3). */
  readonly containerLimitOf: (pipeline: PipelineRecord) => number;
  /** `pipeline` has fewer containers than it should, or none with room (`isFull`). */
  readonly onShort: (group: WritableGroup, pipeline: WritablePipeline, isFull: boolean) => void;
}

/** Finds room for the blocks of a request on open pipelines (spec 03 §10.2, §10.4). Allocates nothing. */
export class BlockPlacer {
  readonly #options: BlockPlacerOptions;
  /** Pipelines that were tried, since start: what placing has cost. */
  triedCount = 0;
  #limitAge = 0;
  /** Keeps the loads of `#touch` from being optimised away. */
  #touched = 0;
  /** Of the request in hand. */
  #usedBytesMax = 0;
  #exclusions: Exclusions | undefined;
  readonly #fits = (containerId: number): boolean =>
    this.#options.usedBytes(containerId) <= this.#usedBytesMax &&
    !(this.#exclusions?.hasContainer(containerId) ?? false);

  constructor(options: BlockPlacerOptions) {
    this.#options = options;
  }

  get touched(): number {
    return this.#touched;
  }

  /** Datanodes may have more volumes now, or fewer. */
  limitsChanged(): void {
    this.#limitAge++;
  }

  /** Puts up to `count` blocks of `size` bytes into `into`, as many as there is room for. */
  place(
    group: WritableGroup,
    { size, count }: { readonly size: number; readonly count: number },
    exclusions: Exclusions | undefined,
    into: Allocation,
  ): void {
    this.#usedBytesMax = this.#options.containerBytes - size;
    this.#exclusions = exclusions;
    into.begin();
    if (group.ready.length === 0 || size >= group.hopelessBytes) return;
    this.#placeDrawn(group, count, into);
    while (into.count < count && into.pipelines.length < PIPELINES_PER_ANSWER_MAX) {
      if (!this.#placeAnywhere(group, into)) break;
      this.#fill(into, count);
    }
    if (into.count === 0 && exclusions === undefined) group.hopelessBytes = size;
  }

  #placeDrawn(group: WritableGroup, count: number, into: Allocation): void {
    const wanted = Math.min(count, PIPELINES_PER_REQUEST, group.ready.length);
    for (let draws = wanted * DRAW_COUNT; into.count < wanted && draws > 0; draws--) this.#draw(group, into);
    this.#fill(into, count);
  }

  /** Gives the rest of the blocks to the pipelines that are in the answer, in turn. */
  #fill(into: Allocation, count: number): void {
    const { pipelines } = into;
    let missed = 0;
    for (let at = 0; into.count < count && missed < pipelines.length; at = (at + 1) % pipelines.length) {
      const pipeline = pipelines[at] as WritablePipeline;
      const containerId = pipeline.match(this.#fits);
      if (containerId === 0) missed++;
      else {
        missed = 0;
        into.add(pipeline, containerId);
      }
    }
  }

  /** One block on a pipeline that the policy chooses, unless that cannot have one. */
  #draw(group: WritableGroup, into: Allocation): void {
    this.#tryOn(group, this.#chosen(group), into);
  }

  #chosen(group: WritableGroup): WritablePipeline {
    const policy = this.#options.policyOf(group);
    const { chosen } = group;
    // A few are closed meanwhile at most, and there is an open one.
    for (;;) {
      const pipeline = chosen.pop();
      if (pipeline !== undefined && pipeline.place >= 0) return pipeline;
      if (pipeline !== undefined) continue;
      if (!policy.isTimeless) return policy.choose(group.pipelines);
      for (let i = 0; i < CHOSEN_AHEAD; i++) chosen.push(policy.choose(group.pipelines));
      this.#touch(chosen.reverse());
    }
  }

  /** Looks at what requests will need of these pipelines, one kind of memory after the other, so that the
   * processor waits for the lines of all of them at once: with 10,000 pipelines they are cold, and one
   * request alone would wait for each line in turn. */
  #touch(pipelines: readonly WritablePipeline[]): void {
    let sum = 0;
    for (const { containers } of pipelines) sum += containers.length;
    for (const { nextContainerId } of pipelines) sum += nextContainerId;
    for (const { encoded } of pipelines) sum += encoded?.length ?? 0;
    for (const { nextContainerId: id } of pipelines) if (id !== 0) sum += this.#options.touchUsage(id);
    for (const { encoded } of pipelines) {
      if (encoded === undefined) continue;
      for (let at = 0; at < encoded.length; at += LINE_BYTES) sum += encoded[at] as number;
    }
    this.#touched = sum;
  }

  #tryOn(group: WritableGroup, pipeline: WritablePipeline, into: Allocation): boolean {
    this.triedCount++;
    if (into.has(pipeline) || (this.#exclusions?.hasPipeline(pipeline) ?? false)) return false;
    this.#refresh(pipeline);
    const { containers, containerLimit, creatingCount } = pipeline;
    if (containers.length + creatingCount < containerLimit) this.#options.onShort(group, pipeline, false);
    const containerId = pipeline.match(this.#fits);
    if (containerId === 0) {
      if (creatingCount === 0 && !this.#keepsOpen(pipeline)) this.#options.onShort(group, pipeline, true);
      return false;
    }
    into.add(pipeline, containerId);
    return true;
  }

  /** An EC pipeline ends when it is full, but not because a writer wants to avoid it (spec 03 §10.3). */
  #keepsOpen({ record, containers }: WritablePipeline): boolean {
    const exclusions = this.#exclusions;
    if (exclusions === undefined || record.replication.type !== "EC") return false;
    return containers.some((containerId) => exclusions.hasContainer(containerId));
  }

  #refresh(pipeline: WritablePipeline): void {
    if (pipeline.limitAge === this.#limitAge) return;
    pipeline.limitAge = this.#limitAge;
    const { record } = pipeline;
    pipeline.containerLimit = record.replication.type === "EC" ? 1 : this.#options.containerLimitOf(record);
  }

  /** The draws had no luck: one block on whichever pipeline has room, from a drawn one on. */
  #placeAnywhere(group: WritableGroup, into: Allocation): boolean {
    const { ready } = group;
    const start = this.#options.policyOf(group).choose(ready).readyPlace;
    for (let i = 0; i < ready.length; i++) {
      const pipeline = ready[(start + i) % ready.length] as WritablePipeline;
      if (this.#tryOn(group, pipeline, into)) return true;
    }
    return false;
  }
}
