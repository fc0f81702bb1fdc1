import { assert } from "../../engine/core/assert.js";
import type { Timer } from "../../engine/core/scheduler.js";
import type { BackoffOptions } from "./backoff.js";
import { BACKOFF_DEFAULT, Backoff } from "./backoff.js";
import type { RpcError } from "./completion.js";
import type { ClientEnvironment } from "./environment.js";
import type { HelloResponse } from "./rpc-connection.js";
import { RpcConnection } from "./rpc-connection.js";

/** What every client of an SCM is told. */
export interface ClientOptions {
  /** Endpoints of the SCMs without path, ws://host:9865, in the order in which they are tried. */
  readonly endpoints: readonly string[];
  /** For the SCM's log: program and version, at most 255 characters. */
  readonly clientName: string;
  /** The client talks to no SCM of another cluster; absent = any. */
  readonly clusterId?: string;
  /** Default 10 s. */
  readonly handshakeTimeoutMs?: number;
  /** Pauses between attempts to connect. */
  readonly backoff?: BackoffOptions;
}

export interface ReconnectorHandler {
  /** A connection is ready: ask on it until `onLost`. */
  onReady(connection: RpcConnection, hello: HelloResponse): void;
  /** A connection has ended or could not be made; the next attempt is under way. */
  onLost(error: RpcError): void;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Keeps one connection to one of the endpoints: dials, and after a loss dials the next one after a pause
 * (backoff.ts), until it is stopped. */
export class Reconnector {
  readonly #environment: ClientEnvironment;
  readonly #options: ClientOptions;
  readonly #path: string;
  readonly #handler: ReconnectorHandler;
  readonly #backoff: Backoff;
  #isRunning = false;
  #connection: RpcConnection | undefined;
  #timer: Timer | undefined;
  #endpointIndex = 0;

  constructor(
    environment: ClientEnvironment,
    options: ClientOptions,
    path: string,
    handler: ReconnectorHandler,
  ) {
    assert(options.endpoints.length > 0, "a client needs an endpoint");
    this.#environment = environment;
    this.#options = options;
    this.#path = path;
    this.#handler = handler;
    this.#backoff = new Backoff(options.backoff ?? BACKOFF_DEFAULT, environment.random);
  }

  /** The connection, when it is ready. */
  get connection(): RpcConnection | undefined {
    return this.#connection?.isReady ? this.#connection : undefined;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Begins; does nothing when it runs. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#dial();
  }

  /** Closes the connection and dials no more. `start` begins again. */
  stop(reason: string): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#connection?.close(reason);
  }

  /** Leaves the present connection because of `error` and dials again. */
  reconnect(reason: string, error: RpcError): void {
    this.#connection?.close(reason, error);
  }

  /** The SCM does what it is asked: the next loss is the first of its row. A mere hello does not say so, or
   * an SCM that greets and then refuses would be asked without a pause. */
  succeeded(): void {
    this.#backoff.succeeded();
  }

  #dial(): void {
    const { endpoints, clientName, clusterId, handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = this.#options;
    const endpoint = endpoints[this.#endpointIndex % endpoints.length] as string;
    const url = endpoint.replace(/\/+$/, "") + this.#path;
    const connection: RpcConnection = new RpcConnection(
      this.#environment,
      { url, clientName, clusterId, handshakeTimeoutMs },
      {
        onReady: (hello) => this.#handler.onReady(connection, hello),
        onClosed: (error) => this.#onClosed(error),
      },
    );
    this.#connection = connection;
  }

  #onClosed(error: RpcError): void {
    this.#connection = undefined;
    if (this.#isRunning) {
      this.#endpointIndex++;
      this.#timer = this.#environment.scheduler.after(this.#backoff.nextMs(), this.#onTimer);
    }
    this.#handler.onLost(error);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#dial();
  };
}
