import type { Clock } from "../../../engine/core/clock.js";
import type { SimScheduler } from "./sim-scheduler.js";

/** 2026-01-01 00:00 UTC: any fixed time will do. */
const WALL_START_MS = 1_767_225_600_000;

/** Virtual time. The wall clock can be set, as people and NTP do; the monotonic one cannot. */
export class SimClock implements Clock {
  /** How far the wall clock is off, in ms; whole. */
  wallOffsetMs = 0;
  readonly #scheduler: SimScheduler;

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler;
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs;
  }

  wallMs(): number {
    return WALL_START_MS + Math.floor(this.#scheduler.nowMs) + this.wallOffsetMs;
  }
}
