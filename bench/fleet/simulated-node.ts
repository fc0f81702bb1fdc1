import {
  type Completion,
  createDatanodeGroupClient,
  type DatanodeClient,
  type DatanodeGroupClient,
  type FullReportResult,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type ReportRow,
  type RpcError,
  reportRows,
} from "../../protocol/client/index.js";
import type { NodeReport } from "../../protocol/schema/records.js";
import type { Histogram } from "../harness/histogram.js";
import { DatanodeModel } from "./datanode-model.js";
import type { FleetDisk } from "./fleet-disk.js";
import type { FleetFigures, FleetOptions } from "./fleet-figures.js";
import { NodeReportSource } from "./node-report-source.js";
import type { PipelineGroups } from "./pipeline-groups.js";
import type { FleetPlan } from "./plan.js";
import { PlanReportSource } from "./plan-report-source.js";

const INCREMENTAL_ROWS = 3;
/** Volumes and pipelines come with every tenth heartbeat, as reports of them are seldom. */
const REPORT_BEATS = 10;

/** What a node has of its fleet. */
export interface NodeFleet {
  readonly plan: FleetPlan;
  readonly options: FleetOptions;
  readonly groups: PipelineGroups;
  readonly disk: FleetDisk | undefined;
  readonly figures: FleetFigures;
  readonly latencyUs: Histogram;
  /** Of each incremental report at each SCM. */
  readonly incrementalTaken: Completion<unknown>;
  noteError(error: RpcError): void;
  /** The node has something to tell at once: `tell` is called when the turn is over. */
  noteNews(node: SimulatedNode): void;
}

/** A datanode's heartbeats to one SCM. */
class HeartbeatLane implements Completion<HeartbeatResponse> {
  readonly #fleet: NodeFleet;
  readonly #scm: DatanodeClient;
  /** Scheduled times of heartbeats without an answer; answers come in order. */
  readonly #scheduledMs: number[] = [];
  /** The schedule begins with the first registration. */
  wasRegistered = false;

  constructor(fleet: NodeFleet, scm: DatanodeClient) {
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

/** One datanode of a plan: what the plan says that it holds, computed, and beside it what it is told to do
 * and what is written to it (`DatanodeModel`). */
export class SimulatedNode {
  readonly model: DatanodeModel;
  readonly #fleet: NodeFleet;
  readonly #node: number;
  readonly #client: DatanodeGroupClient;
  readonly #lanes = new Map<DatanodeClient, HeartbeatLane>();
  #nextHeartbeatMs: number;
  #nextIncrementalMs: number;
  #heartbeatCount = 0;
  #generation = 0;
  /** Replicas to be told of: at once, and with the next incremental report. */
  readonly #news = new Map<number, ReportRow>();
  readonly #grown = new Map<number, ReportRow>();
  /** Pipelines as last reported, as text. */
  #toldPipelines = "";

  constructor(fleet: NodeFleet, node: number, phase: number) {
    const { plan, options } = fleet;
    this.#fleet = fleet;
    this.#node = node;
    this.model = this.#createModel();
    const nowMs = performance.now();
    this.#nextHeartbeatMs = nowMs + phase * options.heartbeatIntervalMs;
    this.#nextIncrementalMs = nowMs + phase * options.incrementalIntervalMs;
    this.#client = createDatanodeGroupClient(
      {
        endpoints: options.endpoints,
        clientName: `fleet node ${node}`,
        ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
      },
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
          report: this.#nodeReport(),
          pipelineReports: this.model.pipelineReports(),
          layout: { metadata: 10, software: 10 },
        }),
        report: () => this.#fullReport(),
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

  /** SCMs that it is registered with. */
  get registeredCount(): number {
    return this.#client.registeredCount;
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
    this.#nextHeartbeatMs += this.#fleet.options.heartbeatIntervalMs;
    return true;
  }

  /** The same for incremental reports. */
  runIncremental(nowMs: number): boolean {
    if (this.#nextIncrementalMs > nowMs) return false;
    this.#incremental();
    this.#nextIncrementalMs += this.#fleet.options.incrementalIntervalMs;
    return true;
  }

  /** Tells what cannot wait. */
  tellNews(): void {
    const rows = [...this.#news.values()];
    this.#news.clear();
    this.#tell(rows);
  }

  #createModel(): DatanodeModel {
    const { plan, groups, disk } = this.#fleet;
    const uuid = plan.uuid(this.#node);
    const note = (row: ReportRow): void => {
      disk?.noteReplica(uuid, row, this.model.pipelineOf(row.containerId));
    };
    const model = new DatanodeModel({
      uuid,
      groups,
      onState: (row) => {
        note(row);
        this.#grown.delete(row.containerId);
        this.#news.set(row.containerId, row);
        this.#fleet.noteNews(this);
      },
      onGrown: (row) => {
        note(row);
        this.#grown.set(row.containerId, row);
      },
      onPipeline: (pipelineId, pipeline) => disk?.notePipeline(uuid, pipelineId, pipeline),
    });
    disk?.restore(model);
    return model;
  }

  #lane(scm: DatanodeClient): HeartbeatLane {
    return this.#lanes.get(scm) as HeartbeatLane;
  }

  #heartbeat(scheduledMs: number): void {
    const isReportDue = this.#heartbeatCount++ % REPORT_BEATS === 0;
    const containerActions = this.model.containerActions(performance.now());
    const request: HeartbeatRequest = {
      persistedOpState: "IN_SERVICE",
      persistedOpStateExpiry: 0,
      ...(isReportDue ? { nodeReport: this.#nodeReport() } : {}),
      ...this.#pipelineReports(isReportDue),
      ...(containerActions.length === 0 ? {} : { containerActions }),
    };
    for (const lane of this.#lanes.values()) lane.beat(scheduledMs, request);
  }

  /** Also as soon as one is new, gone, or led by somebody else. */
  #pipelineReports(isReportDue: boolean): Pick<HeartbeatRequest, "pipelineReports"> {
    const { size } = this.model.pipelines;
    if (size === 0 && this.#toldPipelines === "") return {};
    const pipelineReports = this.model.pipelineReports();
    const text = pipelineReports.map(({ pipelineId, isLeader }) => `${pipelineId} ${isLeader}`).join();
    if (!isReportDue && text === this.#toldPipelines) return {};
    this.#toldPipelines = text;
    return { pipelineReports };
  }

  /** The plan's volume, less what was written since. */
  #nodeReport(): NodeReport {
    const planned = this.#fleet.plan.nodeReport(this.#node);
    const { usedBytes, committedBytes } = this.model.storage();
    if (usedBytes === 0 && committedBytes === 0) return planned;
    const storageReports = planned.storageReports.map((volume) => ({
      ...volume,
      scmUsed: Math.min(volume.capacity, volume.scmUsed + usedBytes),
      remaining: Math.max(0, volume.remaining - usedBytes),
      committed: committedBytes,
      fsAvailable: Math.max(0, volume.remaining - usedBytes),
    }));
    return { ...planned, storageReports };
  }

  #fullReport(): NodeReportSource {
    const { plan } = this.#fleet;
    const planned = new PlanReportSource(plan, this.#node);
    return new NodeReportSource(planned, this.model.replicas);
  }

  #runCommands(): void {
    const { figures } = this.#fleet;
    for (let command = this.#client.nextCommand(); command; command = this.#client.nextCommand()) {
      figures.commands++;
      if (this.#client.mayStart(command)) this.model.obey(command);
    }
  }

  #noteReport(outcome: FullReportResult | RpcError): void {
    const { figures } = this.#fleet;
    if (outcome instanceof Error) {
      this.#fleet.noteError(outcome);
      return;
    }
    figures.fullReports++;
    figures.lastFullReportMs = Date.now();
    figures.rowsReported += outcome.rowCount;
  }

  #incremental(): void {
    const { plan } = this.#fleet;
    const ids: number[] = [];
    for (const id of plan.containerIds(this.#node)) {
      if (ids.push(id) === INCREMENTAL_ROWS) break;
    }
    this.#generation++;
    const rows = [...ids.map((id) => plan.row(id, this.#generation)), ...this.#grown.values()];
    this.#grown.clear();
    this.#tell(rows);
  }

  #tell(rows: readonly ReportRow[]): void {
    if (rows.length > 0)
      this.#client.incrementalReport(reportRows(rows, "free"), this.#fleet.incrementalTaken);
  }
}
