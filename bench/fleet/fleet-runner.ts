import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import type { Uuid } from "../../engine/core/uuid.js";
import { Histogram } from "../harness/histogram.js";
import type { BlockWrite } from "./fleet.js";
import { emptyFigures, type FleetFigures, type FleetOptions } from "./fleet-figures.js";
import { FleetPlan } from "./plan.js";
import type { FleetMessage, FleetOrder, GroupNews } from "./process.js";

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

/** A block, and the datanode that its client writes it to. */
export interface RoutedWrite extends BlockWrite {
  readonly leader: Uuid;
}

export type FleetSetup = Omit<FleetOptions, "firstNode" | "nodeCount">;

/** A fleet spread over several processes, seen as one. */
export class FleetRunner {
  readonly #children: ChildProcess[] = [];
  readonly #latest: (FleetMessage | undefined)[] = [];
  readonly #ended: Promise<void>[] = [];
  /** Which child simulates a datanode. */
  readonly #childOf = new Map<Uuid, number>();

  /** Nodes of the plan are shared out evenly over `processCount` processes. Resolves when all are up; they
   * wait for `begin`.
   * @param niceness of a fleet that is to leave the cores to the SCM, as one on other machines would. */
  async prepare(options: FleetSetup, processCount: number, niceness = 0): Promise<void> {
    const { nodeCount } = options.plan;
    const plan = new FleetPlan(options.plan);
    for (let i = 0; i < processCount; i++) {
      const firstNode = Math.floor((i * nodeCount) / processCount);
      const endNode = Math.floor(((i + 1) * nodeCount) / processCount);
      for (let node = firstNode; node < endNode; node++) this.#childOf.set(plan.uuid(node), i);
      this.#fork(i, { ...options, firstNode, nodeCount: endNode - firstNode }, niceness);
    }
    await Promise.all(this.#children.map((child) => once(child, "message")));
  }

  /** All datanodes connect. */
  begin(): void {
    this.#sendAll("begin");
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
    this.#sendAll("forget heartbeats");
  }

  /** Clients write these blocks. Those for datanodes that are not of this fleet are passed over. */
  write(blocks: readonly RoutedWrite[]): void {
    const writes: BlockWrite[][] = this.#children.map(() => []);
    for (const { leader, ...block } of blocks) writes[this.#childOf.get(leader) ?? -1]?.push(block);
    writes.forEach((write, index) => {
      if (write.length > 0) this.#send(index, { write });
    });
  }

  /** Asks for the last figures, then ends the processes. */
  async stop(): Promise<FleetSummary> {
    this.#sendAll("stop");
    await Promise.all(this.#ended);
    return this.summary();
  }

  #sendAll(order: FleetOrder, but?: number): void {
    this.#children.forEach((_, index) => {
      if (index !== but) this.#send(index, order);
    });
  }

  #send(index: number, order: FleetOrder): void {
    const child = this.#children[index];
    if (child?.connected === true) child.send(order);
  }

  #fork(index: number, options: FleetOptions, niceness: number): void {
    const entry = fileURLToPath(new URL("./process.js", import.meta.url));
    const child = fork(entry, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    if (child.pid !== undefined) setPriority(child.pid, niceness);
    this.#children.push(child);
    this.#latest.push(undefined);
    child.on("message", (message: FleetMessage | GroupNews) => {
      if ("group" in message) this.#sendAll(message, index);
      else this.#latest[index] = message;
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
  sum.blocksWritten += more.blocksWritten;
  sum.blocksRefused += more.blocksRefused;
  sum.errors += more.errors;
  if (more.lastError !== "") sum.lastError = more.lastError;
}
