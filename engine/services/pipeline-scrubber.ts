import type { PipelineRecord } from "../../protocol/schema/records.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import { hasDatastreamPort } from "../cluster/pipelines/pipeline-members.js";
import type { Clock } from "../core/clock.js";
import type { PipelineState } from "../core/enums.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { PipelineManager } from "./pipeline-manager.js";
import type { Service } from "./service.js";

/** Pipelines that may be ending at a time; the others are looked at again soon. */
const ENDING_MAX = 256;
const SOON_MS = 100;

export interface PipelineScrubberOptions {
  readonly intervalMs: number;
  /** `ozone.scm.pipeline.allocated.timeout`. */
  readonly allocatedMs: number;
  /** `ozone.scm.pipeline.destroy.timeout`. */
  readonly closedMs: number;
  /** `hdds.scm.wait.time.after.safemode.exit`. */
  readonly waitMs: number;
  /** `hdds.container.ratis.datastream.enabled`. */
  readonly wantsDatastream: boolean;
}

export interface PipelineScrubberParts {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly cluster: Pick<ClusterState, "containers" | "pipelines" | "importAllowed">;
  readonly nodes: Pick<NodeManager, "index">;
  readonly manager: Pick<PipelineManager, "close" | "remove" | "closeAndRemove" | "endingCount">;
  readonly options: PipelineScrubberOptions;
}

/** Ends pipelines that never opened, whose members are gone, and those that have been closed for a while
 * (spec 03 §9.3), each for itself (§20 rule 4). */
export class PipelineScrubber implements Service {
  readonly name = "pipeline scrubber";
  readonly #parts: PipelineScrubberParts;
  #isRunning = false;
  #sinceMs = 0;
  #timer: Timer | undefined;
  /** When each was first seen in its state, by this process in this term. */
  readonly #seen = new Map<Uuid, { readonly state: PipelineState; readonly sinceMs: number }>();

  constructor(parts: PipelineScrubberParts) {
    this.#parts = parts;
  }

  start(): void {}

  stop(): void {
    this.#end();
  }

  onStatus(leaderReady: boolean, safeMode: boolean): void {
    const runs = leaderReady && !safeMode;
    if (runs === this.#isRunning) return;
    if (!runs) {
      this.#end();
      return;
    }
    const { scheduler, clock, options } = this.#parts;
    this.#isRunning = true;
    this.#sinceMs = clock.monotonicMs();
    this.#timer = scheduler.after(options.intervalMs, () => this.#scrub());
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#isRunning ? "RUNNING" : "PAUSED";
  }

  #scrub(): void {
    const { scheduler, clock, cluster, manager, options } = this.#parts;
    let isDone = true;
    if (clock.monotonicMs() - this.#sinceMs >= options.waitMs) {
      for (const pipeline of [...cluster.pipelines.rows.values()]) {
        if (manager.endingCount < ENDING_MAX) this.#look(pipeline);
        else isDone = false;
      }
    }
    for (const id of this.#seen.keys()) if (cluster.pipelines.get(id) === undefined) this.#seen.delete(id);
    this.#timer = scheduler.after(isDone ? options.intervalMs : SOON_MS, () => this.#scrub());
  }

  #look(pipeline: PipelineRecord): void {
    const { manager, options } = this.#parts;
    const { pipelineId, state, creationTimeMs, stateEnterTimeMs } = pipeline;
    if (state === "ALLOCATED" && this.#ageOf(pipeline, creationTimeMs) >= options.allocatedMs) {
      manager.closeAndRemove(pipelineId);
    } else if (state === "CLOSED" && this.#ageOf(pipeline, stateEnterTimeMs) >= options.closedMs) {
      manager.remove(pipelineId);
    } else if (state === "OPEN") {
      if (this.#lacksMember(pipeline) || this.#isSpent(pipeline)) manager.close(pipelineId);
      else if (options.wantsDatastream && this.#mayStream(pipeline)) manager.closeAndRemove(pipelineId);
    }
  }

  /** The time of the entry is that of the leader of then. Clocks differ, and jump: what this process has seen
   * itself counts, too. */
  #ageOf({ pipelineId, state }: PipelineRecord, timeMs: number): number {
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    let seen = this.#seen.get(pipelineId);
    if (seen?.state !== state) {
      seen = { state, sinceMs: nowMs };
      this.#seen.set(pipelineId, seen);
    }
    return Math.max(nowMs - seen.sinceMs, clock.wallMs() - timeMs);
  }

  /** After a restart datanodes register again; one that has not is gone. */
  #lacksMember({ members }: PipelineRecord): boolean {
    return members.some(({ details }) => this.#parts.nodes.index.get(details.uuid) === undefined);
  }

  /** The only container of an EC pipeline was closed: no block is given out on it any more (spec 03 §10.3).
   * The leader of then may have ended before it saw that, and its owner may never write again. One that is
   * imported stands before its container. */
  #isSpent(pipeline: PipelineRecord): boolean {
    const { cluster, options } = this.#parts;
    if (pipeline.replication.type !== "EC" || cluster.importAllowed) return false;
    if (cluster.containers.open.of(pipeline.pipelineId).length > 0) return false;
    return this.#ageOf(pipeline, pipeline.stateEnterTimeMs) >= options.allocatedMs;
  }

  /** A member offers streaming now and did not when the pipeline was made. */
  #mayStream({ replication, members }: PipelineRecord): boolean {
    if (replication.type !== "RATIS") return false;
    return members.some((member) => {
      const node = this.#parts.nodes.index.get(member.details.uuid);
      return node !== undefined && hasDatastreamPort(node) && !hasDatastreamPort(member);
    });
  }

  #end(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#seen.clear();
  }
}
