import type { Environment } from "../../engine/core/environment.js";
import { StrataError } from "../../engine/core/errors.js";
import { Fifo } from "../../engine/core/fifo.js";
import type { Completion, RpcError } from "../../protocol/client/completion.js";
import { RpcConnection } from "../../protocol/client/rpc-connection.js";
import type { OperationName, RequestOf, ResponseOf } from "../../protocol/schema/messages.js";
import type { MainConnection, MainLink } from "./main-connection.js";
import type { RingLink } from "./ring-link.js";

/** Main answers hello at once, unless it is very busy. */
const HELLO_TIMEOUT_MS = 60_000;
/** Longer than anything that main lets a request wait for: an answer that never comes is a bug, which must
 * not hold a Java client for ever. */
const REQUEST_TIMEOUT_MS = 120_000;
/** These wait for credit, in a storm of reports for as long as it lasts. */
const UNLIMITED: ReadonlySet<OperationName> = new Set<OperationName>(["fullReportBegin"]);
/** Requests that wait until main has answered earlier ones of the same connection. */
const WAITING_COUNT_MAX = 8192;

type MainLinkEnvironment = Pick<Environment, "clock" | "random" | "scheduler">;

/** Message connections to main over the rings, spoken by the client of Strata's own protocol. */
export class RingMainLink implements MainLink {
  readonly #environment: MainLinkEnvironment;
  readonly #ring: RingLink;
  readonly #clusterId: string;

  constructor(environment: MainLinkEnvironment, ring: RingLink, clusterId: string) {
    this.#environment = environment;
    this.#ring = ring;
    this.#clusterId = clusterId;
  }

  connect(
    path: string,
    remoteAddress: string,
    clientName: string,
    onClosed: (error: RpcError) => void,
  ): MainConnection {
    return new RingMainConnection(
      (handler) =>
        new RpcConnection(
          {
            ...this.#environment,
            network: { dial: (_url, _options, dialled) => this.#ring.dial(path, remoteAddress, dialled) },
          },
          { url: path, clientName, clusterId: this.#clusterId, handshakeTimeoutMs: HELLO_TIMEOUT_MS },
          handler,
        ),
      onClosed,
    );
  }
}

type Handler = ConstructorParameters<typeof RpcConnection>[2];

class RingMainConnection implements MainConnection {
  readonly #rpc: RpcConnection;
  /** Requests that hello or the limit of requests holds back; each returns whether it could be made. */
  readonly #waiting = new Fifo<WaitingRequest>();
  #isOpen = true;

  constructor(open: (handler: Handler) => RpcConnection, onClosed: (error: RpcError) => void) {
    this.#rpc = open({
      onReady: () => this.sendWaiting(),
      onClosed: (error) => {
        this.#isOpen = false;
        this.#failWaiting(error);
        onClosed(error);
      },
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  request<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    done: (answer: ResponseOf<N> | RpcError) => void,
  ): void {
    const outcome = new Outcome<ResponseOf<N>>(this, done);
    this.#submit(outcome, () => this.#rpc.request(name, request, outcome, timeoutOf(name)));
  }

  requestRaw<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    done: (body: Uint8Array | RpcError) => void,
  ): void {
    const outcome = new Outcome<Uint8Array>(this, done);
    this.#submit(outcome, () => this.#rpc.requestRaw(name, request, outcome, timeoutOf(name)));
  }

  requestEncoded(name: OperationName, body: Uint8Array, done: (body: Uint8Array | RpcError) => void): void {
    const outcome = new Outcome<Uint8Array>(this, done);
    let bytes = body;
    const send = (): boolean => this.#rpc.requestRaw(name, bytes, outcome, timeoutOf(name));
    // The caller goes on using what it gave.
    if (!this.#submit(outcome, send)) bytes = new Uint8Array(body);
  }

  close(reason: StrataError): void {
    this.#rpc.close(reason.message, reason);
  }

  /** Called when there may be room for another request. */
  sendWaiting(): void {
    for (let first = this.#waiting.at(0); first !== undefined; first = this.#waiting.at(0)) {
      try {
        if (!first.send()) return;
        this.#waiting.drop(1);
      } catch (error) {
        this.#waiting.drop(1);
        first.outcome.failed(expected(error));
      }
    }
  }

  /** False when the request waits. */
  #submit(outcome: Completion<never>, send: () => boolean): boolean {
    try {
      if (this.#waiting.length === 0 && send()) return true;
    } catch (error) {
      failSoon(outcome, expected(error));
      return true;
    }
    if (!this.#isOpen) failSoon(outcome, lost());
    else if (this.#waiting.length >= WAITING_COUNT_MAX) failSoon(outcome, overloaded());
    else this.#waiting.push({ outcome, send });
    return false;
  }

  #failWaiting(error: RpcError): void {
    for (let first = this.#waiting.shift(); first !== undefined; first = this.#waiting.shift()) {
      first.outcome.failed(error);
    }
  }
}

interface WaitingRequest {
  readonly outcome: Completion<never>;
  readonly send: () => boolean;
}

class Outcome<T> implements Completion<T> {
  readonly #connection: RingMainConnection;
  readonly #done: (value: T | RpcError) => void;

  constructor(connection: RingMainConnection, done: (value: T | RpcError) => void) {
    this.#connection = connection;
    this.#done = done;
  }

  succeeded(value: T): void {
    this.#done(value);
    this.#connection.sendWaiting();
  }

  failed(error: RpcError): void {
    this.#done(error);
    if (this.#connection.isOpen) this.#connection.sendWaiting();
  }
}

function timeoutOf(name: OperationName): number {
  return UNLIMITED.has(name) ? Number.POSITIVE_INFINITY : REQUEST_TIMEOUT_MS;
}

/** Not before who asked has returned. */
function failSoon(outcome: Completion<never>, error: StrataError): void {
  queueMicrotask(() => outcome.failed(error));
}

/** A request that cannot be encoded is its caller's affair; anything else is a bug. */
function expected(error: unknown): StrataError {
  if (error instanceof StrataError) return error;
  throw error;
}

function lost(): StrataError {
  return new StrataError("CONNECTION_LOST", { reason: "the connection to main is closed" });
}

function overloaded(): StrataError {
  return new StrataError("OVERLOADED", { reason: "too many requests of one client wait" });
}
