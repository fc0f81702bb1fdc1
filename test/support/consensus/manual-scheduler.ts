import type { Clock } from "../../../engine/core/clock.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";

interface Waiting {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/** Time and turns that pass when the test says so. */
export class ManualScheduler implements Scheduler, Clock {
  #nowMs = 1000;
  #order = 0;
  #timers: Waiting[] = [];
  #endOfTurn: (() => void)[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, task: () => void): Timer {
    const waiting = { dueMs: this.#nowMs + delayMs, order: this.#order++, task };
    this.#timers.push(waiting);
    return { cancel: () => this.#drop(waiting) };
  }

  every(intervalMs: number, task: () => void): Timer {
    let timer: Timer | undefined;
    let isCancelled = false;
    const again = () => {
      task();
      if (!isCancelled) timer = this.after(intervalMs, again);
    };
    timer = this.after(intervalMs, again);
    return {
      cancel: () => {
        isCancelled = true;
        timer?.cancel();
      },
    };
  }

  endOfTurn(task: () => void): void {
    this.#endOfTurn.push(task);
  }

  get hasEndOfTurn(): boolean {
    return this.#endOfTurn.length > 0;
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  /** Ends the present turn. */
  turn(): void {
    for (const task of this.#endOfTurn.splice(0)) task();
  }

  /** Lets time pass, running due timers in order, each in a turn of its own. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      this.turn();
      const next = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (next === undefined || next.dueMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#drop(next);
      next.task();
    }
    this.#nowMs = untilMs;
  }

  #drop(waiting: Waiting): void {
    this.#timers = this.#timers.filter((other) => other !== waiting);
  }
}
