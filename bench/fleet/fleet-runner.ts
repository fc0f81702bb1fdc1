import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { Histogram } from "../harness/histogram.js";
import { emptyFigures, type FleetFigures, type FleetOptions } from "./fleet.js";
import type { FleetMessage } from "./process.js";

/** A fleet whose generator is busier than this does not measure the SCM any more. */
const CPU_SHARE_MAX = 0.7;

export interface FleetSummary extends Omit<FleetFigures, "latencyUs" | "latencyMaxUs"> {
  readonly latencyP50Us: number;
  readonly latencyP99Us: number;
  readonly latencyP999Us: number;
  readonly cpuShareMax: number;
  readonly cpuSeconds: number;
  /** Why the figures must not be trusted; empty = they may. */
  readonly doubts: readonly string[];
}

export type FleetSetup = Omit<FleetOptions, "firstNode" | "nodeCount">;

/** A fleet spread over several processes, seen as one. */
export class FleetRunner {
  readonly #children: ChildProcess[] = [];
  readonly #latest: (FleetMessage | undefined)[] = [];
  readonly #ended: Promise<void>[] = [];

  /** Nodes of the plan are shared out evenly over `processCount` processes. Resolves when all are up; they
   * wait for `begin`.
   * @param niceness of a fleet that is to leave the cores to the SCM, as one on other machines would. */
  async prepare(options: FleetSetup, processCount: number, niceness = 0): Promise<void> {
    const { nodeCount } = options.plan;
    for (let i = 0; i < processCount; i++) {
      const firstNode = Math.floor((i * nodeCount) / processCount);
      const endNode = Math.floor(((i + 1) * nodeCount) / processCount);
      this.#fork(i, { ...options, firstNode, nodeCount: endNode - firstNode }, niceness);
    }
    await Promise.all(this.#children.map((child) => once(child, "message")));
  }

  /** All datanodes connect. */
  begin(): void {
    for (const child of this.#children) child.send("begin");
  }

  async start(options: FleetSetup, processCount: number): Promise<void> {
    await this.prepare(options, processCount);
    this.begin();
  }

  summary(): FleetSummary {
    const latency = new Histogram();
    const sum: FleetFigures = emptyFigures();
    let cpuShareMax = 0;
    let cpuSeconds = 0;
    for (const message of this.#latest) {
      if (message === undefined) continue;
      addFigures(sum, message.figures);
      latency.merge(message.figures.latencyUs, message.figures.latencyMaxUs);
      cpuShareMax = Math.max(cpuShareMax, message.cpuShare);
      cpuSeconds += message.cpuSeconds;
    }
    const { latencyUs: _, latencyMaxUs: __, ...figures } = sum;
    return {
      ...figures,
      latencyP50Us: latency.percentile(0.5),
      latencyP99Us: latency.percentile(0.99),
      latencyP999Us: latency.percentile(0.999),
      cpuShareMax,
      cpuSeconds,
      doubts: doubtsOf(sum, cpuShareMax),
    };
  }

  /** Heartbeats count from now on; `summary` tells so with the next message of each process. */
  forgetHeartbeats(): void {
    for (const child of this.#children) child.send("forget heartbeats");
  }

  /** Asks for the last figures, then ends the processes. */
  async stop(): Promise<FleetSummary> {
    for (const child of this.#children) if (child.connected) child.send("stop");
    await Promise.all(this.#ended);
    return this.summary();
  }

  #fork(index: number, options: FleetOptions, niceness: number): void {
    const entry = fileURLToPath(new URL("./process.js", import.meta.url));
    const child = fork(entry, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    if (child.pid !== undefined) setPriority(child.pid, niceness);
    this.#children.push(child);
    this.#latest.push(undefined);
    child.on("message", (message) => {
      this.#latest[index] = message as FleetMessage;
    });
    this.#ended.push(new Promise((resolve) => child.once("exit", () => resolve())));
  }
}

/** The generator checks itself: it must have sent what the schedule asked for, without being short of CPU. */
function doubtsOf(figures: FleetFigures, cpuShareMax: number): string[] {
  const doubts: string[] = [];
  const sentShare = figures.heartbeatsDue === 0 ? 1 : figures.heartbeatsSent / figures.heartbeatsDue;
  if (sentShare < 0.95) doubts.push(`only ${(sentShare * 100).toFixed(1)} % of the heartbeats due were sent`);
  if (cpuShareMax > CPU_SHARE_MAX)
    doubts.push(`the generator used ${(cpuShareMax * 100).toFixed(0)} % of a core`);
  return doubts;
}

function addFigures(sum: FleetFigures, more: FleetFigures): void {
  sum.connected += more.connected;
  sum.registered += more.registered;
  sum.heartbeatsDue += more.heartbeatsDue;
  sum.heartbeatsSent += more.heartbeatsSent;
  sum.heartbeatsAnswered += more.heartbeatsAnswered;
  sum.heartbeatsMissed += more.heartbeatsMissed;
  sum.fullReports += more.fullReports;
  sum.lastFullReportMs = Math.max(sum.lastFullReportMs, more.lastFullReportMs);
  sum.rowsReported += more.rowsReported;
  sum.incrementalReports += more.incrementalReports;
  sum.commands += more.commands;
  sum.errors += more.errors;
  if (more.lastError !== "") sum.lastError = more.lastError;
}
