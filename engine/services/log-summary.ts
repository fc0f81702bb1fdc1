import type { NodeSlot } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { Logger } from "../telemetry/logger.js";

const INTERVAL_MS = 60_000;

export interface LogSummaryParts {
  readonly scheduler: Scheduler;
  readonly logger: Pick<Logger, "warn">;
  readonly message: string;
  /** What the lines name an example of. */
  readonly subject: "containerId" | "pipelineId";
  uuidOf(node: NodeSlot): Uuid;
}

/** A warning about what datanodes report, of which there may be millions: the first one is a line, after it
 * there is one a minute with the count of the others and the last of them as an example. */
export class LogSummary {
  readonly #parts: LogSummaryParts;
  #count = 0;
  #example: number | string = 0;
  #node = 0 as NodeSlot;
  #timer: Timer | undefined;

  constructor(parts: LogSummaryParts) {
    this.#parts = parts;
  }

  note(example: number | string, node: NodeSlot): void {
    this.#count++;
    this.#example = example;
    this.#node = node;
    if (this.#timer === undefined) this.#write();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#count = 0;
  }

  #write(): void {
    const { scheduler, logger, message, subject, uuidOf } = this.#parts;
    const details = { count: this.#count, [subject]: this.#example, datanode: uuidOf(this.#node) };
    logger.warn(message, details);
    this.#count = 0;
    this.#timer = scheduler.after(INTERVAL_MS, () => {
      this.#timer = undefined;
      if (this.#count > 0) this.#write();
    });
  }
}
