import type { Clock } from "../../../engine/core/clock.js";
import type { SimScheduler } from "./sim-scheduler.js";

/** 2026-01-01 00:00 UTC: any fixed time will do. */
const WALL_START_MS = 1_767_225_600_000;

/** Time as one machine has it: virtual time, possibly a little fast or slow. The wall clock can be set, as
 * people and NTP do, or stand still; the monotonic one cannot. */
export class SimClock implements Clock {
  /** How far the wall clock is off, in ms; whole. */
  wallOffsetMs = 0;
  readonly #scheduler: SimScheduler;
  #rate = 1;
  /** Both clocks when the rate was set last. */
  #originMs = 0;
  #ownOriginMs = 0;
  #frozenWallMs: number | undefined;

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler;
  }

  /** Its milliseconds in one of virtual time. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    this.#ownOriginMs = this.monotonicMs();
    this.#originMs = this.#scheduler.nowMs;
    this.#rate = rate;
  }

  monotonicMs(): number {
    const { nowMs } = this.#scheduler;
    return this.#rate === 1 && this.#ownOriginMs === this.#originMs
      ? nowMs
      : this.#ownOriginMs + (nowMs - this.#originMs) * this.#rate;
  }

  wallMs(): number {
    return this.#frozenWallMs ?? WALL_START_MS + Math.floor(this.monotonicMs()) + this.wallOffsetMs;
  }

  /** The wall clock stands still until it is told otherwise. */
  freezeWall(): void {
    this.#frozenWallMs = this.wallMs();
  }

  thawWall(): void {
    this.#frozenWallMs = undefined;
  }
}
