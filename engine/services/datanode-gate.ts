import type { StrataError } from "../core/errors.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Service } from "./service.js";

/** After a refusal; there may be no leader to ask. */
const RETRY_MS = 100;

export interface DatanodeGateParts {
  readonly scheduler: Scheduler;
  /** Calls back when everything is applied here that was committed when it was called, or with why that
   * cannot be said. */
  whenCaughtUp(onReady: (refusal: StrataError | undefined) => void): void;
  /** A snapshot is being loaded into the tables. */
  isReloading(): boolean;
}

/** Lets datanodes in when this SCM has caught up with the leader once, or leads: what they report must not be
 * judged by tables from before its last stop (spec 07 §5.4, §17). */
export class DatanodeGate implements Service {
  readonly name = "datanode gate";
  readonly #parts: DatanodeGateParts;
  #state: "created" | "closed" | "open" | "stopped" = "created";
  #timer: Timer | undefined;

  constructor(parts: DatanodeGateParts) {
    this.#parts = parts;
  }

  /** What this SCM is still busy with, undefined when datanodes may come. */
  get step(): string | undefined {
    if (this.#state !== "open") return "catching up";
    return this.#parts.isReloading() ? "snapshot" : undefined;
  }

  start(): void {
    this.#state = "closed";
    this.#ask();
  }

  stop(): void {
    this.#state = "stopped";
    this.#timer?.cancel();
  }

  onStatus(leaderReady: boolean): void {
    if (leaderReady) this.#open();
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#state === "open" ? "RUNNING" : "PAUSED";
  }

  #ask(): void {
    if (this.#state !== "closed") return;
    this.#parts.whenCaughtUp((refusal) => {
      if (this.#state !== "closed") return;
      if (refusal === undefined) this.#open();
      else this.#timer = this.#parts.scheduler.after(RETRY_MS, () => this.#ask());
    });
  }

  #open(): void {
    if (this.#state !== "closed") return;
    this.#state = "open";
    this.#timer?.cancel();
  }
}
