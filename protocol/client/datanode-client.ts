import { StrataError } from "../../engine/core/errors.js";
import type { Timer } from "../../engine/core/scheduler.js";
import { RemoteError } from "../codec/errors.js";
import type { OperationName, RequestOf, ResponseOf } from "../schema/messages.js";
import { DATANODE_PATH } from "../schema/messages.js";
import type { BackoffOptions } from "./backoff.js";
import { Backoff } from "./backoff.js";
import type { Completion, RpcError } from "./completion.js";
import { promised } from "./completion.js";
import type { ClientEnvironment } from "./environment.js";
import type { FullReportResult } from "./full-report.js";
import { FullReport } from "./full-report.js";
import type { ClientOptions } from "./reconnector.js";
import { Reconnector } from "./reconnector.js";
import type { ReportRows, ReportSource } from "./report-source.js";
import type { HelloResponse } from "./rpc-connection.js";

export type RegisterRequest = RequestOf<"register">;
export type RegisterResponse = ResponseOf<"register">;
export type HeartbeatRequest = RequestOf<"heartbeat">;
export type HeartbeatResponse = ResponseOf<"heartbeat">;

/** A datanode talks to each SCM through a client of its own, so `endpoints` has one entry. */
export interface DatanodeClientOptions extends ClientOptions {
  /** Registration and heartbeats; default 30 s. */
  readonly requestTimeoutMs?: number;
  /** One chunk or incremental report; default 120 s. */
  readonly reportTimeoutMs?: number;
  /** The highest term that the datanode has seen, for every heartbeat; left out: what the request says. */
  readonly termSeen?: () => number;
}

/** What happens to a datanode's connection, and what the SCM orders. */
export interface DatanodeHandler {
  /** Hello was answered. Whoever drives the client by hand registers now; with a driver it has been done. */
  onConnected?(hello: HelloResponse): void;
  onRegistered?(response: RegisterResponse): void;
  /** A heartbeat was answered; called before its orders are handed out. */
  onAnswered?(response: HeartbeatResponse): void;
  /** Orders, in order, those of kind reregisterCommand left out. */
  onCommands?(commands: HeartbeatResponse["commands"], response: HeartbeatResponse): void;
  /** The SCM wants a full report: call `fullReport`. Not called while one is being sent. */
  onFullReportWanted?(): void;
  /** The SCM does not know the datanode any more. With a driver the client registers again by itself. */
  onReregister?(): void;
  /** The connection ended, could not be made, or the registration was refused; the client tries again. */
  onLost?(error: RpcError): void;
}

/** What the client asks for when it is time. */
export interface DatanodeDriver {
  registration(): RegisterRequest;
  /** Left out: heartbeats are the owner's affair. */
  heartbeat?(): HeartbeatRequest;
  /** Between heartbeats; absent = as the SCM says in hello. */
  readonly heartbeatIntervalMs?: number;
}

const REQUEST_TIMEOUT_MS = 30_000;
const REPORT_TIMEOUT_MS = 120_000;
/** Pauses before an SCM is asked again that cannot register anybody yet. */
const NOT_READY_BACKOFF: BackoffOptions = { initialMs: 200, maximumMs: 5_000 };

/** A datanode's side of the protocol towards one SCM: connects and reconnects, registers, sends heartbeats
 * and reports, hands out what the SCM orders.
 *
 * Two ways to use it: with a driver it registers after every connect and sends heartbeats at the SCM's
 * interval by itself; without one the owner calls `register`, `heartbeat` and so on, when it wants. Each
 * request comes in two forms: `heartbeat(request, completion)` for who must not wait on promises,
 * `sendHeartbeat(request)` as a promise. */
export class DatanodeClient {
  readonly #environment: ClientEnvironment;
  readonly #handler: DatanodeHandler;
  readonly #driver: DatanodeDriver | undefined;
  readonly #requestTimeoutMs: number;
  readonly #reportTimeoutMs: number;
  readonly #termSeen: (() => number) | undefined;
  readonly #reconnector: Reconnector;
  #isRegistered = false;
  #heartbeatIntervalMs = 0;
  #heartbeatTimer: Timer | undefined;
  #registerTimer: Timer | undefined;
  readonly #registerBackoff: Backoff;
  #isHeartbeatUnderWay = false;
  #isReporting = false;

  constructor(
    environment: ClientEnvironment,
    options: DatanodeClientOptions,
    handler: DatanodeHandler,
    driver?: DatanodeDriver,
  ) {
    this.#environment = environment;
    this.#handler = handler;
    this.#driver = driver;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.#reportTimeoutMs = options.reportTimeoutMs ?? REPORT_TIMEOUT_MS;
    this.#termSeen = options.termSeen;
    this.#registerBackoff = new Backoff(NOT_READY_BACKOFF, environment.random);
    this.#reconnector = new Reconnector(environment, options, DATANODE_PATH, {
      onReady: (_connection, hello) => this.#onReady(hello),
      onLost: (error) => this.#onLost(error),
    });
  }

  /** Hello has been answered on the present connection. */
  get isConnected(): boolean {
    return this.#reconnector.connection !== undefined;
  }

  /** The SCM has answered a registration on the present connection. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /** A full report waits for its grant or is being sent. */
  get isReporting(): boolean {
    return this.#isReporting;
  }

  /** Begins to connect. */
  start(): void {
    this.#reconnector.start();
  }

  /** Closes the connection for good; unanswered requests fail with CONNECTION_LOST. `start` begins again. */
  close(): void {
    this.#heartbeatTimer?.cancel();
    this.#registerTimer?.cancel();
    this.#reconnector.stop("the datanode stops");
  }

  /** Drops the present connection and connects again, as after a failure of the network. */
  reconnect(): void {
    const reason = "the datanode reconnects";
    this.#reconnector.reconnect(reason, new StrataError("CONNECTION_LOST", { reason }));
  }

  register(request: RegisterRequest, completion: Completion<RegisterResponse>): void {
    const registered: Completion<RegisterResponse> = {
      succeeded: (response) => {
        this.#isRegistered = true;
        this.#reconnector.succeeded();
        completion.succeeded(response);
        this.#handler.onRegistered?.(response);
      },
      failed: (error) => completion.failed(error),
    };
    this.#ask("register", request, registered, this.#requestTimeoutMs);
  }

  sendRegistration(request: RegisterRequest): Promise<RegisterResponse> {
    return promised((completion) => this.register(request, completion));
  }

  /** Sends a heartbeat. The handler is told of orders in the answer before the completion is. */
  heartbeat(request: HeartbeatRequest, completion: Completion<HeartbeatResponse>): void {
    const beat = this.#termSeen === undefined ? request : withTermSeen(request, this.#termSeen());
    const answered = new HeartbeatCompletion(this.#onOrders, completion);
    this.#ask("heartbeat", beat, answered, this.#requestTimeoutMs);
  }

  sendHeartbeat(request: HeartbeatRequest): Promise<HeartbeatResponse> {
    return promised((completion) => this.heartbeat(request, completion));
  }

  /** Sends the rows of changed replicas, at most REPORT_CHUNK_BYTES_MAX of them; it keeps its place between
   * the chunks of a full report. */
  incrementalReport(rows: ReportRows, completion: Completion<ResponseOf<"incrementalReport">>): void {
    const request: RequestOf<"incrementalReport"> = rows;
    this.#ask("incrementalReport", request, completion, this.#reportTimeoutMs);
  }

  async sendIncrementalReport(rows: ReportRows): Promise<void> {
    await promised<ResponseOf<"incrementalReport">>((completion) => this.incrementalReport(rows, completion));
  }

  /** Sends a full report; one at a time. Waits for the SCM's credit as long as the connection lives. */
  fullReport(
    source: ReportSource,
    fromRegistration: boolean,
    completion: Completion<FullReportResult>,
  ): void {
    const refusal = this.#startReport(source, fromRegistration, completion);
    if (refusal !== undefined) this.#failLater(completion, refusal);
  }

  sendFullReport(source: ReportSource, fromRegistration: boolean): Promise<FullReportResult> {
    return promised((completion) => this.fullReport(source, fromRegistration, completion));
  }

  /** Why it cannot begin. */
  #startReport(
    source: ReportSource,
    fromRegistration: boolean,
    completion: Completion<FullReportResult>,
  ): StrataError | undefined {
    const connection = this.#reconnector.connection;
    if (connection === undefined) return notConnected();
    if (this.#isReporting) return overloaded("a full report is being sent");
    const reported: Completion<FullReportResult> = {
      succeeded: (result) => {
        this.#isReporting = false;
        completion.succeeded(result);
      },
      failed: (error) => {
        this.#isReporting = false;
        completion.failed(error);
      },
    };
    const report = new FullReport(connection, source, this.#reportTimeoutMs, reported);
    if (!report.begin(fromRegistration)) return tooMany();
    this.#isReporting = true;
    return undefined;
  }

  #ask<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    completion: Completion<ResponseOf<N>>,
    timeoutMs: number,
  ): void {
    const connection = this.#reconnector.connection;
    if (connection === undefined) this.#failLater(completion, notConnected());
    else if (!connection.request(name, request, completion, timeoutMs))
      this.#failLater(completion, tooMany());
  }

  /** A completion must not be called before the call that was given it has returned. */
  #failLater(completion: Completion<never>, error: StrataError): void {
    this.#environment.scheduler.after(0, () => completion.failed(error));
  }

  #onReady(hello: HelloResponse): void {
    this.#heartbeatIntervalMs = this.#driver?.heartbeatIntervalMs ?? hello.heartbeatIntervalMs;
    if (this.#driver !== undefined) this.#registerByItself(this.#driver);
    this.#handler.onConnected?.(hello);
  }

  #onLost(error: RpcError): void {
    this.#isRegistered = false;
    this.#heartbeatTimer?.cancel();
    this.#heartbeatTimer = undefined;
    this.#registerTimer?.cancel();
    this.#isHeartbeatUnderWay = false;
    this.#handler.onLost?.(error);
  }

  #registerByItself(driver: DatanodeDriver): void {
    this.#registerTimer?.cancel();
    this.register(driver.registration(), {
      succeeded: () => {
        this.#registerBackoff.succeeded();
        this.#heartbeatTimer?.cancel();
        if (driver.heartbeat === undefined) return;
        // A fleet that registers at one moment must not beat at one moment ever after.
        const phaseMs = this.#environment.random.fraction() * this.#heartbeatIntervalMs;
        this.#heartbeatTimer = this.#environment.scheduler.after(phaseMs, () => this.#beat(driver));
      },
      failed: (error) => this.#notRegistered(driver, error),
    });
  }

  /** An SCM that is not ready yet is asked again on the same connection. Does nothing when the connection was
   * lost. */
  #notRegistered(driver: DatanodeDriver, error: RpcError): void {
    if (!this.isConnected) return;
    if (!(error instanceof RemoteError) || error.retry !== "later") {
      this.#reconnector.reconnect("the registration was refused", error);
      return;
    }
    const delayMs = Math.max(error.retryAfterMs, this.#registerBackoff.nextMs());
    this.#registerTimer = this.#environment.scheduler.after(delayMs, () => this.#registerByItself(driver));
  }

  #beat(driver: DatanodeDriver): void {
    const { heartbeat } = driver;
    if (heartbeat === undefined) return;
    this.#heartbeatTimer = this.#environment.scheduler.after(this.#heartbeatIntervalMs, () =>
      this.#beat(driver),
    );
    // One that has no answer yet tells the SCM nothing less than a second one would.
    if (this.#isHeartbeatUnderWay) return;
    this.#isHeartbeatUnderWay = true;
    this.heartbeat(heartbeat.call(driver), this.#beaten);
  }

  readonly #beaten: Completion<HeartbeatResponse> = {
    succeeded: () => {
      this.#isHeartbeatUnderWay = false;
    },
    failed: (error) => {
      this.#isHeartbeatUnderWay = false;
      if (this.isConnected && error.code === "NOT_REGISTERED") this.#reregister();
    },
  };

  readonly #onOrders = (response: HeartbeatResponse): void => {
    const { commands } = response;
    this.#handler.onAnswered?.(response);
    if (response.fullReportWanted && !this.#isReporting) this.#handler.onFullReportWanted?.();
    if (commands.length === 0) return;
    const others = commands.filter((command) => command.type !== "reregisterCommand");
    if (others.length > 0) this.#handler.onCommands?.(others, response);
    if (others.length < commands.length) this.#reregister();
  };

  #reregister(): void {
    this.#isRegistered = false;
    this.#handler.onReregister?.();
    if (this.#driver !== undefined && this.isConnected) this.#registerByItself(this.#driver);
  }
}

/** Tells the client of the orders in an answer, then who asked. */
class HeartbeatCompletion implements Completion<HeartbeatResponse> {
  readonly #onOrders: (response: HeartbeatResponse) => void;
  readonly #completion: Completion<HeartbeatResponse>;

  constructor(onOrders: (response: HeartbeatResponse) => void, completion: Completion<HeartbeatResponse>) {
    this.#onOrders = onOrders;
    this.#completion = completion;
  }

  succeeded(response: HeartbeatResponse): void {
    this.#onOrders(response);
    this.#completion.succeeded(response);
  }

  failed(error: RpcError): void {
    this.#completion.failed(error);
  }
}

function withTermSeen(request: HeartbeatRequest, termSeen: number): HeartbeatRequest {
  // Not `{ ...request, termSeen }`: V8 makes a hidden class for each object that is spread and then grows.
  return Object.assign({}, request, { termSeen });
}

function notConnected(): StrataError {
  return new StrataError("CONNECTION_LOST", { reason: "not connected" });
}

function overloaded(reason: string): StrataError {
  return new StrataError("OVERLOADED", { reason });
}

function tooMany(): StrataError {
  return overloaded("too many requests without an answer");
}
