import { assert } from "../../engine/core/assert.js";
import type { Completion, RpcError } from "../../protocol/client/completion.js";
import type { ClientEnvironment } from "../../protocol/client/environment.js";
import { uuidOf } from "./cluster/builders.js";
import { FakeScm } from "./fake-scm.js";
import { SimWorld } from "./simulation/sim-world.js";

export const CLIENT_HOST = "10.0.0.100";
export const SCM_PORT = 9865;

/** A simulated world with scripted SCMs at 10.0.0.1, 10.0.0.2 … and what a client on 10.0.0.100 needs. */
export class ClientWorld extends SimWorld {
  readonly environment: ClientEnvironment;
  readonly scms: FakeScm[] = [];

  constructor(seed = 1) {
    super(seed);
    this.environment = {
      clock: this.clock,
      scheduler: this.scheduler,
      random: this.random.stream("client"),
      network: this.network.network(CLIENT_HOST),
    };
  }

  static async withScms(count: number, seed = 1): Promise<ClientWorld> {
    const world = new ClientWorld(seed);
    for (let i = 0; i < count; i++) {
      const scm = new FakeScm(world.clock);
      const host = `10.0.0.${i + 1}`;
      await scm.listen(world.network.transport(host), host, SCM_PORT);
      scm.hello = { ...scm.hello, scmId: uuidOf(100 + i) };
      world.scms.push(scm);
    }
    world.lead(0, 3);
    return world;
  }

  /** One SCM leads from now on, and the others know it; undefined: none does. */
  lead(index: number | undefined, term: number): void {
    const leaderHint = index === undefined ? undefined : this.endpoints[index];
    this.scms.forEach((scm, i) => {
      const isLeader = i === index;
      const { leaderHint: _, ...hello } = scm.hello;
      scm.hello = { ...hello, term, isLeader, ...(isLeader || !leaderHint ? {} : { leaderHint }) };
    });
  }

  scm(index = 0): FakeScm {
    const scm = this.scms[index];
    assert(scm !== undefined, `no SCM ${index}`);
    return scm;
  }

  get endpoints(): string[] {
    return this.scms.map((_, i) => `ws://10.0.0.${i + 1}:${SCM_PORT}`);
  }

  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** Lets `durationMs` pass. */
  async pass(durationMs: number): Promise<void> {
    await this.scheduler.run(this.nowMs + durationMs);
  }

  async until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
    await this.scheduler.runUntil(what, condition, limitMs);
  }
}

/** A completion that remembers what it was told; fails when it is told twice. */
export class Outcome<T> implements Completion<T> {
  value: T | undefined;
  error: RpcError | undefined;
  isDone = false;

  succeeded(value: T): void {
    this.#finish();
    this.value = value;
  }

  failed(error: RpcError): void {
    this.#finish();
    this.error = error;
  }

  #finish(): void {
    assert(!this.isDone, "a completion was called twice");
    this.isDone = true;
  }
}
