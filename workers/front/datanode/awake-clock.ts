import type { Clock } from "../../../engine/core/clock.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";

const TICK_MS = 1000;

/** A clock that stands still while this process does: a pause of ours is no silence of the datanodes (spec 01
 * §16.4). */
export class AwakeClock {
  readonly #clock: Clock;
  readonly #timer: Timer;
  #tickedMs: number;
  #pausedMs = 0;

  /** `onTick`: called each second. */
  constructor(clock: Clock, scheduler: Scheduler, onTick: () => void) {
    this.#clock = clock;
    this.#tickedMs = clock.monotonicMs();
    this.#timer = scheduler.every(TICK_MS, () => {
      this.#pausedMs += this.#lateMs();
      this.#tickedMs = clock.monotonicMs();
      onTick();
    });
  }

  nowMs(): number {
    // A pause counts from its end on, though the tick that was due in it is yet to come.
    return this.#clock.monotonicMs() - this.#pausedMs - this.#lateMs();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #lateMs(): number {
    return Math.max(0, this.#clock.monotonicMs() - this.#tickedMs - TICK_MS);
  }
}
