import { assert } from "../../../../engine/core/assert.js";
import type { OperationalState } from "../../../../engine/core/enums.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type {
  HeartbeatRequest,
  HeartbeatResponse,
  RegisterRequest,
} from "../../../../protocol/client/datanode-client.js";
import type { ReportRow, RowBytes } from "../../../../protocol/codec/report-rows.js";
import { ROW_BYTES, ROW_BYTES_WITH_CHECKSUM } from "../../../../protocol/codec/report-rows.js";
import type { NodeReport } from "../../../../protocol/schema/records.js";
import { SimProcess } from "../sim-process.js";
import type { SimWorld } from "../sim-world.js";
import { DatanodeLink } from "./datanode-link.js";
import type { SimPlan } from "./plan.js";
import type { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

/** Every how many heartbeats the volumes are reported. */
const NODE_REPORT_BEATS = 3;

/** One process of the datanode. */
interface DatanodeLife {
  readonly process: SimProcess;
  readonly random: SeededRandom;
  readonly links: Map<SimScm, DatanodeLink>;
}

export interface SimDatanodeParts {
  readonly world: SimWorld;
  readonly plan: SimPlan;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  readonly number: number;
  readonly layoutVersion: number;
  /** It registers with every SCM of it. */
  readonly group: SimGroup;
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

  /** DatanodeLink.steady of the SCM. */
  steadyWith(scm: SimScm): DatanodeLink["steady"] {
    return this.#life?.links.get(scm)?.steady;
  }

  /** Registered with every SCM, and they have been told all there is. */
  get isAtRest(): boolean {
    const life = this.#life;
    if (life === undefined) return false;
    return this.#parts.group.present.every((scm) => life.links.get(scm)?.isAtRest === true);
  }

  /** For a message about who is not at rest. */
  describe(): string {
    const links = [...(this.#life?.links.values() ?? [])].filter(({ isAtRest }) => !isAtRest);
    const what = this.#life === undefined ? "down" : links.map((link) => link.describe()).join(", ");
    return `${this.#name}: ${what}`;
  }

  start(): void {
    assert(this.#life === undefined, "one process at a time");
    const { world, random, group } = this.#parts;
    const process = new SimProcess(world.scheduler);
    this.#life = { process, random: random.stream(`client ${++this.#lifeCount}`), links: new Map() };
    for (const scm of group.present) this.#link(scm);
  }

  /** From now on it talks to exactly those who are there. */
  groupChanged(): void {
    const life = this.#life;
    if (life === undefined) return;
    const { present } = this.#parts.group;
    for (const scm of present) if (!life.links.has(scm)) this.#link(scm);
    for (const [scm, link] of life.links) {
      if (present.includes(scm)) continue;
      link.close();
      life.links.delete(scm);
    }
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
      for (const link of life.links.values()) link.close();
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
    if (this.replicas.delete(containerId)) this.#eachLink((link) => link.noteLoss());
  }

  /** Tells what no incremental report has told. */
  reportWhenNeeded(): void {
    this.#eachLink((link) => link.reportWhenNeeded());
  }

  fullReport(): void {
    this.#eachLink((link) => link.fullReport(false));
  }

  #tell(rows: readonly ReportRow[]): void {
    this.#eachLink((link) => link.incrementalReport(rows));
  }

  #eachLink(task: (link: DatanodeLink) => void): void {
    for (const link of this.#life?.links.values() ?? []) task(link);
  }

  #link(scm: SimScm): void {
    const { process, random, links } = this.#life as DatanodeLife;
    const { world, plan, trace } = this.#parts;
    const link = new DatanodeLink({
      world,
      process,
      random: scm.number === 1 ? random : random.stream(scm.name),
      scm,
      host: this.#host,
      name: this.#name,
      rowBytes: this.#rowBytes,
      origins: Array.from({ length: plan.fleet.nodeCount }, (_, node) => plan.uuid(node)),
      replicas: this.replicas,
      registration: () => this.#registration(),
      heartbeat: (beat) => this.#heartbeat(beat),
      onCommands: (commands, response) => this.#onCommands(commands, response),
      onLine: (line) => trace.line(this.#name, line),
    });
    links.set(scm, link);
    link.start();
  }

  #registration(): RegisterRequest {
    const { plan, layoutVersion } = this.#parts;
    const { state, expiry } = this.#persisted;
    const details = plan.details(this.number, this.#host);
    return {
      details: { ...details, persistedOpState: state, persistedOpStateExpiry: expiry },
      report: this.#nodeReport(),
      pipelineReports: [],
      layout: { metadata: layoutVersion, software: layoutVersion },
    };
  }

  #heartbeat(beat: number): HeartbeatRequest {
    const { state, expiry } = this.#persisted;
    return {
      persistedOpState: state,
      persistedOpStateExpiry: expiry,
      ...(beat % NODE_REPORT_BEATS === 0 ? { nodeReport: this.#nodeReport() } : {}),
      commandCounts: [{ type: "deleteContainerCommand", count: (beat + 1) % 4 }],
    };
  }

  /** A datanode obeys nobody of an older term than it has seen (S10). */
  #onCommands(commands: HeartbeatResponse["commands"], { term }: HeartbeatResponse): void {
    for (const command of commands) {
      this.#parts.trace.line(this.#name, `command ${command.type} of term ${command.term}`);
      assert(command.term === term, `a command of term ${command.term} in an answer of term ${term}`);
      if (term < this.#highestTerm) continue;
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
