import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Timer } from "../../../../engine/core/scheduler.js";
import type { SimConnection } from "../sim-connection.js";
import type { SimWorld } from "../sim-world.js";
import { type FaultName, pick, type SimOptions } from "./options.js";
import type { SimAdmin } from "./sim-admin.js";
import type { SimDatanode } from "./sim-datanode.js";
import { SCM_HOST, type SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

/** Silence after which a datanode is dead (intervals of sim-scm.ts), before its connection is given up or
 * after. */
const DEAD_MS = 6_600;
const SHORT_MS_MAX = 2_500;
const DOWN_MS_MAX = 5_000;
/** Writes of the SCM until a crash that follows one. */
const WRITES_MAX = 60;

export interface FaultParts {
  readonly world: SimWorld;
  readonly options: SimOptions;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  readonly scm: SimScm;
  readonly datanodes: readonly SimDatanode[];
  readonly admins: readonly SimAdmin[];
}

/** Does what the options say to a cluster, until it is told to heal. */
export class Faults {
  readonly #parts: FaultParts;
  readonly #timers: Timer[] = [];
  /** What undoes a fault before its time. */
  readonly #undo = new Set<() => void>();
  readonly counts = new Map<FaultName, number>();
  #isOn = false;

  constructor(parts: FaultParts) {
    this.#parts = parts;
    const { scm } = parts;
    scm.onDeath = () => this.#restartLater();
  }

  start(): void {
    this.#isOn = true;
    for (const [name, rate] of Object.entries(this.#parts.options.faults)) {
      if (rate > 0) this.#repeat(rate, name as FaultName);
    }
  }

  /** No more faults; what is broken is mended. */
  heal(): void {
    this.#isOn = false;
    for (const timer of this.#timers.splice(0)) timer.cancel();
    for (const undo of [...this.#undo]) undo();
    const { scm, datanodes } = this.#parts;
    scm.disk.beforeWrite = () => {};
    if (!scm.isUp) scm.start();
    for (const datanode of datanodes) if (!datanode.isUp) datanode.start();
  }

  #repeat(rate: number, name: FaultName): void {
    const { world, random } = this.#parts;
    const index = this.#timers.length;
    const faults = this.#faults();
    const again = (): void => {
      const delayMs = (-Math.log(1 - random.fraction()) / rate) * 1000;
      this.#timers[index] = world.scheduler.after(delayMs, () => {
        again();
        this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
        faults[name]();
      });
    };
    again();
  }

  #faults(): Readonly<Record<FaultName, () => void>> {
    const { random, scm } = this.#parts;
    return {
      connectionLoss: () => this.#onConnection("reset", (connection) => connection.reset()),
      halfOpen: () => this.#onConnection("silent", (connection) => connection.goSilent()),
      shortPartition: () => this.#partition(random.fraction() * SHORT_MS_MAX),
      longSilence: () => this.#partition(DEAD_MS + random.fraction() * 2_000),
      datanodeRestart: () => this.#restartDatanode(),
      slowReader: () => this.#slowReader(),
      scmCrash: () => this.#crashScm(),
      scmStop: () => scm.stop(() => this.#restartLater()),
      scmPause: () => this.#pauseScm(random.fraction() * 4_000),
      shardTermination: () => scm.terminate("shard", random.below(this.#parts.options.shardCount)),
      storageTermination: () => scm.terminate(pick(random, ["log", "state"]), 0),
      storageStall: () => scm.stall(pick(random, ["log", "state"]), random.fraction() * 2_000),
      diskError: () => this.#breakDisk(0),
      wallClockJump: () => this.#jump(),
      auditStall: () => this.#stallAudit(),
    };
  }

  #onConnection(what: string, hurt: (connection: SimConnection) => void): void {
    const { world, random, trace } = this.#parts;
    const { connections } = world.network;
    if (connections.length === 0) return;
    const connection = pick(random, connections);
    trace.line("fault", `connection of ${connection.clientHost}: ${what}`);
    hurt(connection);
  }

  #partition(durationMs: number): void {
    const { world, random, trace, datanodes } = this.#parts;
    const { network } = world;
    const { host } = pick(random, datanodes);
    if (network.isPartitioned(host, SCM_HOST)) return;
    trace.line("fault", `${host} is cut off for ${Math.round(durationMs)} ms`);
    network.partition(host, SCM_HOST);
    this.#undoAfter(durationMs, () => network.heal(host, SCM_HOST));
  }

  #restartDatanode(): void {
    const { random, datanodes } = this.#parts;
    const datanode = pick(random, datanodes);
    if (!datanode.isUp) return;
    datanode.stop({ silently: random.below(2) === 0, moves: random.below(4) === 0 });
    this.#undoAfter(random.fraction() * (DEAD_MS + DOWN_MS_MAX), () => {
      if (!datanode.isUp) datanode.start();
    });
  }

  #slowReader(): void {
    const { random, admins, trace } = this.#parts;
    const admin = pick(random, admins);
    const connections = admin.connections();
    trace.line("fault", `${admin.host} does not read`);
    for (const connection of connections) connection.pauseReading();
    admin.burst();
    this.#undoAfter(500 + random.fraction() * 5_000, () => {
      for (const connection of connections) connection.resumeReading();
    });
  }

  #crashScm(): void {
    const { random, scm, options } = this.#parts;
    const what = pick(random, ["process", "machine"] as const);
    if (random.below(2) === 0) {
      scm.crash(what);
      scm.onDeath();
    } else {
      const afterMs = random.fraction() * 2 * options.wakeMsMax;
      scm.crashAfterWrites(1 + random.below(WRITES_MAX), afterMs, what);
    }
  }

  #restartLater(): void {
    const { random, scm, options } = this.#parts;
    this.#undoAfter(random.fraction() * DOWN_MS_MAX, () => {
      if (scm.isUp) return;
      scm.start();
      if (this.#isOn && options.faults.diskError > 0 && random.below(3) === 0)
        this.#breakDisk(random.below(8));
    });
  }

  #breakDisk(writeCount: number): void {
    const { random, scm } = this.#parts;
    scm.breakDisk(pick(random, ["STORAGE_FULL", "STORAGE_IO"]), writeCount);
  }

  /** Nothing reaches it meanwhile, and nothing is lost. */
  #pauseScm(durationMs: number): void {
    const { world, scm, datanodes, admins } = this.#parts;
    const { network } = world;
    const hosts = [...datanodes, ...admins]
      .map(({ host }) => host)
      .filter((host) => !network.isPartitioned(host, SCM_HOST));
    for (const host of hosts) network.partition(host, SCM_HOST);
    scm.pause(durationMs);
    world.scheduler.after(durationMs, () => {
      for (const host of hosts) network.heal(host, SCM_HOST);
    });
  }

  #jump(): void {
    const { world, random, trace } = this.#parts;
    world.clock.wallOffsetMs = random.below(7_200_000) - 3_600_000;
    trace.line("fault", `wall clock is off by ${world.clock.wallOffsetMs} ms`);
  }

  #stallAudit(): void {
    const { scm, trace, random } = this.#parts;
    trace.line("fault", "audit log is full");
    scm.audit.fill();
    this.#undoAfter(random.fraction() * 2_000, () => scm.audit.empty());
  }

  #undoAfter(delayMs: number, undo: () => void): void {
    const { world } = this.#parts;
    const run = (): void => {
      if (!this.#undo.delete(run)) return;
      undo();
    };
    this.#undo.add(run);
    world.scheduler.after(this.#isOn ? delayMs : 0, run);
  }
}
