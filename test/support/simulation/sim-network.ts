import type { Clock } from "../../../engine/core/clock.js";
import type { DialHandler, DialOptions, Network } from "../../../engine/core/network.js";
import type { Random } from "../../../engine/core/random.js";
import type { Scheduler } from "../../../engine/core/scheduler.js";
import type { Transport } from "../../../engine/core/transport.js";
import { SimConnection } from "./sim-connection.js";
import type { Latency } from "./sim-flow.js";
import { SimLinks } from "./sim-links.js";
import { type SimListener, SimTransport } from "./sim-transport.js";

const FIRST_FREE_PORT = 20_000;

export interface SimNetworkOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** A stream of its own, so that other draws do not move the network's. */
  readonly random: Random;
  readonly latencyMsMin?: number;
  readonly latencyMsMax?: number;
}

/** All hosts of a simulation and what lies between them. Hosts are IP addresses as text; one listens with
 * `transport(host)` and dials with `network(host)`. Each fault gives back what undoes it. */
export class SimNetwork {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly latency: Latency;
  readonly links = new SimLinks();
  readonly #random: Random;
  readonly #listeners = new Map<string, SimListener>();
  readonly #connections = new Set<SimConnection>();
  readonly #partitions = new Map<string, () => void>();
  readonly #deadMachines = new Set<string>();
  #nextPort = FIRST_FREE_PORT;
  /** Called with each message as it is sent, before anything can happen to it. */
  onSend: (connection: SimConnection, direction: "toServer" | "toClient", message: Uint8Array) => void =
    () => {};

  constructor(options: SimNetworkOptions) {
    const { clock, scheduler, random, latencyMsMin = 0.05, latencyMsMax = 1 } = options;
    this.clock = clock;
    this.scheduler = scheduler;
    this.#random = random;
    this.latency = { clock, scheduler, random, latencyMsMin, latencyMsMax };
  }

  /** `scheduler` is that of the process that listens: its timers stand still and end with it. */
  transport(host: string, scheduler: Scheduler = this.scheduler): Transport {
    return new SimTransport(this, host, scheduler);
  }

  /** `scheduler` is that of the process that dials. */
  network(host: string, scheduler: Scheduler = this.scheduler): Network {
    return { dial: (url, options, handler) => this.dial(host, url, options, handler, scheduler) };
  }

  /** `Network.dial` for one host; the connection can also be hurt (SimConnection). */
  dial(
    host: string,
    url: string,
    options: DialOptions,
    handler: DialHandler,
    scheduler: Scheduler = this.scheduler,
  ): SimConnection {
    const connection = new SimConnection(this, { clientHost: host, url, options, handler, scheduler });
    this.#connections.add(connection);
    connection.begin();
    return connection;
  }

  /** Stops everything between two hosts: what is sent is delivered after `heal`, unless the connection was
   * given up meanwhile. */
  partition(hostA: string, hostB: string): void {
    const key = pairOf(hostA, hostB);
    if (this.#partitions.has(key)) return;
    const undo = [this.cut(hostA, hostB), this.cut(hostB, hostA)];
    this.#partitions.set(key, () => {
      for (const mend of undo) mend();
    });
  }

  heal(hostA: string, hostB: string): void {
    const key = pairOf(hostA, hostB);
    this.#partitions.get(key)?.();
    this.#partitions.delete(key);
  }

  /** Stops what goes from one host to another, and nothing of what comes back. */
  cut(from: string, to: string): () => void {
    this.links.cut(from, to);
    for (const connection of this.#connections) connection.holdLink(from, to);
    return once(() => {
      this.links.mend(from, to);
      for (const connection of this.#connections) connection.releaseLink(from, to);
    });
  }

  /** The processes on `host` stand still: nothing is taken in, what was sent goes its way. */
  freeze(host: string): () => void {
    this.links.freeze(host);
    for (const connection of this.#connections) connection.holdLink(undefined, host);
    return once(() => {
      this.links.thaw(host);
      for (const connection of this.#connections) connection.releaseLink(undefined, host);
    });
  }

  /** Everything from one host to another takes longer. */
  slow(from: string, to: string, delayMs: number): () => void {
    this.links.slow(from, to, delayMs);
    return once(() => this.links.quicken(from, to, delayMs));
  }

  /** The process behind `host` dies: its listeners are gone and none of its handlers is called any more.
   * Those it was connected with hear of a reset; when the `machine` died with it they hear nothing until it
   * is back. What was on its way still arrives, or is lost with it. */
  die(host: string, what: "process" | "machine"): void {
    for (const [key, listener] of this.#listeners) {
      if (listener.host !== host) continue;
      listener.abandon();
      this.#listeners.delete(key);
    }
    if (what === "machine") this.#deadMachines.add(host);
    for (const connection of this.#connections) {
      if (connection.serverHost !== host && connection.clientHost !== host) continue;
      const isDelivered = this.#random.below(2) === 0;
      if (connection.serverHost === host) connection.serverDied(what, isDelivered);
      if (connection.clientHost === host) connection.clientDied(what, isDelivered);
    }
  }

  /** The machine runs again: who still has a connection with its former life hears of a reset. */
  revive(host: string): void {
    if (!this.#deadMachines.delete(host)) return;
    for (const connection of this.#connections) {
      if (connection.clientHost === host || connection.serverHost === host) connection.machineIsBack();
    }
  }

  isDead(host: string): boolean {
    return this.#deadMachines.has(host);
  }

  /** Open or opening connections, oldest first. */
  get connections(): readonly SimConnection[] {
    return [...this.#connections];
  }

  isPartitioned(hostA: string, hostB: string): boolean {
    return this.#partitions.has(pairOf(hostA, hostB));
  }

  listenerAt(host: string, port: number): SimListener | undefined {
    return this.#listeners.get(`${host}:${port}`);
  }

  /** The port, or undefined when it is taken. */
  addListener(listener: SimListener, host: string, port: number): number | undefined {
    const chosen = port === 0 ? this.#nextPort++ : port;
    const key = `${host}:${chosen}`;
    if (this.#listeners.has(key)) return undefined;
    this.#listeners.set(key, listener);
    return chosen;
  }

  removeListener(host: string, port: number): void {
    this.#listeners.delete(`${host}:${port}`);
  }

  forgetEnded(connection: SimConnection): void {
    if (connection.hasEnded) this.#connections.delete(connection);
  }
}

function pairOf(hostA: string, hostB: string): string {
  return hostA < hostB ? `${hostA} ${hostB}` : `${hostB} ${hostA}`;
}

function once(task: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    task();
  };
}
