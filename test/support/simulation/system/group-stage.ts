import { assert } from "../../../../engine/core/assert.js";
import { memberIds } from "../../../../engine/raft/conf-change.js";
import { AdminClient } from "../../../../protocol/client/admin-client.js";
import type { RpcError } from "../../../../protocol/client/completion.js";
import type { ContainerRecord } from "../../../../protocol/schema/records.js";
import { SimWorld } from "../sim-world.js";
import { Journal } from "./journal.js";
import { Observer } from "./observer.js";
import type { SimOptions } from "./options.js";
import { NO_FAULTS } from "./options.js";
import { SimPlan } from "./plan.js";
import { optionsOf } from "./run-seed.js";
import { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";
import { SimTrace } from "./trace.js";

/** Election timeout of an SCM by default. */
export const TIMEOUT_MS = 1_000;
const LIMIT_MS = 60_000;
const LINES = 2_000;

/** A group of SCMs for scenes that are written down, without datanodes and without chance besides the seed's
 * latencies. All invariants are looked at after every event. */
export class GroupStage {
  readonly world: SimWorld;
  readonly group: SimGroup;
  readonly plan: SimPlan;
  readonly #observer: Observer;
  readonly #trace: SimTrace;
  readonly #clients: AdminClient[] = [];
  #failure: unknown;

  private constructor(size: number, changes: Partial<SimOptions>, seed: number) {
    const options: SimOptions = {
      ...optionsOf(1),
      groupSize: size,
      latencyMsMax: 2,
      wakeMsMax: 0.2,
      flushIntervalMs: 100,
      logEntryCountMax: 1_000_000,
      faults: NO_FAULTS,
      ...changes,
    };
    this.world = new SimWorld(seed, { latencyMsMax: options.latencyMsMax });
    const { world } = this;
    const trace = new SimTrace(world.clock);
    this.#trace = trace;
    this.plan = new SimPlan(options, seed);
    this.group = new SimGroup({
      world,
      options,
      trace,
      journal: new Journal(() => {}),
      random: world.random.stream("disk"),
      onFailure: (error) => {
        this.#failure ??= error;
      },
    });
    this.#observer = new Observer({ world, group: this.group, datanodes: [] });
  }

  /** `size` SCMs that vote. */
  static async founded(size: number, changes: Partial<SimOptions> = {}, seed = 1): Promise<GroupStage> {
    const stage = new GroupStage(size, changes, seed);
    const { group, world } = stage;
    const scms = Array.from({ length: size }, () => group.add());
    if (size > 1) for (const scm of scms) scm.joinService(scms);
    await group.first.initialize();
    group.first.start();
    await stage.until("the first one leads", () => group.leader !== undefined);
    for (const scm of scms.slice(1)) {
      await world.scheduler.settle(scm.bootstrap());
      scm.start();
    }
    await stage.until("all vote", () => group.journal.confState.voters.length === size);
    return stage;
  }

  /** What happened, the last part of it. */
  lines(): readonly string[] {
    return this.#trace.lastLines(LINES);
  }

  get leader(): SimScm {
    const { leader } = this.group;
    assert(leader !== undefined, "nobody leads");
    return leader;
  }

  followers(): SimScm[] {
    return this.group.present.filter((scm) => scm !== this.leader);
  }

  /** Runs until `condition` holds; returns the virtual time that it took. */
  async until(what: string, condition: () => boolean, limitMs = LIMIT_MS): Promise<number> {
    const { scheduler } = this.world;
    const startMs = scheduler.nowMs;
    const look = (): boolean => {
      if (this.#failure !== undefined) throw this.#failure;
      this.#observer.look();
      return condition();
    };
    await scheduler.runUntil(what, look, limitMs);
    return scheduler.nowMs - startMs;
  }

  async pass(durationMs: number): Promise<void> {
    let isOver = false;
    this.world.scheduler.after(durationMs, () => {
      isOver = true;
    });
    await this.until("time passes", () => isOver, 2 * durationMs + 1);
  }

  /** Until somebody other than `former` leads. */
  async untilOther(former: SimScm, limitMs = LIMIT_MS): Promise<number> {
    return this.until(
      "another one leads",
      () => this.group.leader !== undefined && this.group.leader !== former,
      limitMs,
    );
  }

  /** All members run, and have applied the same. */
  async converge(limitMs = LIMIT_MS): Promise<void> {
    await this.until(
      "all are equal",
      () => {
        const { leader, journal, present } = this.group;
        if (leader === undefined) return false;
        const members = memberIds(journal.confState);
        return present.every(
          ({ nodeId, running }) =>
            !members.includes(nodeId) || running?.cluster.appliedIndex === journal.appliedIndex,
        );
      },
      limitMs,
    );
    const hashes = this.group.present.map(({ running }) => running?.cluster.hash());
    assert(new Set(hashes).size === 1, "the states differ");
  }

  /** `only`: asks that SCM, and follows nobody. */
  client(only?: SimScm): AdminClient {
    const { world, group } = this;
    const name = `client${this.#clients.length}`;
    const host = `10.202.0.${this.#clients.length + 1}`;
    const client = new AdminClient(
      {
        clock: world.clock,
        scheduler: world.scheduler,
        random: world.random.stream(name),
        network: world.network.network(host),
      },
      {
        endpoints: only === undefined ? group.endpoints : [only.endpoint],
        ...(only === undefined ? {} : { pinned: true }),
        clientName: name,
        timeoutMs: 30_000,
        attemptTimeoutMs: 500,
      },
    );
    this.#clients.push(client);
    return client;
  }

  /** Runs until the call has an answer; throws what it fails with. */
  async settle<T>(promise: Promise<T>, limitMs = LIMIT_MS): Promise<T> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    promise.then(note, note);
    await this.until("the call has an answer", () => isSettled, limitMs);
    return promise;
  }

  /** The container that `flag` writes. */
  async importFlag(client: AdminClient): Promise<void> {
    const container = this.plan.container(this.#flagId, undefined);
    await this.settle(client.import({ pipelines: [], containers: [container] }));
  }

  async writeFlag(client: AdminClient, suppress: boolean): Promise<void> {
    await this.settle(client.suppressContainers({ containerIds: [this.#flagId], suppress }));
  }

  readFlag(client: AdminClient): Promise<boolean> {
    return client.getContainer({ containerId: this.#flagId }).then(({ container }) => flagOf(container));
  }

  /** Entries in the log, one after the other. */
  async write(client: AdminClient, count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.writeFlag(client, i % 2 === 0);
  }

  /** Cuts `hosts` off from all other SCMs; returns what undoes it. */
  isolate(...scms: readonly SimScm[]): () => void {
    const { network } = this.world;
    const others = this.group.present.filter((scm) => !scms.includes(scm));
    const undo = scms.flatMap((scm) =>
      others.flatMap((other) => [network.cut(scm.host, other.host), network.cut(other.host, scm.host)]),
    );
    return () => {
      for (const mend of undo) mend();
    };
  }

  get #flagId(): number {
    return this.plan.containerIds[0] as number;
  }
}

function flagOf({ suppressed }: ContainerRecord): boolean {
  return suppressed;
}

/** The code of what a call fails with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "done",
    (error: RpcError) => error.code,
  );
}
