import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Timer } from "../../../../engine/core/scheduler.js";
import type { SimConnection } from "../sim-connection.js";
import type { SimWorld } from "../sim-world.js";
import { canLose } from "./fault-atlas.js";
import { NetworkFaults } from "./network-faults.js";
import type { Operators } from "./operators.js";
import { type FaultName, pick, type SimOptions } from "./options.js";
import type { SimAdmin } from "./sim-admin.js";
import type { SimDatanode } from "./sim-datanode.js";
import type { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

/** Silence after which a datanode is dead (intervals of sim-scm.ts), before its connection is given up or
 * after. */
const DEAD_MS = 6_600;
const SHORT_MS_MAX = 2_500;
const DOWN_MS_MAX = 5_000;
const PAUSE_MS_MAX = 4_000;
const LONG_PAUSE_MS_MAX = 30_000;
/** Until somebody ends a process whose disk hangs. */
const STALL_MS_MIN = 4_000;
const DRIFT_MAX = 0.01;
/** Writes of the SCM until a crash that follows one. */
const WRITES_MAX = 60;

export interface FaultParts {
  readonly world: SimWorld;
  readonly options: SimOptions;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  readonly group: SimGroup;
  readonly operators: Operators;
  readonly datanodes: readonly SimDatanode[];
  readonly admins: readonly SimAdmin[];
}

/** Does what the options say to a cluster, until it is told to heal. */
export class Faults {
  readonly #parts: FaultParts;
  readonly #timers: Timer[] = [];
  /** What undoes a fault before its time. */
  readonly #undo = new Set<() => void>();
  readonly #network: NetworkFaults;
  /** Their disks hang for good. */
  readonly #hanging = new Set<SimScm>();
  readonly counts = new Map<FaultName, number>();
  #isOn = false;

  constructor(parts: FaultParts) {
    this.#parts = parts;
    const { world, group, trace, random, datanodes, admins } = parts;
    this.#network = new NetworkFaults({
      network: world.network,
      group,
      trace,
      random,
      clientHosts: () => [...datanodes, ...admins].map(({ host }) => host),
      undoAfter: (delayMs, undo) => this.#undoAfter(delayMs, undo),
      isOn: () => this.#isOn,
    });
  }

  /** A machine came. */
  watch(scm: SimScm): void {
    scm.onDeath = () => this.#restartLater(scm);
    scm.onRefused = () => this.#parts.operators.replace(scm);
    scm.onRemoved = () => this.#parts.operators.wasRemoved(scm);
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
    const { group, datanodes } = this.#parts;
    for (const scm of this.#hanging) scm.crash("process");
    this.#hanging.clear();
    for (const scm of group.present) {
      scm.disk.beforeWrite = () => {};
      scm.clock.rate = 1;
      scm.clock.thawWall();
      if (!scm.isUp && scm.isInstalled && scm.damage === undefined) scm.start();
    }
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
    const { random, options, operators } = this.#parts;
    return {
      connectionLoss: () => this.#onConnection("reset", (connection) => connection.reset()),
      halfOpen: () => this.#onConnection("silent", (connection) => connection.goSilent()),
      shortPartition: () => this.#partition(random.fraction() * SHORT_MS_MAX),
      longSilence: () => this.#partition(DEAD_MS + random.fraction() * 2_000),
      datanodeRestart: () => this.#restartDatanode(),
      slowReader: () => this.#slowReader(),
      scmCrash: () => this.#withVictim((scm) => this.#crashScm(scm)),
      scmStop: () => this.#withVictim((scm) => scm.stop(() => this.#restartLater(scm))),
      scmPause: () => this.#withVictim((scm) => scm.pause(random.fraction() * PAUSE_MS_MAX)),
      shardTermination: () =>
        this.#withVictim((scm) => scm.terminate("shard", random.below(options.shardCount))),
      storageTermination: () => this.#withVictim((scm) => scm.terminate(pick(random, ["log", "state"]), 0)),
      storageStall: () =>
        this.#withVictim((scm) => scm.stall(pick(random, ["log", "state"]), random.fraction() * 2_000)),
      diskError: () => this.#withVictim((scm) => this.#breakDisk(scm, 0)),
      wallClockJump: () => this.#withVictim((scm) => this.#jump(scm)),
      auditStall: () => this.#withVictim((scm) => this.#stallAudit(scm)),
      groupPartition: () => this.#network.partition(),
      clientPartition: () => this.#withVictim((scm) => this.#network.cutFromClients(scm)),
      linkTrouble: () => this.#network.hurtLink(),
      peerLoss: () => this.#network.resetPeer(),
      massCrash: () => this.#crashMany(),
      longPause: () => this.#withVictim((scm) => scm.pause(random.fraction() * LONG_PAUSE_MS_MAX)),
      endlessStall: () => this.#withVictim((scm) => this.#hang(scm)),
      clockTrouble: () => this.#withVictim((scm) => this.#troubleClock(scm)),
      transfer: () => operators.transfer(),
      membership: () => operators.change(),
      damage: () => this.#withVictim((scm) => this.#damage(scm)),
    };
  }

  /** Any SCM, often the leader. A lone one is taken whatever its state. */
  #withVictim(hurt: (scm: SimScm) => void): void {
    const { random, group } = this.#parts;
    const { present, leader } = group;
    const [only] = present;
    if (only === undefined) return;
    if (present.length === 1) hurt(only);
    else hurt(leader !== undefined && random.below(2) === 0 ? leader : pick(random, present));
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
    const { world, random, trace, datanodes, group } = this.#parts;
    const { network } = world;
    const { host } = pick(random, datanodes);
    const { present } = group;
    const scm = present.length === 1 ? group.first : pick(random, present);
    if (network.isPartitioned(host, scm.host)) return;
    trace.line("fault", `${host} is cut off from ${scm.name} for ${Math.round(durationMs)} ms`);
    network.partition(host, scm.host);
    this.#undoAfter(durationMs, () => network.heal(host, scm.host));
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

  #crashScm(scm: SimScm): void {
    const { random, options } = this.#parts;
    const what = pick(random, ["process", "machine"] as const);
    if (random.below(2) === 0) {
      scm.crash(what);
      scm.onDeath();
    } else {
      const afterMs = random.fraction() * 2 * options.wakeMsMax;
      scm.crashAfterWrites(1 + random.below(WRITES_MAX), afterMs, what);
    }
  }

  #crashMany(): void {
    const { random, group } = this.#parts;
    const what = pick(random, ["process", "machine"] as const);
    const sparedCount = random.below(2);
    for (const scm of group.present.slice(sparedCount)) {
      if (!scm.isUp) continue;
      scm.crash(what);
      scm.onDeath();
    }
  }

  #restartLater(scm: SimScm): void {
    const { random, options, group } = this.#parts;
    // In a group it is often back before anybody has noticed.
    const isQuick = group.present.length > 1 && random.below(2) === 0;
    this.#hanging.delete(scm);
    this.#undoAfter(random.fraction() * (isQuick ? 300 : DOWN_MS_MAX), () => {
      // One that is joining is started when it has joined.
      if (scm.isUp || !scm.isInstalled || scm.isRetired || scm.damage !== undefined) return;
      scm.start();
      if (this.#isOn && options.faults.diskError > 0 && random.below(3) === 0)
        this.#breakDisk(scm, random.below(8));
    });
  }

  #breakDisk(scm: SimScm, writeCount: number): void {
    scm.breakDisk(pick(this.#parts.random, ["STORAGE_FULL", "STORAGE_IO"]), writeCount);
  }

  #hang(scm: SimScm): void {
    const { random } = this.#parts;
    if (!scm.isUp) return;
    scm.stall(pick(random, ["log", "state"]), undefined);
    this.#hanging.add(scm);
    this.#undoAfter(STALL_MS_MIN + random.fraction() * DOWN_MS_MAX, () => {
      if (!this.#hanging.delete(scm)) return;
      scm.crash("process");
      scm.onDeath();
    });
  }

  #damage(scm: SimScm): void {
    if (!canLose(scm, this.#parts.group)) return;
    this.#hanging.delete(scm);
    void scm.harm().then(() => scm.start());
  }

  #jump(scm: SimScm): void {
    const { random, trace } = this.#parts;
    scm.clock.wallOffsetMs = random.below(7_200_000) - 3_600_000;
    trace.line("fault", `wall clock of ${scm.name} is off by ${scm.clock.wallOffsetMs} ms`);
  }

  #troubleClock(scm: SimScm): void {
    const { random, trace } = this.#parts;
    if (random.below(2) === 0) {
      scm.clock.rate = 1 + (2 * random.fraction() - 1) * DRIFT_MAX;
      trace.line("fault", `clock of ${scm.name} goes at ${scm.clock.rate}`);
      return;
    }
    trace.line("fault", `wall clock of ${scm.name} stands still`);
    scm.clock.freezeWall();
    this.#undoAfter(random.fraction() * DEAD_MS, () => scm.clock.thawWall());
  }

  #stallAudit(scm: SimScm): void {
    const { trace, random } = this.#parts;
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
