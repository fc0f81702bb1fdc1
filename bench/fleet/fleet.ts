import {
  type Completion,
  createDatanodeGroupClient,
  type DatanodeClient,
  type DatanodeGroupClient,
  type FullReportResult,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type RpcError,
  reportRows,
} from "../../protocol/client/index.js";
import { Histogram } from "../harness/histogram.js";
import { FleetPlan, type FleetPlanOptions } from "./plan.js";
import { PlanReportSource } from "./plan-report-source.js";

export interface FleetOptions {
  /** Of the SCMs of the group: every datanode talks to all of them. */
  readonly endpoints: readonly string[];
  readonly plan: FleetPlanOptions;
  /** This process simulates nodes `firstNode` … `firstNode + nodeCount − 1` of the plan. */
  readonly firstNode: number;
  readonly nodeCount: number;
  /** Fixed schedule: a late answer does not move the next heartbeat. */
  readonly heartbeatIntervalMs: number;
  /** A few grown replicas of each node are reported this often; 0 = never. */
  readonly incrementalIntervalMs: number;
}

/** What a fleet process tells its parent, sums since the start. */
export interface FleetFigures {
  connected: number;
  registered: number;
  heartbeatsDue: number;
  heartbeatsSent: number;
  heartbeatsAnswered: number;
  /** Not sent because the node was not registered or its connection was full. */
  heartbeatsMissed: number;
  fullReports: number;
  /** Epoch ms when the last one was answered. */
  lastFullReportMs: number;
  rowsReported: number;
  incrementalReports: number;
  commands: number;
  errors: number;
  /** µs from the scheduled time to the answer. */
  latencyUs: readonly (readonly [number, number])[];
  latencyMaxUs: number;
  lastError: string;
}

/** Of a fleet that has done nothing yet. */
export function emptyFigures(): FleetFigures {
  return {
    connected: 0,
    registered: 0,
    heartbeatsDue: 0,
    heartbeatsSent: 0,
    heartbeatsAnswered: 0,
    heartbeatsMissed: 0,
    fullReports: 0,
    lastFullReportMs: 0,
    rowsReported: 0,
    incrementalReports: 0,
    commands: 0,
    errors: 0,
    latencyUs: [],
    latencyMaxUs: 0,
    lastError: "",
  };
}

/** How often the schedule is looked at: what a heartbeat may be late by the generator's doing. */
const SLOT_MS = 1;
const INCREMENTAL_ROWS = 3;

/** Simulated datanodes over the client library, open-loop: every heartbeat has its time, and its latency
 * counts from there, so that a stall of the SCM is not hidden (coordinated omission). */
export class Fleet {
  readonly figures: FleetFigures = emptyFigures();
  latencyUs = new Histogram();
  readonly #options: FleetOptions;
  readonly #plan: FleetPlan;
  readonly #nodes: SimulatedNode[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Nodes whose heartbeat and incremental report come next: all have the same intervals, so their order
   * never changes. */
  #nextHeartbeat = 0;
  #nextIncremental = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#plan = new FleetPlan(options.plan);
  }

  start(): void {
    const { firstNode, nodeCount } = this.#options;
    for (let i = 0; i < nodeCount; i++) {
      const node = new SimulatedNode(this, this.#plan, this.#options, firstNode + i, i / nodeCount);
      this.#nodes.push(node);
      node.start();
    }
    this.#timer = setInterval(() => this.#runDue(), SLOT_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const node of this.#nodes) node.stop();
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

  /** Of each incremental report at each SCM. */
  readonly incrementalTaken: Completion<unknown> = {
    succeeded: () => {
      this.figures.incrementalReports++;
    },
    failed: (error) => this.noteError(error),
  };

  #runDue(): void {
    const nowMs = performance.now();
    const { length } = this.#nodes;
    while ((this.#nodes[this.#nextHeartbeat] as SimulatedNode).runHeartbeat(nowMs)) {
      this.#nextHeartbeat = (this.#nextHeartbeat + 1) % length;
    }
    if (this.#options.incrementalIntervalMs === 0) return;
    while ((this.#nodes[this.#nextIncremental] as SimulatedNode).runIncremental(nowMs)) {
      this.#nextIncremental = (this.#nextIncremental + 1) % length;
    }
  }
}

/** A datanode's heartbeats to one SCM. */
class HeartbeatLane implements Completion<HeartbeatResponse> {
  readonly #fleet: Fleet;
  readonly #scm: DatanodeClient;
  /** Scheduled times of heartbeats without an answer; answers come in order. */
  readonly #scheduledMs: number[] = [];
  /** The schedule begins with the first registration. */
  wasRegistered = false;

  constructor(fleet: Fleet, scm: DatanodeClient) {
    this.#fleet = fleet;
    this.#scm = scm;
  }

  beat(scheduledMs: number, request: HeartbeatRequest): void {
    const { figures } = this.#fleet;
    if (!this.wasRegistered) return;
    figures.heartbeatsDue++;
    if (!this.#scm.isRegistered) {
      figures.heartbeatsMissed++;
      return;
    }
    figures.heartbeatsSent++;
    this.#scheduledMs.push(scheduledMs);
    this.#scm.heartbeat(request, this);
  }

  succeeded(): void {
    const scheduledMs = this.#scheduledMs.shift();
    this.#fleet.figures.heartbeatsAnswered++;
    if (scheduledMs !== undefined) this.#fleet.latencyUs.record((performance.now() - scheduledMs) * 1000);
  }

  failed(error: RpcError): void {
    this.#scheduledMs.shift();
    this.#fleet.noteError(error);
  }
}

class SimulatedNode {
  readonly #fleet: Fleet;
  readonly #plan: FleetPlan;
  readonly #options: FleetOptions;
  readonly #node: number;
  readonly #client: DatanodeGroupClient;
  readonly #lanes = new Map<DatanodeClient, HeartbeatLane>();
  #nextHeartbeatMs: number;
  #nextIncrementalMs: number;
  #heartbeatCount = 0;
  #generation = 0;

  constructor(fleet: Fleet, plan: FleetPlan, options: FleetOptions, node: number, phase: number) {
    this.#fleet = fleet;
    this.#plan = plan;
    this.#options = options;
    this.#node = node;
    const nowMs = performance.now();
    this.#nextHeartbeatMs = nowMs + phase * options.heartbeatIntervalMs;
    this.#nextIncrementalMs = nowMs + phase * options.incrementalIntervalMs;
    this.#client = createDatanodeGroupClient(
      { endpoints: options.endpoints, clientName: `fleet node ${node}` },
      {
        onRegistered: (scm) => {
          this.#lane(scm).wasRegistered = true;
        },
        onCommands: () => this.#runCommands(),
        onReported: (_scm, outcome) => this.#noteReport(outcome),
        onLost: (_scm, error) => fleet.noteError(error),
      },
      {
        registration: () => ({
          details: plan.details(node),
          report: plan.nodeReport(node),
          pipelineReports: [],
          layout: { metadata: 10, software: 10 },
        }),
        report: () => new PlanReportSource(plan, node),
      },
    );
    for (const scm of this.#client.scms) this.#lanes.set(scm, new HeartbeatLane(fleet, scm));
  }

  get isConnected(): boolean {
    return this.#client.scms.some((scm) => scm.isConnected);
  }

  get isRegistered(): boolean {
    return this.#client.isRegistered;
  }

  start(): void {
    this.#client.start();
  }

  stop(): void {
    this.#client.close();
  }

  /** Sends the next heartbeat when it is due; false when it is not. */
  runHeartbeat(nowMs: number): boolean {
    if (this.#nextHeartbeatMs > nowMs) return false;
    this.#heartbeat(this.#nextHeartbeatMs);
    this.#nextHeartbeatMs += this.#options.heartbeatIntervalMs;
    return true;
  }

  /** The same for incremental reports. */
  runIncremental(nowMs: number): boolean {
    if (this.#nextIncrementalMs > nowMs) return false;
    this.#incremental();
    this.#nextIncrementalMs += this.#options.incrementalIntervalMs;
    return true;
  }

  #lane(scm: DatanodeClient): HeartbeatLane {
    return this.#lanes.get(scm) as HeartbeatLane;
  }

  #heartbeat(scheduledMs: number): void {
    // Volumes every tenth time, as node reports come seldom.
    const withReport = this.#heartbeatCount++ % 10 === 0;
    const request: HeartbeatRequest = {
      persistedOpState: "IN_SERVICE",
      persistedOpStateExpiry: 0,
      ...(withReport ? { nodeReport: this.#plan.nodeReport(this.#node) } : {}),
    };
    for (const lane of this.#lanes.values()) lane.beat(scheduledMs, request);
  }

  #runCommands(): void {
    while (this.#client.nextCommand() !== undefined) this.#fleet.figures.commands++;
  }

  #noteReport(outcome: FullReportResult | RpcError): void {
    if (outcome instanceof Error) {
      this.#fleet.noteError(outcome);
      return;
    }
    this.#fleet.figures.fullReports++;
    this.#fleet.figures.lastFullReportMs = Date.now();
    this.#fleet.figures.rowsReported += outcome.rowCount;
  }

  #incremental(): void {
    const ids: number[] = [];
    for (const id of this.#plan.containerIds(this.#node)) {
      if (ids.push(id) === INCREMENTAL_ROWS) break;
    }
    if (ids.length === 0) return;
    this.#generation++;
    const rows = reportRows(
      ids.map((id) => this.#plan.row(id, this.#generation)),
      "free",
    );
    this.#client.incrementalReport(rows, this.#fleet.incrementalTaken);
  }
}
