import type { NodeSlot } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { Logger } from "../telemetry/logger.js";

const INTERVAL_MS = 60_000;

export interface LogSummaryParts {
  readonly scheduler: Scheduler;
  readonly logger: Pick<Logger, "warn">;
  readonly message: string;
  uuidOf(node: NodeSlot): Uuid;
}

/** A warning about replicas, of which there may be millions: the first one is a line, after it there is one a
 * minute with the count of the others and the last of them as an example. */
export class LogSummary {
  readonly #parts: LogSummaryParts;
  #count = 0;
  #containerId = 0;
  #node = 0 as NodeSlot;
  #timer: Timer | undefined;

  constructor(parts: LogSummaryParts) {
    this.#parts = parts;
  }

  note(containerId: number, node: NodeSlot): void {
    this.#count++;
    this.#containerId = containerId;
    this.#node = node;
    if (this.#timer === undefined) this.#write();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#count = 0;
  }

  #write(): void {
    const { scheduler, logger, message, uuidOf } = this.#parts;
    const details = { count: this.#count, containerId: this.#containerId, datanode: uuidOf(this.#node) };
    logger.warn(message, details);
    this.#count = 0;
    this.#timer = scheduler.after(INTERVAL_MS, () => {
      this.#timer = undefined;
      if (this.#count > 0) this.#write();
    });
  }
}
