import type { Clock } from "../../../engine/core/clock.js";
import type { DialHandler, DialOptions, Network } from "../../../engine/core/network.js";
import type { Random } from "../../../engine/core/random.js";
import type { Scheduler } from "../../../engine/core/scheduler.js";
import type { Transport } from "../../../engine/core/transport.js";
import { SimConnection } from "./sim-connection.js";
import type { Latency } from "./sim-flow.js";
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
 * `transport(host)` and dials with `network(host)`. */
export class SimNetwork {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly latency: Latency;
  readonly #listeners = new Map<string, SimListener>();
  readonly #connections = new Set<SimConnection>();
  readonly #partitions = new Set<string>();
  #nextPort = FIRST_FREE_PORT;

  constructor(options: SimNetworkOptions) {
    const { clock, scheduler, random, latencyMsMin = 0.05, latencyMsMax = 1 } = options;
    this.clock = clock;
    this.scheduler = scheduler;
    this.latency = { clock, scheduler, random, latencyMsMin, latencyMsMax };
  }

  transport(host: string): Transport {
    return new SimTransport(this, host);
  }

  network(host: string): Network {
    return { dial: (url, options, handler) => this.dial(host, url, options, handler) };
  }

  /** `Network.dial` for one host; the connection can also be hurt (SimConnection). */
  dial(host: string, url: string, options: DialOptions, handler: DialHandler): SimConnection {
    const connection = new SimConnection(this, { clientHost: host, url, options, handler });
    this.#connections.add(connection);
    connection.begin();
    return connection;
  }

  /** Stops everything between two hosts: what is sent is delivered after `heal`, unless the connection was
   * given up meanwhile. */
  partition(hostA: string, hostB: string): void {
    const key = pairOf(hostA, hostB);
    if (this.#partitions.has(key)) return;
    this.#partitions.add(key);
    for (const connection of this.#between(key)) connection.hold();
  }

  heal(hostA: string, hostB: string): void {
    const key = pairOf(hostA, hostB);
    if (!this.#partitions.delete(key)) return;
    for (const connection of this.#between(key)) connection.release();
  }

  /** The process behind `host` dies: its listeners are gone and none of its handlers is called any more. Its
   * clients hear of a reset; when the `machine` died with it they hear nothing. */
  die(host: string, what: "process" | "machine"): void {
    for (const [key, listener] of this.#listeners) {
      if (listener.host !== host) continue;
      listener.abandon();
      this.#listeners.delete(key);
    }
    for (const connection of this.#connections) {
      if (connection.serverHost === host) connection.serverDied(what);
    }
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

  *#between(pair: string): Generator<SimConnection> {
    for (const connection of this.#connections) {
      if (pairOf(connection.clientHost, connection.serverHost) === pair) yield connection;
    }
  }
}

function pairOf(hostA: string, hostB: string): string {
  return hostA < hostB ? `${hostA} ${hostB}` : `${hostB} ${hostA}`;
}
