import { assert } from "../core/assert.js";
import type { Scheduler, Timer } from "../core/scheduler.js";

/** Longest delay of a Node timer; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Timers and turns of Node's event loop. */
export class NodeScheduler implements Scheduler {
  #endOfTurnTasks: (() => void)[] = [];
  #isArmed = false;

  after(delayMs: number, task: () => void): Timer {
    assert(delayMs >= 0, "delay is negative");
    return new NodeTimer(delayMs, task);
  }

  every(intervalMs: number, task: () => void): Timer {
    assert(intervalMs > 0, "interval must be positive");
    const timer: NodeTimer = new NodeTimer(intervalMs, () => {
      task();
      timer.rearm(intervalMs);
    });
    return timer;
  }

  endOfTurn(task: () => void): void {
    this.#endOfTurnTasks.push(task);
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(this.#runEndOfTurn);
  }

  /** Tasks that these tasks ask for run at the end of the next turn, so that input gets its turn in
   * between. */
  readonly #runEndOfTurn = (): void => {
    const tasks = this.#endOfTurnTasks;
    this.#endOfTurnTasks = [];
    this.#isArmed = false;
    for (const task of tasks) task();
  };
}

class NodeTimer implements Timer {
  readonly #task: () => void;
  #timeout: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #isCancelled = false;

  constructor(delayMs: number, task: () => void) {
    this.#task = task;
    this.rearm(delayMs);
  }

  cancel(): void {
    this.#isCancelled = true;
    clearTimeout(this.#timeout);
  }

  rearm(delayMs: number): void {
    if (this.#isCancelled) return;
    this.#dueMs = performance.now() + delayMs;
    this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    this.#timeout = setTimeout(this.#fire, Math.min(Math.ceil(delayMs), TIMER_MS_MAX));
  }

  readonly #fire = (): void => {
    // Node's timers count from the time when the turn began, so they can be early by a part of a millisecond;
    // a deadline that was not reached yet would be missed by who compares clocks.
    const remainingMs = this.#dueMs - performance.now();
    if (remainingMs > 0) this.#arm(remainingMs);
    else this.#task();
  };
}
