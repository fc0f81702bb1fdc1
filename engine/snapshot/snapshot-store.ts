import type { WorkerLink } from "../../workers/shared/worker-link.js";
import type { Scheduler } from "../core/scheduler.js";

/** Main's end of the state thread, as far as snapshots go: opened ones that are read, one that is written, and
 * the change over to it. */
export class SnapshotStore {
  readonly #link: WorkerLink;
  readonly #scheduler: Scheduler;

  constructor(link: WorkerLink, scheduler: Scheduler) {
    this.#link = link;
    this.#scheduler = scheduler;
  }

  /** A record of the state thread of a kind that is in SNAPSHOT_RECORD. */
  onRecord(_kind: number, _offset: number): void {
    this.#scheduler.endOfTurn(() => this.#link.sender.publish());
  }
}
