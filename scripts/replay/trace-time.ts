import type { Clock } from "../../engine/core/clock.js";
import type { Scheduler, Timer } from "../../engine/core/scheduler.js";
import { NodeScheduler } from "../../engine/host/node-scheduler.js";

interface Due {
  atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** The trace's time: it stands still until the player moves it, so that minutes take seconds. Only what
 * the SCM itself measures runs on it; sockets and threads live in real time. */
export class TraceTime implements Clock, Scheduler {
  readonly #startWallMs: number;
  readonly #real = new NodeScheduler();
  #nowMs = 0;
  #order = 0;
  readonly #due = new Set<Due>();

  /** `startWallMs`: what the wall clock shows at t_ms = 0. */
  constructor(startWallMs: number) {
    this.#startWallMs = startWallMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Math.floor(this.#startWallMs + this.#nowMs);
  }

  after(delayMs: number, task: () => void): Timer {
    const due: Due = { atMs: this.#nowMs + delayMs, order: this.#order++, run: task };
    this.#due.add(due);
    return { cancel: () => this.#due.delete(due) };
  }

  every(intervalMs: number, task: () => void): Timer {
    let timer: Timer;
    const again = (): void => {
      task();
      timer = this.after(intervalMs, again);
    };
    timer = this.after(intervalMs, again);
    return { cancel: () => timer.cancel() };
  }

  endOfTurn(task: () => void): void {
    this.#real.endOfTurn(task);
  }

  /** Moves time to `atMs`, running the timers on the way in their order; the event loop turns after each. */
  async advance(atMs: number): Promise<void> {
    for (let next = this.#earliest(atMs); next !== undefined; next = this.#earliest(atMs)) {
      this.#due.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nowMs = Math.max(this.#nowMs, atMs);
  }

  #earliest(untilMs: number): Due | undefined {
    let earliest: Due | undefined;
    for (const due of this.#due) {
      if (due.atMs > untilMs) continue;
      if (earliest === undefined || due.atMs < earliest.atMs) earliest = due;
      else if (due.atMs === earliest.atMs && due.order < earliest.order) earliest = due;
    }
    return earliest;
  }
}
