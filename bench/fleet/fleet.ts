import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Uuid } from "../../engine/core/uuid.js";
import type { Completion, RpcError } from "../../protocol/client/index.js";
import { Histogram } from "../harness/histogram.js";
import { FleetDisk } from "./fleet-disk.js";
import { emptyFigures, type FleetFigures, type FleetOptions } from "./fleet-figures.js";
import { type GroupMessage, PipelineGroups } from "./pipeline-groups.js";
import { FleetPlan } from "./plan.js";
import { type NodeFleet, SimulatedNode } from "./simulated-node.js";

/** How often the schedule is looked at: what a heartbeat may be late by the generator's doing. */
const SLOT_MS = 1;
/** How often datanodes put on disk what was written to them. */
const FLUSH_MS = 1000;

/** A block that a client writes. */
export interface BlockWrite {
  readonly pipelineId: Uuid;
  readonly containerId: number;
  readonly bytes: number;
}

/** Simulated datanodes over the client library, open-loop: every heartbeat has its time, and its latency
 * counts from there, so that a stall of the SCM is not hidden (coordinated omission). */
export class Fleet implements NodeFleet {
  readonly plan: FleetPlan;
  readonly options: FleetOptions;
  readonly groups: PipelineGroups;
  readonly disk: FleetDisk | undefined;
  readonly figures: FleetFigures = emptyFigures();
  latencyUs = new Histogram();
  readonly #nodes: SimulatedNode[] = [];
  readonly #withNews = new Set<SimulatedNode>();
  readonly #timers: NodeJS.Timeout[] = [];
  /** Nodes whose heartbeat and incremental report come next: all have the same intervals, so their order
   * never changes. */
  #nextHeartbeat = 0;
  #nextIncremental = 0;

  /** @param send tells the other processes of the fleet, in order */
  constructor(options: FleetOptions, send?: (message: GroupMessage) => void) {
    this.options = options;
    this.plan = new FleetPlan(options.plan);
    this.groups = new PipelineGroups(send);
    this.disk = diskOf(options);
  }

  start(): void {
    const { firstNode, nodeCount } = this.options;
    for (let i = 0; i < nodeCount; i++) {
      const node = new SimulatedNode(this, firstNode + i, i / nodeCount);
      this.#nodes.push(node);
      node.start();
    }
    this.#timers.push(setInterval(() => this.#runDue(), SLOT_MS));
    if (this.disk !== undefined) this.#timers.push(setInterval(() => this.disk?.flush(), FLUSH_MS));
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    for (const node of this.#nodes) node.stop();
    this.disk?.flush();
  }

  /** Every node with so many SCMs. */
  areRegisteredWith(scmCount: number): boolean {
    return this.#nodes.every(({ registeredCount }) => registeredCount === scmCount);
  }

  /** Clients write, each block through the leader of its pipeline, which is a node of this process. */
  write(blocks: readonly BlockWrite[]): void {
    for (const { pipelineId, containerId, bytes } of blocks) {
      if (this.groups.write(pipelineId, containerId, bytes) === "written") this.figures.blocksWritten++;
      else this.figures.blocksRefused++;
    }
  }

  snapshot(): FleetFigures {
    let [connected, registered] = [0, 0];
    for (const node of this.#nodes) {
      if (node.isConnected) connected++;
      if (node.isRegistered) registered++;
    }
    return {
      ...this.figures,
      connected,
      registered,
      latencyUs: this.latencyUs.entries(),
      latencyMaxUs: this.latencyUs.max,
    };
  }

  /** Heartbeats count from now on. */
  forgetHeartbeats(): void {
    const { heartbeatsDue, heartbeatsSent, heartbeatsAnswered, heartbeatsMissed } = emptyFigures();
    Object.assign(this.figures, { heartbeatsDue, heartbeatsSent, heartbeatsAnswered, heartbeatsMissed });
    this.latencyUs = new Histogram();
  }

  noteError(error: RpcError): void {
    this.figures.errors++;
    this.figures.lastError = error.message;
  }

  noteNews(node: SimulatedNode): void {
    this.#withNews.add(node);
  }

  readonly incrementalTaken: Completion<unknown> = {
    succeeded: () => {
      this.figures.incrementalReports++;
    },
    failed: (error) => this.noteError(error),
  };

  #runDue(): void {
    const nowMs = performance.now();
    const { length } = this.#nodes;
    for (const node of this.#withNews) node.tellNews();
    this.#withNews.clear();
    while ((this.#nodes[this.#nextHeartbeat] as SimulatedNode).runHeartbeat(nowMs)) {
      this.#nextHeartbeat = (this.#nextHeartbeat + 1) % length;
    }
    if (this.options.incrementalIntervalMs === 0) return;
    while ((this.#nodes[this.#nextIncremental] as SimulatedNode).runIncremental(nowMs)) {
      this.#nextIncremental = (this.#nextIncremental + 1) % length;
    }
  }
}

/** One file for the nodes of this process. */
function diskOf({ directory, firstNode, nodeCount }: FleetOptions): FleetDisk | undefined {
  if (directory === undefined) return undefined;
  mkdirSync(directory, { recursive: true });
  return new FleetDisk(join(directory, `datanodes-${firstNode + 1}-${firstNode + nodeCount}.jsonl`));
}
