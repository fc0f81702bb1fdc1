import type { Scheduler, Timer } from "../core/scheduler.js";
import type { AppendPipeline } from "./append-pipeline.js";
import type { ApplyQueue } from "./apply-queue.js";
import type { Office } from "./office.js";
import type { ProposalQueue } from "./proposal-queue.js";
import type { StateFlusher } from "./state-flusher.js";

export interface OrderlyStopParts {
  readonly scheduler: Scheduler;
  readonly proposals: Pick<ProposalQueue, "inflightCount">;
  readonly applying: Pick<ApplyQueue, "isEmpty">;
  readonly office: Pick<Office, "isBeingHandedOver">;
  readonly flusher: Pick<StateFlusher, "isIdle" | "start">;
  readonly pipeline: Pick<AppendPipeline, "appendCommit" | "publish" | "isBlocked" | "unansweredCount">;
}

/** Brings a host to its end, step by step: hand over, finish what is under way, write the state, then the
 * commit index.
 *
 *   no ─begin─► handing over ─► draining ─► flushing ─► writing the commit index ─► over */
export class OrderlyStop {
  readonly #parts: OrderlyStopParts;
  #timer: Timer | undefined;
  #onOver: (() => void) | undefined;
  #finalFlush: "wanted" | "running" | "done" = "wanted";

  constructor(parts: OrderlyStopParts) {
    this.#parts = parts;
  }

  /** It has begun. */
  get isUnderWay(): boolean {
    return this.#onOver !== undefined;
  }

  /** New requests are refused. While leadership is handed over they only wait: the one who takes over answers
   * them soon. */
  get isDraining(): boolean {
    return this.isUnderWay && !this.#parts.office.isBeingHandedOver;
  }

  /** Calls `onOver` after the last step, or after `limitMs` whatever is left. */
  begin(limitMs: number, onOver: () => void): void {
    this.#onOver = onOver;
    this.#timer = this.#parts.scheduler.after(limitMs, onOver);
  }

  /** The flush that was under way is durable. */
  onFlushed(): void {
    if (this.#finalFlush === "running") this.#finalFlush = "done";
  }

  /** Takes the next step when it can be taken now; each turn. */
  step(): void {
    const { proposals, applying, flusher, pipeline } = this.#parts;
    if (!this.isDraining) return;
    if (proposals.inflightCount > 0 || !applying.isEmpty || !flusher.isIdle) return;
    if (this.#finalFlush === "wanted") {
      this.#finalFlush = "running";
      flusher.start();
      return;
    }
    // The commit index follows the state, so that the next start finds nothing to decide.
    pipeline.appendCommit();
    pipeline.publish();
    if (!pipeline.isBlocked && pipeline.unansweredCount === 0) this.#onOver?.();
  }

  cancelTimer(): void {
    this.#timer?.cancel();
  }
}
