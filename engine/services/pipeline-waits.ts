import type { PipelineRecord } from "../../protocol/schema/records.js";
import { StrataError } from "../core/errors.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";

interface Wait {
  readonly ids: readonly Uuid[];
  readonly done: (outcome: PipelineRecord | StrataError) => void;
  readonly timer: Timer;
}

/** Those who wait for one of some pipelines to be open (spec 03 §10.2 rule 5): told by the change, where the
 * reference asks again every 100 ms and holds a thread. */
export class PipelineWaits {
  readonly #scheduler: Scheduler;
  readonly #find: (id: Uuid) => PipelineRecord | undefined;
  readonly #byPipeline = new Map<Uuid, Set<Wait>>();
  readonly #all = new Set<Wait>();
  readonly #changed = new Set<Uuid>();

  constructor(scheduler: Scheduler, find: (id: Uuid) => PipelineRecord | undefined) {
    this.#scheduler = scheduler;
    this.#find = find;
  }

  add(ids: readonly Uuid[], limitMs: number, done: Wait["done"]): void {
    const outcome = this.#outcome(ids);
    if (outcome !== undefined) {
      done(outcome);
      return;
    }
    const timer = this.#scheduler.after(limitMs, () => {
      this.#settle(wait, new StrataError("PIPELINE_NOT_READY", { pipelines: ids.join(", "), limitMs }));
    });
    const wait: Wait = { ids, done, timer };
    this.#all.add(wait);
    for (const id of ids) {
      const waits = this.#byPipeline.get(id);
      if (waits === undefined) this.#byPipeline.set(id, new Set([wait]));
      else waits.add(wait);
    }
  }

  /** May be called in the midst of `apply`: those who wait are told at the end of the turn. */
  changed(id: Uuid): void {
    if (!this.#byPipeline.has(id)) return;
    if (this.#changed.size === 0) this.#scheduler.endOfTurn(() => this.#look());
    this.#changed.add(id);
  }

  end(error: () => StrataError): void {
    for (const wait of [...this.#all]) this.#settle(wait, error());
  }

  #look(): void {
    const ids = [...this.#changed];
    this.#changed.clear();
    for (const id of ids) {
      for (const wait of [...(this.#byPipeline.get(id) ?? [])]) {
        const outcome = this.#outcome(wait.ids);
        if (outcome !== undefined) this.#settle(wait, outcome);
      }
    }
  }

  /** Undefined while one of them may still open. */
  #outcome(ids: readonly Uuid[]): PipelineRecord | StrataError | undefined {
    let mayOpen = false;
    for (const id of ids) {
      const pipeline = this.#find(id);
      if (pipeline?.state === "OPEN") return pipeline;
      if (pipeline !== undefined && pipeline.state !== "CLOSED") mayOpen = true;
    }
    return mayOpen ? undefined : new StrataError("PIPELINE_NOT_FOUND", { pipelineId: ids.join(", ") });
  }

  #settle(wait: Wait, outcome: PipelineRecord | StrataError): void {
    if (!this.#all.delete(wait)) return;
    wait.timer.cancel();
    for (const id of wait.ids) {
      const waits = this.#byPipeline.get(id);
      waits?.delete(wait);
      if (waits?.size === 0) this.#byPipeline.delete(id);
    }
    wait.done(outcome);
  }
}
