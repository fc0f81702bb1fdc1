import { logIndex } from "../../../engine/core/ids.js";
import type { Random } from "../../../engine/core/random.js";
import type { Snapshot } from "../../../engine/raft/types.js";
import { EVENT, type EventQueue, SimEvent } from "./event-queue.js";
import type { LogDisk, LogWrite } from "./log-disk.js";
import type { CoreSimOptions } from "./options.js";
import { type StateImage, snapshotOf } from "./state-machine.js";

export interface StateKeeperParts {
  readonly options: CoreSimOptions;
  readonly disk: LogDisk;
  readonly queue: EventQueue;
  readonly random: Random;
}

/** Whose state it is. */
export interface StateKeeperHost {
  readonly id: number;
  readonly life: number;
  /** The state as it is now. */
  image(): StateImage;
  readonly appliedIndex: number;
  /** Of the change that made the present membership. */
  readonly confIndex: number;
  /** Where the log begins, as far as the main thread knows. */
  truncatedIndex(): number;
  write(write: LogWrite): void;
}

/** One life of what keeps a replica's state on disk: flushes that a crash may undo, synced ones now and then,
 * and after those the log is cut. */
export class StateKeeper {
  readonly #parts: StateKeeperParts;
  readonly #host: StateKeeperHost;
  #isFlushing = false;

  constructor(parts: StateKeeperParts, host: StateKeeperHost) {
    this.#parts = parts;
    this.#host = host;
  }

  /** Something was applied. */
  onApplied(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const { random, options, disk } = this.#parts;
    this.#after(1 + random.below(options.flushIntervalMax), () => {
      const image = this.#host.image();
      const isSynced = random.below(2) === 0;
      this.#after(1 + random.below(options.syncMax), () => {
        this.#isFlushing = false;
        disk.flushed(image, isSynced);
        if (isSynced) this.#truncateLog();
        if (image.applied.index < this.#host.appliedIndex) this.onApplied();
      });
    });
  }

  /** The newest state that is in the store, unless there is trouble. One that is older than the membership is
   * of no use: whom the last change has added refuses it, since it does not name him. */
  snapshot(): Snapshot | "pending" {
    const { disk, random, options } = this.#parts;
    const image = disk.newestImage;
    const needed = Math.max(1, this.#host.truncatedIndex(), this.#host.confIndex);
    if (image.applied.index < needed) return "pending";
    if (random.fraction() < options.faults.snapshotTrouble / 2) return "pending";
    return snapshotOf(image);
  }

  /** The log is cut where the state is durable, less some entries that followers may still want. */
  #truncateLog(): void {
    const { options, random, disk } = this.#parts;
    const target = disk.durableApplied - random.below(options.keptEntriesMax);
    if (target <= this.#host.truncatedIndex()) return;
    this.#host.write({
      hardState: undefined,
      entries: [],
      snapshot: undefined,
      truncateTo: logIndex(target),
      isSynced: true,
      number: 0,
      responses: [],
    });
  }

  #after(delay: number, task: () => void): void {
    this.#parts.queue.push(delay, new SimEvent(EVENT.FLUSH, this.#host, undefined, task));
  }
}
