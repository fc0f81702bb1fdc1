import {
  CONTAINER_BYTES,
  DatanodeModel,
  mayDeleteWithoutForce,
} from "../../../../bench/fleet/datanode-model.js";
import type { PipelineGroups } from "../../../../bench/fleet/pipeline-groups.js";
import { assert } from "../../../../engine/core/assert.js";
import type { OperationalState } from "../../../../engine/core/enums.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type {
  DatanodeClient,
  HeartbeatRequest,
  RegisterRequest,
} from "../../../../protocol/client/datanode-client.js";
import { DatanodeGroupClient } from "../../../../protocol/client/datanode-group-client.js";
import type { ReportRow, RowBytes } from "../../../../protocol/codec/report-rows.js";
import { ROW_BYTES, ROW_BYTES_WITH_CHECKSUM } from "../../../../protocol/codec/report-rows.js";
import type { Command, NodeReport, StorageReport } from "../../../../protocol/schema/records.js";
import { SimProcess } from "../sim-process.js";
import type { SimWorld } from "../sim-world.js";
import { DatanodeLink } from "./datanode-link.js";
import type { SimPlan } from "./plan.js";
import type { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

/** Every how many heartbeats the volumes are reported. */
const NODE_REPORT_BEATS = 3;
/** Of one heartbeat, as the protocol takes. */
const ACTIONS_MAX = 20;
const REQUEST_TIMEOUT_MS = 4_000;

/** One process of the datanode. */
interface DatanodeLife {
  readonly process: SimProcess;
  readonly client: DatanodeGroupClient;
  /** In the order of the client's. */
  links: readonly DatanodeLink[];
  /** Of the commands that it obeyed. */
  highestTerm: number;
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
  /** Raft groups of all datanodes. */
  readonly groups: PipelineGroups;
  /** It has a replica, new or changed. */
  readonly onHeld: (row: ReportRow) => void;
  /** A report of these containers leaves for an SCM. */
  readonly onReport: (datanode: Uuid, scm: SimScm, has: (containerId: number) => boolean) => void;
  /** It is about to delete a replica because an SCM told it to. */
  readonly onDelete: (row: ReportRow) => void;
}

/** A datanode: what it holds stays, the process that reports it comes and goes. */
export class SimDatanode {
  readonly number: number;
  readonly uuid: Uuid;
  /** Its disk: replicas, and the pipelines that it serves. */
  readonly model: DatanodeModel;
  readonly #parts: SimDatanodeParts;
  readonly #name: string;
  readonly #rowBytes: RowBytes;
  #host: string;
  #moveCount = 0;
  #lifeCount = 0;
  #life: DatanodeLife | undefined;
  /** Replicas that have grown since anybody was told. */
  readonly #grown = new Map<number, ReportRow>();
  /** Containers that its heartbeats ask to close. */
  readonly #closeWishes = new Set<number>();
  /** As on its disk. */
  #persisted: { state: OperationalState; expiry: number } = { state: "IN_SERVICE", expiry: 0 };

  constructor(parts: SimDatanodeParts) {
    const { plan, number, random } = parts;
    this.#parts = parts;
    this.number = number;
    this.uuid = plan.uuid(number);
    this.model = new DatanodeModel({
      uuid: this.uuid,
      groups: parts.groups,
      onState: (row) => this.#noteState(row),
      onGrown: (row) => {
        parts.onHeld(row);
        this.#grown.set(row.containerId, row);
      },
    });
    parts.groups.setUp(this.uuid, false);
    this.#name = `dn${number}`;
    this.#rowBytes = random.below(2) === 0 ? ROW_BYTES : ROW_BYTES_WITH_CHECKSUM;
    this.#host = hostOf(number, 0);
  }

  /** The truth about its replicas. */
  get replicas(): ReadonlyMap<number, ReportRow> {
    return this.model.replicas;
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
    return this.#linkTo(scm)?.steady;
  }

  /** Registered with every SCM, and they have been told all there is. */
  get isAtRest(): boolean {
    if (this.#grown.size > 0) return false;
    return this.#parts.group.present.every((scm) => this.#linkTo(scm)?.isAtRest === true);
  }

  /** For a message about who is not at rest. */
  describe(): string {
    const links = (this.#life?.links ?? []).filter(({ isAtRest }) => !isAtRest);
    const grown = `${this.#grown.size} grown`;
    const what = this.#life === undefined ? "down" : [grown, ...links.map((link) => link.describe())].join();
    return `${this.#name}: ${what}`;
  }

  start(): void {
    assert(this.#life === undefined, "one process at a time");
    const { world, random, group } = this.#parts;
    const process = new SimProcess(world.scheduler);
    const client = new DatanodeGroupClient(
      {
        clock: world.clock,
        scheduler: process,
        random: random.stream(`client ${++this.#lifeCount}`),
        network: world.network.network(this.#host),
      },
      {
        endpoints: group.endpoints,
        clientName: this.#name,
        handshakeTimeoutMs: 3_000,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        reportTimeoutMs: 10_000,
        backoff: { initialMs: 50, maximumMs: 2_000 },
      },
      {
        onConnected: (scm) => this.#linkOf(scm)?.sent(),
        onRegistered: (scm) => this.#linkOf(scm)?.onRegistered(),
        onCommands: () => this.#obey(),
        onFullReportWanted: (scm, fromRegistration) => this.#linkOf(scm)?.fullReport(fromRegistration),
        onLost: (scm, error) => this.#linkOf(scm)?.onLost(error),
      },
      {
        registration: () => this.#registration(),
        heartbeat: (scm) => this.#heartbeat(this.#linkOf(scm)?.beat() ?? 0),
      },
    );
    this.#life = { process, client, links: [], highestTerm: 0 };
    this.groupChanged();
    this.#parts.groups.setUp(this.uuid, true);
    client.start();
  }

  /** From now on it talks to exactly those who are there. */
  groupChanged(): void {
    const life = this.#life;
    if (life === undefined) return;
    const { present, endpoints } = this.#parts.group;
    life.client.setEndpoints(endpoints);
    // As the client does: those that stay are before those that come.
    const staying = life.links.filter(({ scm }) => present.includes(scm));
    const coming = present.filter((scm) => !staying.some((link) => link.scm === scm));
    life.links = life.client.scms.map((client, index) => {
      const scm = coming[index - staying.length];
      return scm === undefined ? (staying[index] as DatanodeLink) : this.#newLink(scm, client);
    });
  }

  /** The process ends; with `silently` nobody is told. `moves` gives it another address for its next
   * start. */
  stop({ silently, moves }: { readonly silently: boolean; readonly moves: boolean }): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#parts.trace.line(this.#name, `stop${silently ? " silently" : ""}${moves ? ", moves" : ""}`);
    this.#life = undefined;
    this.#parts.groups.setUp(this.uuid, false);
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
    this.model.putReplica(this.#rowBytes === ROW_BYTES ? withoutChecksum(row) : row);
    this.#parts.onHeld(row);
    // What it was before must not be told after it.
    this.#grown.delete(row.containerId);
    this.#tell([row]);
  }

  /** Takes a replica away, and tells it. */
  remove(containerId: number): void {
    const row = this.replicas.get(containerId);
    if (row === undefined) return;
    this.model.dropReplica(containerId);
    this.#grown.delete(containerId);
    this.#tell([{ ...row, state: "DELETED" }]);
  }

  /** A replica is gone, and only the next full report shows it. */
  lose(containerId: number): void {
    if (!this.replicas.has(containerId)) return;
    this.model.dropReplica(containerId);
    this.#grown.delete(containerId);
    this.#eachLink((link) => link.noteLoss());
  }

  /** Its heartbeats ask to close the container, as long as its replica is open. */
  wishClose(containerId: number): void {
    this.#closeWishes.add(containerId);
  }

  /** It asks no more. */
  forgetWishes(): void {
    this.#closeWishes.clear();
  }

  /** Tells what no incremental report has told. */
  reportWhenNeeded(): void {
    this.#eachLink((link) => link.reportWhenNeeded());
  }

  fullReport(): void {
    this.#eachLink((link) => link.fullReport(false));
  }

  #noteState(row: ReportRow): void {
    if (row.state !== "DELETED") this.#parts.onHeld(row);
    this.#grown.delete(row.containerId);
    this.#tell([row]);
  }

  /** With the next heartbeat to whichever SCM. */
  #tellGrown(): void {
    if (this.#grown.size === 0) return;
    const rows = [...this.#grown.values()];
    this.#grown.clear();
    this.#tell(rows);
  }

  #tell(rows: readonly ReportRow[]): void {
    this.#eachLink((link) => link.incrementalReport(rows));
  }

  #eachLink(task: (link: DatanodeLink) => void): void {
    for (const link of this.#life?.links ?? []) task(link);
  }

  #linkTo(scm: SimScm): DatanodeLink | undefined {
    return this.#life?.links.find((link) => link.scm === scm);
  }

  /** Undefined when it talks to that SCM no more. */
  #linkOf(client: DatanodeClient): DatanodeLink | undefined {
    const life = this.#life;
    return life?.links[life.client.scms.indexOf(client)];
  }

  #newLink(scm: SimScm, client: DatanodeClient): DatanodeLink {
    const { world, plan, trace, onReport } = this.#parts;
    return new DatanodeLink({
      world,
      scm,
      client,
      rowBytes: this.#rowBytes,
      origins: Array.from({ length: plan.fleet.nodeCount }, (_, node) => plan.uuid(node)),
      replicas: this.replicas,
      onLine: (line) => trace.line(this.#name, line),
      onReport: (has) => onReport(this.uuid, scm, has),
    });
  }

  #registration(): RegisterRequest {
    const { plan, layoutVersion } = this.#parts;
    const { state, expiry } = this.#persisted;
    const details = plan.details(this.number, this.#host);
    return {
      details: { ...details, persistedOpState: state, persistedOpStateExpiry: expiry },
      report: this.#nodeReport(),
      pipelineReports: this.model.pipelineReports(),
      layout: { metadata: layoutVersion, software: layoutVersion },
    };
  }

  #heartbeat(beat: number): HeartbeatRequest {
    this.#tellGrown();
    const { state, expiry } = this.#persisted;
    const pipelineReports = this.model.pipelineReports();
    return {
      persistedOpState: state,
      persistedOpStateExpiry: expiry,
      ...(pipelineReports.length === 0 ? {} : { pipelineReports }),
      ...(beat % NODE_REPORT_BEATS === 0 ? { nodeReport: this.#nodeReport() } : {}),
      commandCounts: [{ type: "deleteContainerCommand", count: (beat + 1) % 4 }],
      ...this.#containerActions(),
    };
  }

  #containerActions(): Pick<HeartbeatRequest, "containerActions"> {
    for (const id of this.#closeWishes) {
      if (this.replicas.get(id)?.state !== "OPEN") this.#closeWishes.delete(id);
    }
    const full = this.model.containerActions(this.#parts.world.clock.monotonicMs());
    const wishes = [...this.#closeWishes].map((containerId) => ({
      containerId,
      reason: "CONTAINER_FULL" as const,
    }));
    const containerActions = [...full, ...wishes].slice(0, ACTIONS_MAX);
    return containerActions.length === 0 ? {} : { containerActions };
  }

  /** It obeys nobody of an older term than it has seen (S10). */
  #obey(): void {
    const life = this.#life;
    // The network still tells a process that has ended in silence.
    if (life === undefined) return;
    const { client } = life;
    for (let command = client.nextCommand(); command !== undefined; command = client.nextCommand()) {
      this.#parts.trace.line(this.#name, textOf(command));
      const { termSeen } = client.terms;
      const seen = Math.max(life.highestTerm, termSeen);
      assert(command.term >= seen, `${this.#name} obeys term ${command.term}, and has seen ${seen}`);
      life.highestTerm = command.term;
      if (client.mayStart(command)) this.#run(command);
    }
  }

  #run(command: Command): void {
    if (command.type === "setNodeOperationalStateCommand") {
      assert(command.operationalState !== undefined, "the command names no state");
      this.#persisted = { state: command.operationalState, expiry: command.operationalStateExpiry ?? 0 };
      return;
    }
    const row = command.containerId === undefined ? undefined : this.replicas.get(command.containerId);
    if (row !== undefined && command.type === "deleteContainerCommand") this.#delete(row, command);
    // Of containers that were not written here: nobody serves the pipelines that they were imported with.
    else if (row !== undefined && this.model.pipelineOf(row.containerId) === undefined) {
      if (command.type === "closeContainerCommand") this.#close(row, command.force === true);
    } else this.model.obey(command);
  }

  /** Spec 01 §10: without force it depends on whether the pipeline is there. */
  #close(row: ReportRow, force: boolean): void {
    const isOpen = row.state === "OPEN" || row.state === "CLOSING";
    if (!isOpen && !(force && row.state === "QUASI_CLOSED")) return;
    const isClosed = force || this.#parts.random.below(3) > 0;
    this.put({ ...row, state: isClosed ? "CLOSED" : "QUASI_CLOSED" });
  }

  #delete(row: ReportRow, { force, replicaIndex }: Command): void {
    assert(replicaIndex === row.replicaIndex, `${this.#name} is to delete another part than it has`);
    if (force !== true && !mayDeleteWithoutForce(row)) return;
    this.#parts.onDelete(row);
    this.remove(row.containerId);
  }

  #nodeReport(): NodeReport {
    const { plan, number } = this.#parts;
    const report = plan.fleet.nodeReport(number);
    const scmUsed = this.replicas.size * 1_000_000;
    const space = this.#smallSpace();
    return {
      ...report,
      storageReports: report.storageReports.map((volume) => ({ ...volume, scmUsed, ...space })),
    };
  }

  /** Of a small datanode: what the containers that SCMs created have left of it. */
  #smallSpace(): Pick<StorageReport, "remaining" | "committed" | "freeSpaceToSpare"> | undefined {
    const { plan, number } = this.#parts;
    const bytes = plan.smallBytesOf(number);
    if (bytes === undefined) return undefined;
    let [remaining, committed] = [bytes, 0];
    for (const { containerId, usedBytes, state } of this.replicas.values()) {
      if (!plan.isCreated(containerId)) continue;
      remaining -= usedBytes;
      if (state === "OPEN") committed += Math.max(0, CONTAINER_BYTES - usedBytes);
    }
    return { remaining: Math.max(0, remaining), committed, freeSpaceToSpare: 0 };
  }
}

function textOf({ type, containerId, term, force }: Command): string {
  const what = containerId === undefined ? type : `${type} ${containerId}`;
  return `command ${what} of term ${term}${force === true ? ", by force" : ""}`;
}

function hostOf(number: number, moveCount: number): string {
  return `10.${1 + moveCount}.0.${number + 1}`;
}

function withoutChecksum(row: ReportRow): ReportRow {
  const { dataChecksum: _, ...rest } = row;
  return rest;
}
