import { LiveReport } from "../../../../bench/fleet/live-report.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { RpcError } from "../../../../protocol/client/completion.js";
import type { DatanodeClient } from "../../../../protocol/client/datanode-client.js";
import { reportRows } from "../../../../protocol/client/report-source.js";
import type { ReportRow, RowBytes } from "../../../../protocol/codec/report-rows.js";
import type { SimWorld } from "../sim-world.js";
import type { SimScm } from "./sim-scm.js";

const NEVER = Number.NEGATIVE_INFINITY;
/** Heartbeats this far apart have had an answer between them: without one the next waits for the timeout. */
const STEADY_MS = 2_000;

export interface DatanodeLinkParts {
  readonly world: SimWorld;
  readonly scm: SimScm;
  readonly client: DatanodeClient;
  readonly rowBytes: RowBytes;
  readonly origins: readonly Uuid[];
  /** What the datanode holds. */
  readonly replicas: ReadonlyMap<number, ReportRow>;
  readonly onLine: (line: string) => void;
  /** A report of these containers leaves for the SCM. */
  readonly onReport: (has: (containerId: number) => boolean) => void;
}

/** What one process of a datanode has with one SCM: registration, heartbeats, reports. */
export class DatanodeLink {
  readonly #parts: DatanodeLinkParts;
  readonly #client: DatanodeClient;
  /** When the last heartbeat or registration left, on the present connection. */
  #sentMs = NEVER;
  /** When the last one that was answered had left. */
  #answeredMs = NEVER;
  /** When the first one of an unbroken row of answered ones had left. */
  #steadySinceMs = NEVER;
  #beatCount = 0;
  /** Incremental reports without an answer. */
  #unansweredCount = 0;
  /** Something changed of which no incremental report told. */
  #mustReport = false;

  constructor(parts: DatanodeLinkParts) {
    this.#parts = parts;
    this.#client = parts.client;
  }

  get scm(): SimScm {
    return this.#parts.scm;
  }

  /** A heartbeat leaves; its number. */
  beat(): number {
    this.sent();
    return this.#beatCount++;
  }

  /** The SCM has heard of the datanode, and answered, without a pause from the one time to the other at
   * least. */
  get steady(): { readonly fromMs: number; readonly toMs: number } | undefined {
    if (this.#answeredMs === NEVER) return undefined;
    return { fromMs: this.#steadySinceMs, toMs: this.#answeredMs };
  }

  /** Registered, and the SCM has been told all there is. */
  get isAtRest(): boolean {
    const { isRegistered, isReporting } = this.#client;
    return isRegistered && !isReporting && !this.#mustReport && this.#unansweredCount === 0;
  }

  /** For a message about who is not at rest. */
  describe(): string {
    const { isConnected, isRegistered, isReporting } = this.#client;
    const facts = { isConnected, isRegistered, isReporting, unanswered: this.#unansweredCount };
    return `${this.#parts.scm.name} ${JSON.stringify({ ...facts, mustReport: this.#mustReport })}`;
  }

  /** A replica was lost, and only the next full report shows it. */
  noteLoss(): void {
    this.#mustReport = true;
  }

  /** Tells what no incremental report has told. */
  reportWhenNeeded(): void {
    if (this.#mustReport) this.fullReport(false);
  }

  fullReport(fromRegistration: boolean): void {
    if (!this.#client.isRegistered || this.#client.isReporting) return;
    const { origins, rowBytes, replicas } = this.#parts;
    const wasNeeded = this.#mustReport;
    this.#mustReport = false;
    this.#parts.onReport((id) => replicas.has(id));
    this.#client.fullReport(new LiveReport(replicas, origins, rowBytes), fromRegistration, {
      succeeded: ({ rowCount, chunkCount }) => {
        this.#line(`full report of ${rowCount} rows in ${chunkCount} chunks`);
      },
      failed: (error) => {
        this.#line(`full report: ${error.code}`);
        if (wasNeeded || error.code === "REQUEST_TIMEOUT") this.#mustReport = true;
      },
    });
  }

  incrementalReport(rows: readonly ReportRow[]): void {
    if (!this.#client.isRegistered) return;
    this.#unansweredCount++;
    this.#parts.onReport((id) => rows.some(({ containerId }) => containerId === id));
    this.#client.incrementalReport(reportRows(rows, "free", this.#parts.rowBytes), {
      succeeded: () => {
        this.#unansweredCount--;
      },
      failed: (error) => {
        this.#unansweredCount--;
        this.#notTold(error);
      },
    });
  }

  /** After a lost connection comes a registration, and with it a full report; what the SCM could not take
   * it asks for by itself. */
  #notTold(error: RpcError): void {
    this.#line(`incremental report: ${error.code}`);
    if (error.code === "REQUEST_TIMEOUT") this.#mustReport = true;
    // The connection was full: a heartbeat may have been refused by it as well, and then nobody waited.
    if (error.code === "OVERLOADED") this.#forgetBeats();
  }

  /** A registration or a heartbeat leaves. */
  sent(): void {
    const nowMs = this.#parts.world.clock.monotonicMs();
    if (nowMs - this.#sentMs < STEADY_MS) this.#answeredMs = this.#sentMs;
    else this.#steadySinceMs = nowMs;
    this.#sentMs = nowMs;
  }

  onRegistered(): void {
    this.#answeredMs = this.#sentMs;
    this.#line("registered");
  }

  onLost(error: RpcError): void {
    this.#line(`lost ${error.code}`);
    this.#forgetBeats();
  }

  /** What the SCM has heard is not known any more. */
  #forgetBeats(): void {
    this.#sentMs = NEVER;
    this.#answeredMs = NEVER;
  }

  #line(text: string): void {
    this.#parts.onLine(`${this.#parts.scm.name}: ${text}`);
  }
}
