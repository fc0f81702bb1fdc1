import { assert } from "../../../engine/core/assert.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";
import type { SimClock } from "./sim-clock.js";
import type { SimScheduler } from "./sim-scheduler.js";

/** The scheduler of one process in a simulation: what it has planned ends with it, and stands still while
 * it is paused (SIGSTOP, a long collection of garbage). */
export class SimProcess implements Scheduler {
  readonly #world: SimScheduler;
  readonly #clock: Pick<SimClock, "rate">;
  /** Planned and neither run nor cancelled. */
  readonly #planned = new Set<ProcessTimer>();
  #isAlive = true;
  #pausedUntilMs = 0;

  /** Delays are measured by `clock`. */
  constructor(world: SimScheduler, clock: Pick<SimClock, "rate"> = { rate: 1 }) {
    this.#world = world;
    this.#clock = clock;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Timers that wait, for finding those that an orderly end has left behind. */
  get plannedCount(): number {
    return this.#planned.size;
  }

  kill(): void {
    this.#isAlive = false;
    for (const timer of [...this.#planned]) timer.cancel();
  }

  pause(durationMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#world.nowMs + durationMs);
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = new ProcessTimer(this.#planned);
    if (this.#isAlive) this.#plan(timer, delayMs / this.#clock.rate, task);
    return timer;
  }

  every(intervalMs: number, task: () => void): Timer {
    assert(intervalMs > 0, "interval must be positive");
    const timer = new ProcessTimer(this.#planned);
    const run = (): void => {
      task();
      if (this.#isAlive && !timer.isCancelled) this.#plan(timer, intervalMs / this.#clock.rate, run);
    };
    if (this.#isAlive) this.#plan(timer, intervalMs / this.#clock.rate, run);
    return timer;
  }

  endOfTurn(task: () => void): void {
    this.#world.endOfTurn(() => {
      if (this.#isAlive) task();
    });
  }

  #plan(timer: ProcessTimer, delayMs: number, task: () => void): void {
    this.#planned.add(timer);
    timer.inner = this.#world.after(delayMs, () => {
      this.#planned.delete(timer);
      const restMs = this.#pausedUntilMs - this.#world.nowMs;
      if (restMs > 0) this.#plan(timer, restMs, task);
      else task();
    });
  }
}

class ProcessTimer implements Timer {
  inner: Timer | undefined;
  isCancelled = false;
  readonly #planned: Set<ProcessTimer>;

  constructor(planned: Set<ProcessTimer>) {
    this.#planned = planned;
  }

  cancel(): void {
    this.isCancelled = true;
    this.inner?.cancel();
    this.#planned.delete(this);
  }
}
