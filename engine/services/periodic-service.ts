import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Service } from "./service.js";

export interface PeriodicServiceOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  /** From the end of one run to the next. */
  readonly intervalMs: number;
  /** In which standing of this SCM it works; left out: in every one. */
  readonly runsWhen?: (leaderReady: boolean, safeMode: boolean) => boolean;
  readonly task: () => void;
}

/** Runs a task again and again while this SCM's standing allows it, first one interval after the start. A
 * pause keeps future runs from happening, it does not interrupt one (spec 07 §7). */
export class PeriodicService implements Service {
  readonly name: string;
  readonly #options: PeriodicServiceOptions;
  #isRunning = false;
  #timer: Timer | undefined;

  constructor(options: PeriodicServiceOptions) {
    this.name = options.name;
    this.#options = options;
  }

  start(): void {
    const { scheduler, intervalMs, task } = this.#options;
    this.#timer = scheduler.every(intervalMs, () => {
      if (this.#isRunning) task();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#isRunning = false;
  }

  onStatus(leaderReady: boolean, safeMode: boolean): void {
    this.#isRunning = this.#options.runsWhen?.(leaderReady, safeMode) ?? true;
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#isRunning ? "RUNNING" : "PAUSED";
  }
}
