import type { Clock } from "../core/clock.js";

/** The machine's clocks. */
export class NodeClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }
}
