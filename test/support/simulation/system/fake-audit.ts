import type { StrataError } from "../../../../engine/core/errors.js";
import type { AuditRecord } from "../../../../engine/telemetry/audit.js";
import type { SimTrace } from "./trace.js";

/** Audit records of all lives of an SCM; can be full for a while. */
export class FakeAudit {
  readonly counts = { done: 0, refused: 0 };
  readonly #trace: SimTrace;
  readonly #name: string;
  #isFull = false;
  #waiting: ((reason: StrataError | undefined) => void)[] = [];

  constructor(trace: SimTrace, name: string) {
    this.#trace = trace;
    this.#name = name;
  }

  fill(): void {
    this.#isFull = true;
  }

  empty(): void {
    this.#isFull = false;
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }

  processDied(): void {
    this.#isFull = false;
    this.#waiting = [];
  }

  ready(): boolean {
    return !this.#isFull;
  }

  whenReady(): Promise<StrataError | undefined> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Who waits for it stays in office here. */
  waitingSinceMs(): undefined {}

  write({ timeMs, sessionId, operation, error }: AuditRecord): void {
    if (error === undefined) this.counts.done++;
    else this.counts.refused++;
    this.#trace.line(this.#name, `audit ${operation} session=${sessionId} time=${timeMs} ${error ?? "done"}`);
  }
}
