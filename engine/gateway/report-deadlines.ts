import type { Clock } from "../core/clock.js";
import type { Scheduler, Timer } from "../core/scheduler.js";

/** Time that a datanode with credit may let pass, in all, without a chunk on the way. A whole report takes
 * seconds; a datanode that is told to wait comes back with a heartbeat, by default every 30 s. */
const IDLE_MS_MAX = 60_000;
const CHECK_INTERVAL_MS = 5_000;

/** A report with credit. */
export interface ReportProgress {
  /** Without a chunk on the way so far; only the datanode's own time counts. */
  idleMs: number;
  /** Start of the present idle time; undefined while a chunk is on the way. */
  idleSinceMs: number | undefined;
  inFlightCount: number;
  isLastSent: boolean;
}

/** Watches the reports that have credit. Few have it at a time, so a datanode that takes it and sends
 * nothing, or a row a minute, would keep all others from reporting. */
export class ReportDeadlines<T extends object> {
  readonly limitMs = IDLE_MS_MAX;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #onStalled: (datanode: T) => void;
  readonly #progress = new Map<T, ReportProgress>();
  #timer: Timer | undefined;

  /** `onStalled` must end the datanode's report. */
  constructor(clock: Clock, scheduler: Scheduler, onStalled: (datanode: T) => void) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#onStalled = onStalled;
  }

  granted(datanode: T): void {
    const idleSinceMs = this.#clock.monotonicMs();
    this.#progress.set(datanode, { idleMs: 0, idleSinceMs, inFlightCount: 0, isLastSent: false });
    this.#timer ??= this.#scheduler.after(CHECK_INTERVAL_MS, this.#check);
  }

  /** A chunk has come. The result goes to `chunkAnswered`. */
  chunkSent(datanode: T, isLast: boolean): ReportProgress | undefined {
    const progress = this.#progress.get(datanode);
    if (progress === undefined) return undefined;
    progress.idleMs = this.#idleMs(progress);
    progress.idleSinceMs = undefined;
    progress.inFlightCount++;
    if (isLast) progress.isLastSent = true;
    return progress;
  }

  chunkAnswered(progress: ReportProgress | undefined): void {
    if (progress === undefined) return;
    progress.inFlightCount--;
    if (progress.inFlightCount === 0) progress.idleSinceMs = this.#clock.monotonicMs();
  }

  /** It has no credit any more: it begins anew, or has gone. */
  forget(datanode: T): void {
    this.#progress.delete(datanode);
    if (this.#progress.size > 0) return;
    // Nothing of a gateway that has stopped may stay behind.
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #idleMs({ idleMs, idleSinceMs }: ReportProgress): number {
    return idleSinceMs === undefined ? idleMs : idleMs + this.#clock.monotonicMs() - idleSinceMs;
  }

  readonly #check = (): void => {
    this.#timer = undefined;
    for (const [datanode, progress] of this.#progress) {
      const isComplete = progress.isLastSent && progress.inFlightCount === 0;
      const isStalled = !isComplete && this.#idleMs(progress) >= IDLE_MS_MAX;
      if (isComplete || isStalled) this.#progress.delete(datanode);
      if (isStalled) this.#onStalled(datanode);
    }
    if (this.#progress.size > 0) this.#timer = this.#scheduler.after(CHECK_INTERVAL_MS, this.#check);
  };
}
