import type { Config } from "../../../../engine/config/config.js";
import { loadConfig } from "../../../../engine/config/load.js";
import { AssertionError, assert } from "../../../../engine/core/assert.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { NO_NODE, type NodeId } from "../../../../engine/raft/types.js";
import { Scm } from "../../../../engine/scm.js";
import { bootstrap } from "../../../../engine/scm-bootstrap.js";
import { directoriesOf } from "../../../../engine/scm-storage.js";
import type { StorageDirectories } from "../../../../engine/storage/directories.js";
import { initialize } from "../../../../engine/storage/initialize.js";
import type { Logger } from "../../../../engine/telemetry/logger.js";
import { AdminClient } from "../../../../protocol/client/admin-client.js";
import { LogWriter } from "../../../../workers/log/log-writer.js";
import { Shard } from "../../../../workers/shard/shard.js";
import { StateWriter } from "../../../../workers/state/state-writer.js";
import { SimClock } from "../sim-clock.js";
import { SimDisk } from "../sim-disk.js";
import { SimProcess } from "../sim-process.js";
import { SimWorkerPool } from "../sim-workers.js";
import type { SimWorld } from "../sim-world.js";
import { type DamageKind, harmLog } from "./disk-damage.js";
import { DurableLog } from "./durable-log.js";
import { FakeAudit } from "./fake-audit.js";
import type { NodeJournal } from "./journal.js";
import type { SimOptions } from "./options.js";
import type { SimTrace } from "./trace.js";

const SCM_PORT = 9865;
const STOP_LIMIT_MS = 4_000;

/** Intervals that let nodes die and come back within seconds. */
const SETTINGS = [
  "ozone.metadata.dirs=/data",
  `strata.ws.address=0.0.0.0:${SCM_PORT}`,
  "hdds.heartbeat.interval=1s",
  "ozone.scm.close.container.wait.duration=2s",
  "ozone.scm.heartbeat.thread.interval=500ms",
  "hdds.pipeline.report.interval=5s",
  "ozone.scm.stale.node.interval=3s",
  "ozone.scm.dead.node.interval=6s",
  "strata.ws.idle.timeout=8s",
  "strata.ws.handshake.timeout=3s",
  "strata.ws.send.buffer.max=512KB",
  // The rings are as small as they may be, so that they fill.
  "strata.report.chunks.max=4",
  "strata.report.chunks.per.node.max=2",
  "strata.ring.shard.size=1MB",
  "strata.ring.log.size=8MB",
  "strata.ring.state.size=1MB",
  // So that members that were away are served from disk, too.
  "strata.raft.log.cache.max=16KB",
];

/** One start of the SCM and what belongs to it. */
class Life {
  readonly process: SimProcess;
  /** Timers of its connections: an orderly end may leave some to the operating system. */
  readonly sockets: SimProcess;
  readonly pool: SimWorkerPool;
  /** By index; a shard that was started again is another one. */
  readonly shards = new Map<number, Shard>();
  /** In the future while it is paused. */
  awakeSinceMs: number;
  scm: Scm | undefined;
  isStopping = false;
  /** Ends a pause. */
  thaw: () => void = () => {};

  constructor(parent: SimScm, wakeMsMax: number) {
    const { world, disk, clock, journal } = parent;
    this.process = new SimProcess(world.scheduler, clock);
    this.sockets = new SimProcess(world.scheduler, clock);
    this.awakeSinceMs = world.clock.monotonicMs();
    this.pool = new SimWorkerPool({
      scheduler: this.process,
      random: parent.random.stream(`workers ${parent.lifeCount}`),
      wakeMsMax,
      roles: {
        log: (context) => new LogWriter(journal.tap(context), disk, clock),
        state: (context) => new StateWriter(context, disk, clock),
        shard: (context) => {
          const shard = new Shard(context);
          this.shards.set((context.data as { shard: number }).shard, shard);
          return shard;
        },
      },
    });
  }
}

export interface SimScmParts {
  readonly world: SimWorld;
  /** From 1 on, in the order in which the machines came; no machine has the number of another. */
  readonly number: number;
  readonly options: SimOptions;
  readonly trace: SimTrace;
  readonly journal: NodeJournal;
  readonly random: SeededRandom;
  /** Something happened that no fault explains. */
  readonly onFailure: (error: unknown) => void;
}

/** A whole SCM with its disk, which outlives its deaths. */
export class SimScm {
  readonly number: number;
  readonly name: string;
  readonly host: string;
  readonly endpoint: string;
  readonly world: SimWorld;
  /** Its machine's. */
  readonly clock: SimClock;
  readonly journal: NodeJournal;
  readonly random: SeededRandom;
  readonly disk = new SimDisk();
  readonly durableLog: DurableLog;
  readonly audit: FakeAudit;
  #config: Config;
  readonly #parts: SimScmParts;
  readonly #crashRandom: SeededRandom;
  #life: Life | undefined;
  #lifeCount = 0;
  /** Its number in the group; 0 until it is known. */
  #nodeId: NodeId = NO_NODE;
  #scmId: Uuid | undefined;
  #bootstrapCount = 0;
  /** What was done to its disk beyond what disks may do: it must never take part again. */
  damage: DamageKind | undefined;
  /** It is out of the group for good, and off. */
  isRetired = false;
  /** Its disk holds what a start needs. */
  isInstalled = false;
  /** A fault is at work that ends the process. */
  #deathReason: string | undefined;
  /** Called when an SCM serves, with its number. */
  onServing: (scm: Scm) => void = () => {};
  /** Called when it died by a fault that was not `crash`. */
  onDeath: () => void = () => {};
  /** Called when it ends because the group says that it is no member any more. */
  onRemoved: () => void = () => {};
  /** Called when a start has found its disk damaged. */
  onRefused: () => void = () => {};

  constructor(parts: SimScmParts) {
    const { world, random, number } = parts;
    this.#parts = parts;
    this.number = number;
    this.name = `scm${number}`;
    this.host = `10.0.0.${number}`;
    this.endpoint = `ws://${this.host}:${SCM_PORT}`;
    this.world = world;
    this.clock = new SimClock(world.scheduler);
    this.journal = parts.journal;
    this.random = random;
    this.#crashRandom = random.stream("disk outcomes");
    this.audit = new FakeAudit(parts.trace, this.name);
    this.#config = this.#configFor([]);
    this.durableLog = new DurableLog(this.disk, this.directories.raft);
  }

  get config(): Config {
    return this.#config;
  }

  get directories(): StorageDirectories {
    return directoriesOf(this.#config.storage);
  }

  /** Undefined until it is known. */
  get scmId(): Uuid | undefined {
    return this.#scmId;
  }

  get nodeId(): NodeId {
    return this.#nodeId;
  }

  /** The SCM once its process has started, stopping or not. */
  get running(): Scm | undefined {
    return this.#life?.scm;
  }

  /** It takes mutations, or thinks that it may. */
  get leads(): boolean {
    return this.serving?.raft.leadership.leaderReady === true;
  }

  get term(): number {
    return this.#life?.scm?.raft.leadership.term ?? 0;
  }

  get lifeCount(): number {
    return this.#lifeCount;
  }

  /** The SCM while its process runs and is not asked to stop. */
  get serving(): Scm | undefined {
    return this.#life?.isStopping === true ? undefined : this.#life?.scm;
  }

  /** There is a process, serving or not. */
  get isUp(): boolean {
    return this.#life !== undefined;
  }

  /** Since when the process has been at work without a pause; +∞ while it is not. */
  get awakeSinceMs(): number {
    return this.#life?.awakeSinceMs ?? Number.POSITIVE_INFINITY;
  }

  get shards(): readonly Shard[] {
    return [...(this.#life?.shards.values() ?? [])];
  }

  async initialize(): Promise<void> {
    const environment = { clock: this.clock, random: this.random.stream("init") };
    const floors = { localIdFloor: 1_000_000n, termFloor: 5 };
    await initialize(this.disk, this.directories, environment, floors);
    this.isInstalled = true;
  }

  /** Of a service of several from now on. */
  joinService(members: readonly SimScm[]): void {
    this.#config = this.#configFor(members);
  }

  /** `strata scm --bootstrap`: ends when a group has taken it in, however long that takes. */
  async bootstrap(): Promise<void> {
    const { world, trace } = this.#parts;
    const random = this.random.stream(`bootstrap ${++this.#bootstrapCount}`);
    await bootstrap(
      {
        disk: this.disk,
        directories: this.directories,
        clock: this.clock,
        random,
        connect: (endpoints, timeoutMs) => {
          const environment = {
            clock: this.clock,
            scheduler: world.scheduler,
            random,
            network: world.network.network(this.host),
          };
          return new AdminClient(environment, {
            endpoints: endpoints.map(({ host, port }) => `ws://${host}:${port}`),
            clientName: `${this.name} --bootstrap`,
            timeoutMs,
          });
        },
        onWaiting: (text) => trace.line(this.name, text),
      },
      this.#config,
      undefined,
    );
    trace.line(this.name, "has joined");
    this.isInstalled = true;
  }

  /** Names of all machines, its own too, when there are several. */
  #configFor(members: readonly SimScm[]): Config {
    const { options } = this.#parts;
    const service = [
      "ozone.scm.service.ids=s",
      `ozone.scm.nodes.s=${members.map(({ name }) => name).join(",")}`,
      `ozone.scm.node.id=${this.name}`,
      ...members.map(({ name, host }) => `ozone.scm.address.s.${name}=${host}`),
    ];
    const config = loadConfig({
      env: {},
      host: { hostName: this.host, addresses: [this.host], coreCount: 2 },
      overrides: [
        ...SETTINGS,
        `strata.shard.count=${options.shardCount}`,
        `ozone.scm.datanode.pipeline.limit=${options.pipelineLimit}`,
        `ozone.scm.pending.container.roll.interval=${options.pendingRollMs}ms`,
        "ozone.scm.pipeline.creation.interval=5s",
        "ozone.scm.pipeline.scrub.interval=2s",
        "ozone.scm.pipeline.allocated.timeout=10s",
        "ozone.scm.pipeline.destroy.timeout=3s",
        "hdds.scm.wait.time.after.safemode.exit=5s",
        `hdds.scm.unknown-container.action=${options.deletesUnknown ? "DELETE" : "WARN"}`,
        `strata.state.flush.interval=${options.flushIntervalMs}ms`,
        ...(members.length === 0 ? [] : service),
      ],
    });
    // Less than anybody may configure, so that members fall behind what is kept.
    return { ...config, raft: { ...config.raft, logEntryCountMax: options.logEntryCountMax } };
  }

  start(): void {
    assert(this.#life === undefined, "one process at a time");
    this.#lifeCount++;
    this.#deathReason = undefined;
    const { world, options, trace } = this.#parts;
    const life = new Life(this, options.wakeMsMax);
    const { process, sockets } = life;
    this.#life = life;
    trace.line(this.name, `start ${this.#lifeCount}`);
    world.network.revive(this.host);
    const starting = Scm.start({
      config: this.#config,
      environment: {
        clock: this.clock,
        random: this.random.stream(`scm ${this.#lifeCount}`),
        scheduler: process,
        disk: this.disk,
        network: world.network.network(this.host, sockets),
        transport: world.network.transport(this.host, process),
      },
      workers: life.pool,
      logger: traceLogger(trace, this.name),
      audit: this.audit,
      host: { name: this.host, address: this.host },
    });
    starting.then(
      (scm) => this.#started(life, scm),
      (error: unknown) => {
        if (this.#life === life) this.#checkNothingRuns(life);
        this.#failed(life, error);
      },
    );
  }

  /** The process dies where it stands, or the machine does. */
  crash(what: "process" | "machine"): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#parts.trace.line(this.name, `${what} dies, applied ${life.scm?.cluster.appliedIndex ?? "?"}`);
    this.#life = undefined;
    life.process.kill();
    life.sockets.kill();
    life.thaw();
    this.world.network.die(this.host, what);
    this.disk.crash(this.#crashRandom);
    if (this.damage === undefined) this.journal.crashed(this.durableLog);
    this.disk.beforeWrite = () => {};
    this.audit.processDied();
  }

  /** Stops in order; `onStopped` when the process is over. */
  stop(onStopped: () => void): void {
    const life = this.#life;
    const scm = this.serving;
    if (life === undefined || scm === undefined) return;
    this.#parts.trace.line(this.name, "stop");
    life.isStopping = true;
    scm.stop(STOP_LIMIT_MS).then(
      () => {
        if (this.#life !== life) return;
        this.#checkNothingRuns(life);
        this.crash("process");
        onStopped();
      },
      (error: unknown) => this.#failed(life, error),
    );
  }

  /** Everything in the process stands still, and nothing is taken from its sockets. */
  pause(durationMs: number): void {
    this.#parts.trace.line(this.name, `pause ${Math.round(durationMs)} ms`);
    const life = this.#life;
    if (life === undefined) return;
    life.process.pause(durationMs);
    life.sockets.pause(durationMs);
    life.thaw();
    const thaw = this.world.network.freeze(this.host);
    life.thaw = thaw;
    this.world.scheduler.after(durationMs, thaw);
    life.awakeSinceMs = Math.max(life.awakeSinceMs, this.world.clock.monotonicMs() + durationMs);
  }

  /** A thread is ended from outside. That of a shard is started again, any other one is the end. */
  terminate(role: "shard" | "log" | "state", index: number): void {
    const life = this.#life;
    if (life === undefined || life.isStopping) return;
    if (!life.pool.isRunning(role, index)) return;
    this.#parts.trace.line(this.name, `${role} ${index} is terminated`);
    if (role !== "shard" || life.scm === undefined) this.#deathReason = `${role} terminated`;
    life.pool.terminate(role, index);
  }

  /** `durationMs` undefined: for good. */
  stall(role: "log" | "state", durationMs: number | undefined): void {
    if (this.#life === undefined) return;
    const howLong = durationMs === undefined ? "for good" : `${Math.round(durationMs)} ms`;
    this.#parts.trace.line(this.name, `${role} stalls ${howLong}`);
    this.#life.pool.stall(role, 0, durationMs);
  }

  /** After so many more writes the disk refuses all with `code`. */
  breakDisk(code: "STORAGE_FULL" | "STORAGE_IO", writeCount: number): void {
    if (this.#life === undefined) return;
    let left = writeCount;
    this.#parts.trace.line(this.name, `disk fails with ${code}`);
    this.#deathReason = code;
    this.disk.beforeWrite = (path) => {
      if (left-- > 0) return;
      throw new StrataError(code, { path, reason: "injected" });
    };
  }

  /** Its machine dies, and the log on its disk is harmed, if that can be done so that the next start sees
   * it. */
  async harm(): Promise<void> {
    this.crash("machine");
    this.damage = await harmLog(this.disk, this.directories.raft, this.#crashRandom);
    this.#parts.trace.line(this.name, `disk: ${this.damage ?? "not harmed"}`);
  }

  /** Dies `afterMs` after its `writeCount`-th write from now. */
  crashAfterWrites(writeCount: number, afterMs: number, what: "process" | "machine"): void {
    const life = this.#life;
    if (life === undefined) return;
    let left = writeCount;
    this.disk.beforeWrite = () => {
      left--;
      if (left !== 0) return;
      this.world.scheduler.after(afterMs, () => {
        if (this.#life === life) this.#die(what);
      });
    };
  }

  #started(life: Life, scm: Scm): void {
    void scm.fatal.then((error) => this.#failed(life, error));
    if (this.#life !== life) return;
    life.scm = scm;
    assert(this.damage === undefined, `${this.name} serves with a damaged disk: ${this.damage}`);
    this.#nodeId = scm.identity.nodeId;
    this.#scmId = scm.identity.scmId;
    const { cluster, raft } = scm;
    this.#parts.trace.line(
      this.name,
      `serves, term ${raft.leadership.term}, applied ${cluster.appliedIndex} ${cluster.hash()}`,
    );
    this.onServing(scm);
  }

  /** After an orderly stop, or a start that failed. */
  #checkNothingRuns({ process: { plannedCount } }: Life): void {
    if (plannedCount === 0) return;
    this.#parts.onFailure(new AssertionError(`${plannedCount} timers outlive the SCM`));
  }

  /** The process says that it cannot go on. */
  #failed(life: Life, error: unknown): void {
    if (this.#life !== life) return;
    if (error instanceof StrataError && error.code === "MEMBER_REMOVED") {
      this.#parts.trace.line(this.name, "ends: it was removed");
      this.#afterDeath(life, () => this.onRemoved());
      return;
    }
    if (error instanceof StrataError && error.class === "CorruptionError" && this.damage !== undefined) {
      this.#parts.trace.line(this.name, `does not start: ${error.code}`);
      this.#afterDeath(life, () => this.onRefused());
      return;
    }
    if (this.#deathReason === undefined || !(error instanceof StrataError)) {
      this.#parts.onFailure(error);
      return;
    }
    this.#parts.trace.line(this.name, `gives up: ${error.code}`);
    this.#afterDeath(life, () => this.onDeath());
  }

  /** The process ends by itself. */
  #afterDeath(life: Life, then: () => void): void {
    this.world.scheduler.after(0, () => {
      if (this.#life !== life) return;
      this.crash("process");
      then();
    });
  }

  #die(what: "process" | "machine"): void {
    this.crash(what);
    this.onDeath();
  }
}

/** Log lines become lines of the trace: what an SCM says is part of what it does. */
function traceLogger(trace: SimTrace, name: string): Logger {
  const write = (message: string, details?: Readonly<Record<string, unknown>>): void => {
    trace.line(name, `${message}${details === undefined ? "" : ` ${textOf(details)}`}`);
  };
  const ignore = (): void => {};
  const logger: Logger = {
    trace: ignore,
    debug: ignore,
    info: write,
    warn: write,
    error: write,
    fatal: write,
    child: () => logger,
    isEnabled: (level) => level !== "trace" && level !== "debug",
  };
  return logger;
}

function textOf(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${value instanceof StrataError ? value.code : String(value)}`)
    .join(" ");
}
