import type { PendingContainers } from "../cluster/placement/pending-containers.js";
import type { Clock } from "../core/clock.js";
import type { Scheduler } from "../core/scheduler.js";
import { PeriodicService } from "./periodic-service.js";

/** How late a promise may end. */
const INTERVAL_MS = 3_000;

export interface PendingExpiryParts {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly scheduler: Scheduler;
  readonly pending: PendingContainers;
}

/** Ends promises that no report has shown in their time, and all of them at the end of a term: they are the
 * leader's memory (spec 01 §11). */
export class PendingExpiry extends PeriodicService {
  readonly #pending: PendingContainers;

  constructor({ clock, scheduler, pending }: PendingExpiryParts) {
    super({
      name: "pending containers",
      scheduler,
      intervalMs: INTERVAL_MS,
      runsWhen: (leaderReady) => leaderReady,
      task: () => pending.expire(clock.monotonicMs()),
    });
    this.#pending = pending;
  }

  override onStatus(leaderReady: boolean, safeMode: boolean): void {
    if (!leaderReady) this.#pending.clear();
    super.onStatus(leaderReady, safeMode);
  }
}
