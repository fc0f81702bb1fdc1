import { assert } from "../../../../engine/core/assert.js";
import type { OperationalState } from "../../../../engine/core/enums.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { RpcError } from "../../../../protocol/client/completion.js";
import type {
  HeartbeatRequest,
  HeartbeatResponse,
  RegisterRequest,
} from "../../../../protocol/client/datanode-client.js";
import { DatanodeClient } from "../../../../protocol/client/datanode-client.js";
import { reportRows } from "../../../../protocol/client/report-source.js";
import type { ReportRow, RowBytes } from "../../../../protocol/codec/report-rows.js";
import { ROW_BYTES, ROW_BYTES_WITH_CHECKSUM } from "../../../../protocol/codec/report-rows.js";
import type { NodeReport } from "../../../../protocol/schema/records.js";
import { SimProcess } from "../sim-process.js";
import type { SimWorld } from "../sim-world.js";
import { LiveReport } from "./live-report.js";
import type { SimPlan } from "./plan.js";
import { SCM_ENDPOINT } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

/** Every how many heartbeats the volumes are reported. */
const NODE_REPORT_BEATS = 3;
const NEVER = Number.NEGATIVE_INFINITY;
/** Heartbeats this far apart have had an answer between them: without one the next waits for the timeout. */
const STEADY_MS = 2_000;
const REQUEST_TIMEOUT_MS = 4_000;

/** One process of the datanode: a client and what belongs to it. */
class DatanodeLife {
  readonly process: SimProcess;
  readonly client: DatanodeClient;
  /** When the last heartbeat or registration left, on the present connection. */
  sentMs = NEVER;
  /** When the last one that was answered had left. */
  answeredMs = NEVER;
  /** When the first one of an unbroken row of answered ones had left. */
  steadySinceMs = NEVER;
  beatCount = 0;
  /** Incremental reports without an answer. */
  unansweredCount = 0;

  constructor(process: SimProcess, client: DatanodeClient) {
    this.process = process;
    this.client = client;
  }
}

export interface SimDatanodeParts {
  readonly world: SimWorld;
  readonly plan: SimPlan;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  readonly number: number;
  readonly layoutVersion: number;
}

/** A datanode: what it holds stays, the process that reports it comes and goes. */
export class SimDatanode {
  readonly number: number;
  readonly uuid: Uuid;
  /** The truth about its replicas. */
  readonly replicas = new Map<number, ReportRow>();
  readonly #parts: SimDatanodeParts;
  readonly #name: string;
  readonly #rowBytes: RowBytes;
  #host: string;
  #moveCount = 0;
  #lifeCount = 0;
  #life: DatanodeLife | undefined;
  /** As on its disk. */
  #persisted: { state: OperationalState; expiry: number } = { state: "IN_SERVICE", expiry: 0 };
  #highestTerm = 0;
  /** Something changed of which no incremental report told. */
  #mustReport = false;

  constructor(parts: SimDatanodeParts) {
    const { plan, number, random } = parts;
    this.#parts = parts;
    this.number = number;
    this.uuid = plan.uuid(number);
    this.#name = `dn${number}`;
    this.#rowBytes = random.below(2) === 0 ? ROW_BYTES : ROW_BYTES_WITH_CHECKSUM;
    this.#host = hostOf(number, 0);
  }

  get host(): string {
    return this.#host;
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  get persistedState(): OperationalState {
    return this.#persisted.state;
  }

  /** The SCM has heard of it, and answered, without a pause from the one time to the other at least. */
  get steady(): { readonly fromMs: number; readonly toMs: number } | undefined {
    const life = this.#life;
    if (life === undefined || life.answeredMs === NEVER) return undefined;
    return { fromMs: life.steadySinceMs, toMs: life.answeredMs };
  }

  /** Registered, and the SCM has been told all there is. */
  get isAtRest(): boolean {
    const life = this.#life;
    if (life === undefined || !life.client.isRegistered || life.client.isReporting) return false;
    return !this.#mustReport && life.unansweredCount === 0;
  }

  /** For a message about who is not at rest. */
  describe(): string {
    const life = this.#life;
    if (life === undefined) return `${this.#name}: down`;
    const { isConnected, isRegistered, isReporting } = life.client;
    const facts = { isConnected, isRegistered, isReporting, unanswered: life.unansweredCount };
    return `${this.#name}: ${JSON.stringify({ ...facts, mustReport: this.#mustReport })}`;
  }

  start(): void {
    assert(this.#life === undefined, "one process at a time");
    const { world, random } = this.#parts;
    const process = new SimProcess(world.scheduler);
    const client: DatanodeClient = new DatanodeClient(
      {
        clock: world.clock,
        scheduler: process,
        random: random.stream(`client ${++this.#lifeCount}`),
        network: world.network.network(this.#host),
      },
      {
        endpoints: [SCM_ENDPOINT],
        clientName: this.#name,
        handshakeTimeoutMs: 3_000,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        reportTimeoutMs: 10_000,
        backoff: { initialMs: 50, maximumMs: 2_000 },
      },
      {
        onRegistered: () => this.#onRegistered(),
        onFullReportWanted: () => this.fullReport(false),
        onCommands: (commands, response) => this.#onCommands(commands, response),
        onLost: (error) => this.#onLost(error),
      },
      { registration: () => this.#registration(), heartbeat: () => this.#heartbeat() },
    );
    this.#life = new DatanodeLife(process, client);
    client.start();
  }

  /** The process ends; with `silently` nobody is told. `moves` gives it another address for its next
   * start. */
  stop({ silently, moves }: { readonly silently: boolean; readonly moves: boolean }): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#parts.trace.line(this.#name, `stop${silently ? " silently" : ""}${moves ? ", moves" : ""}`);
    this.#life = undefined;
    if (silently) {
      for (const connection of this.connections()) connection.goSilent();
    } else {
      life.client.close();
    }
    life.process.kill();
    if (moves) this.#host = hostOf(this.number, ++this.#moveCount);
  }

  connections() {
    return this.#parts.world.network.connections.filter(({ clientHost }) => clientHost === this.#host);
  }

  /** Adds or changes a replica, and tells it. */
  put(row: ReportRow): void {
    this.replicas.set(row.containerId, this.#rowBytes === ROW_BYTES ? withoutChecksum(row) : row);
    this.#tell([row]);
  }

  /** Takes a replica away, and tells it. */
  remove(containerId: number): void {
    const row = this.replicas.get(containerId);
    if (row === undefined) return;
    this.replicas.delete(containerId);
    this.#tell([{ ...row, state: "DELETED" }]);
  }

  /** A replica is gone, and only the next full report shows it. */
  lose(containerId: number): void {
    if (this.replicas.delete(containerId)) this.#mustReport = true;
  }

  /** Tells what no incremental report has told. */
  reportWhenNeeded(): void {
    if (this.#mustReport) this.fullReport(false);
  }

  fullReport(fromRegistration: boolean): void {
    const life = this.#life;
    if (life === undefined || !life.client.isRegistered || life.client.isReporting) return;
    const { trace, plan } = this.#parts;
    const origins = Array.from({ length: plan.fleet.nodeCount }, (_, node) => plan.uuid(node));
    const wasNeeded = this.#mustReport;
    this.#mustReport = false;
    life.client.fullReport(new LiveReport(this.replicas, origins, this.#rowBytes), fromRegistration, {
      succeeded: ({ rowCount, chunkCount }) => {
        trace.line(this.#name, `full report of ${rowCount} rows in ${chunkCount} chunks`);
      },
      failed: (error) => {
        trace.line(this.#name, `full report: ${error.code}`);
        if (wasNeeded || error.code === "REQUEST_TIMEOUT") this.#mustReport = true;
      },
    });
  }

  #tell(rows: readonly ReportRow[]): void {
    const life = this.#life;
    if (life === undefined || !life.client.isRegistered) return;
    life.unansweredCount++;
    life.client.incrementalReport(reportRows(rows, "free", this.#rowBytes), {
      succeeded: () => {
        life.unansweredCount--;
      },
      failed: (error) => {
        life.unansweredCount--;
        this.#notTold(error);
      },
    });
  }

  /** After a lost connection comes a registration, and with it a full report; what the SCM could not take
   * it asks for by itself. */
  #notTold(error: RpcError): void {
    this.#parts.trace.line(this.#name, `incremental report: ${error.code}`);
    if (error.code === "REQUEST_TIMEOUT") this.#mustReport = true;
  }

  #registration(): RegisterRequest {
    const { plan, layoutVersion } = this.#parts;
    const { state, expiry } = this.#persisted;
    const details = plan.details(this.number, this.#host);
    this.#sent();
    return {
      details: { ...details, persistedOpState: state, persistedOpStateExpiry: expiry },
      report: this.#nodeReport(),
      pipelineReports: [],
      layout: { metadata: layoutVersion, software: layoutVersion },
    };
  }

  #heartbeat(): HeartbeatRequest {
    const life = this.#life as DatanodeLife;
    const { state, expiry } = this.#persisted;
    this.#sent();
    return {
      persistedOpState: state,
      persistedOpStateExpiry: expiry,
      ...(life.beatCount++ % NODE_REPORT_BEATS === 0 ? { nodeReport: this.#nodeReport() } : {}),
      commandCounts: [{ type: "deleteContainerCommand", count: life.beatCount % 4 }],
    };
  }

  #sent(): void {
    const life = this.#life as DatanodeLife;
    const nowMs = this.#parts.world.clock.monotonicMs();
    if (nowMs - life.sentMs < STEADY_MS) life.answeredMs = life.sentMs;
    else life.steadySinceMs = nowMs;
    life.sentMs = nowMs;
  }

  #onRegistered(): void {
    const life = this.#life as DatanodeLife;
    life.answeredMs = life.sentMs;
    this.#parts.trace.line(this.#name, "registered");
    this.fullReport(true);
  }

  #onLost(error: RpcError): void {
    this.#parts.trace.line(this.#name, `lost ${error.code}`);
    const life = this.#life;
    if (life === undefined) return;
    life.sentMs = NEVER;
    life.answeredMs = NEVER;
  }

  /** A datanode drops commands of an older term than it has seen: the SCM must not send any (S10). */
  #onCommands(commands: HeartbeatResponse["commands"], { term }: HeartbeatResponse): void {
    for (const command of commands) {
      this.#parts.trace.line(this.#name, `command ${command.type} of term ${command.term}`);
      assert(command.term === term, `a command of term ${command.term} in an answer of term ${term}`);
      assert(term >= this.#highestTerm, `a command of term ${term} after one of ${this.#highestTerm}`);
      this.#highestTerm = term;
      if (command.type !== "setNodeOperationalStateCommand") continue;
      assert(command.operationalState !== undefined, "the command names no state");
      this.#persisted = { state: command.operationalState, expiry: command.operationalStateExpiry ?? 0 };
    }
  }

  #nodeReport(): NodeReport {
    const { plan, number } = this.#parts;
    const report = plan.fleet.nodeReport(number);
    const usedBytes = this.replicas.size * 1_000_000;
    return {
      ...report,
      storageReports: report.storageReports.map((volume) => ({ ...volume, scmUsed: usedBytes })),
    };
  }
}

function hostOf(number: number, moveCount: number): string {
  return `10.${1 + moveCount}.0.${number + 1}`;
}

function withoutChecksum(row: ReportRow): ReportRow {
  const { dataChecksum: _, ...rest } = row;
  return rest;
}
