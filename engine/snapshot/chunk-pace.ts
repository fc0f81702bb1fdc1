import type { Clock } from "../core/clock.js";
import type { Scheduler } from "../core/scheduler.js";

/** Between the beginnings of two chunks. With chunks of 128 KB the longest gap makes 4 MB a second, which is
 * what a member gets however busy this SCM is: the log is kept for it meanwhile. */
const GAP_MS_MIN = 1;
const GAP_MS_MAX = 32;
/** A turn that begins later than this was waited for by clients, too. Timers of an idle loop are up to 1.1 ms
 * late. */
const LATE_MS = 3;
/** One late turn in 140 holds the pace as it is: fewer than the one in a hundred that clients notice. */
const GROWTH = 2;
const SHRINKAGE = 0.995;

/** When the next chunk of a snapshot is due. A snapshot has time, clients have not, and whatever stands in
 * their way, be it the chunks, a collection of garbage or another process on the same cores, shows in how
 * late this thread's timers run. So the gap doubles when one is late, and shrinks as long as none is. */
export class ChunkPace {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  #gapMs = GAP_MS_MAX;
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, scheduler: Scheduler) {
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  /** Runs `task` when the next chunk is due. One at a time. */
  next(task: () => void): void {
    const nowMs = this.#clock.monotonicMs();
    this.#dueMs = Math.max(nowMs, this.#dueMs + this.#gapMs);
    this.#scheduler.after(this.#dueMs - nowMs, () => {
      this.#ran(this.#clock.monotonicMs() - this.#dueMs);
      task();
    });
  }

  #ran(lateMs: number): void {
    const factor = lateMs > LATE_MS ? GROWTH : SHRINKAGE;
    this.#gapMs = Math.min(GAP_MS_MAX, Math.max(GAP_MS_MIN, this.#gapMs * factor));
  }
}
