import { assert } from "../../engine/core/assert.js";
import type { Command } from "../schema/records.js";
import { CommandTerms } from "./command-terms.js";
import type { Completion, RpcError } from "./completion.js";
import type {
  DatanodeClientOptions,
  DatanodeDriver,
  HeartbeatRequest,
  RegisterResponse,
} from "./datanode-client.js";
import { DatanodeClient } from "./datanode-client.js";
import type { ClientEnvironment } from "./environment.js";
import type { FullReportResult } from "./full-report.js";
import type { ReportRows, ReportSource } from "./report-source.js";
import type { HelloResponse } from "./rpc-connection.js";

/** `endpoints`: one for each SCM of the group. */
export interface DatanodeGroupOptions extends DatanodeClientOptions {
  /** Commands that may wait; more are discarded. Default 5,000. */
  readonly commandQueueLimit?: number;
}

/** What happens towards each SCM; `scm` is the client that talks to it. */
export interface DatanodeGroupHandler {
  onConnected?(scm: DatanodeClient, hello: HelloResponse): void;
  onRegistered?(scm: DatanodeClient, response: RegisterResponse): void;
  /** There may be something to run: take it with `nextCommand`. */
  onCommands?(): void;
  /** Send a full report on `scm`. Not called while one is being sent, nor with a driver that has reports. */
  onFullReportWanted?(scm: DatanodeClient, fromRegistration: boolean): void;
  /** How a full report of the driver's ended. After a failure another one follows. */
  onReported?(scm: DatanodeClient, outcome: FullReportResult | RpcError): void;
  onReregister?(scm: DatanodeClient): void;
  onLost?(scm: DatanodeClient, error: RpcError): void;
}

/** What the group's client asks for when it is time. Each SCM has its own heartbeats and reports. */
export interface DatanodeGroupDriver extends Omit<DatanodeDriver, "heartbeat"> {
  /** What goes to `scm` now; the client adds `termSeen`. Left out: heartbeats are the owner's affair. */
  heartbeat?(scm: DatanodeClient): HeartbeatRequest;
  /** Everything that the datanode holds: sent to each SCM after registration and when that SCM asks. Left
   * out: the owner sends reports by hand. */
  report?(): ReportSource;
}

/** A datanode's side of the protocol towards a group of SCMs: registers with every one, sends heartbeats and
 * reports to all, since each must know the fleet when it becomes leader, and runs the commands of the leader
 * alone (`CommandTerms`).
 *
 * With a driver all of that happens by itself; without one the owner registers and sends on the clients of
 * `scms`, told of each by the handler. */
export class DatanodeGroupClient {
  readonly #environment: ClientEnvironment;
  readonly #options: DatanodeGroupOptions;
  readonly #handler: DatanodeGroupHandler;
  readonly #driver: DatanodeGroupDriver | undefined;
  readonly #terms: CommandTerms;
  readonly #scms = new Map<string, DatanodeClient>();
  #isRunning = false;

  constructor(
    environment: ClientEnvironment,
    options: DatanodeGroupOptions,
    handler: DatanodeGroupHandler,
    driver?: DatanodeGroupDriver,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#handler = handler;
    this.#driver = driver;
    this.#terms = new CommandTerms(options.commandQueueLimit);
    this.setEndpoints(options.endpoints);
  }

  /** One client for each endpoint. */
  get scms(): readonly DatanodeClient[] {
    return [...this.#scms.values()];
  }

  /** A majority of the SCMs has this datanode registered. */
  get isRegistered(): boolean {
    return this.registeredCount > this.#scms.size / 2;
  }

  get registeredCount(): number {
    let count = 0;
    for (const scm of this.#scms.values()) if (scm.isRegistered) count++;
    return count;
  }

  /** Terms, waiting commands, and what became of others. */
  get terms(): Pick<CommandTerms, "termSeen" | "length" | "counters" | "counts"> {
    return this.#terms;
  }

  /** Begins to connect to every SCM. */
  start(): void {
    this.#isRunning = true;
    for (const scm of this.#scms.values()) scm.start();
  }

  /** Closes all connections for good. */
  close(): void {
    this.#isRunning = false;
    for (const scm of this.#scms.values()) scm.close();
  }

  /** The group has other members now: those that are new are dialled, those that left are dropped. */
  setEndpoints(endpoints: readonly string[]): void {
    assert(endpoints.length > 0, "a datanode needs an SCM");
    for (const [endpoint, scm] of this.#scms) {
      if (endpoints.includes(endpoint)) continue;
      this.#scms.delete(endpoint);
      scm.close();
    }
    for (const endpoint of endpoints) {
      if (this.#scms.has(endpoint)) continue;
      const scm = this.#clientOf(endpoint);
      this.#scms.set(endpoint, scm);
      if (this.#isRunning) scm.start();
    }
    this.#noteRegistered();
  }

  /** The next command that may run, undefined when there is none now. */
  nextCommand(): Command | undefined {
    return this.#terms.next();
  }

  /** Ask it when a command really begins: it may have waited for its turn. */
  mayStart(command: Command): boolean {
    return this.#terms.mayStart(command, this.#environment.clock.wallMs());
  }

  /** Tells every SCM of changed replicas. One that has not registered this datanode gets a full report when
   * it has; one that does not take it is reported everything anew. `completion` hears of each SCM. */
  incrementalReport(rows: ReportRows, completion?: Completion<unknown>): void {
    for (const scm of this.#scms.values()) {
      if (!scm.isRegistered) continue;
      scm.incrementalReport(rows, {
        succeeded: (response) => completion?.succeeded(response),
        failed: (error) => {
          completion?.failed(error);
          if (scm.isConnected) this.#wantReport(scm, false);
        },
      });
    }
  }

  #clientOf(endpoint: string): DatanodeClient {
    const handler = this.#handler;
    const driver = this.#driver;
    const scm: DatanodeClient = new DatanodeClient(
      this.#environment,
      { ...this.#options, endpoints: [endpoint], termSeen: () => this.#terms.termSeen },
      {
        onConnected: (hello) => handler.onConnected?.(scm, hello),
        onRegistered: (response) => {
          this.#noteRegistered();
          handler.onRegistered?.(scm, response);
          this.#wantReport(scm, true);
        },
        onAnswered: ({ term }) => this.#terms.answered(term),
        onCommands: (commands) => {
          this.#terms.push(commands);
          this.#offer();
        },
        onFullReportWanted: () => this.#wantReport(scm, false),
        onReregister: () => {
          this.#noteRegistered();
          handler.onReregister?.(scm);
        },
        onLost: (error) => {
          this.#noteRegistered();
          handler.onLost?.(scm, error);
        },
      },
      driver === undefined ? undefined : driverFor(driver, () => scm),
    );
    return scm;
  }

  #noteRegistered(): void {
    this.#terms.registered(this.registeredCount, this.#scms.size);
    this.#offer();
  }

  #offer(): void {
    // Connections that are closed for good are lost, too: nobody runs anything any more.
    if (this.#isRunning && this.#terms.length > 0) this.#handler.onCommands?.();
  }

  #wantReport(scm: DatanodeClient, fromRegistration: boolean): void {
    if (!scm.isRegistered || scm.isReporting) return;
    if (this.#driver?.report === undefined) {
      this.#handler.onFullReportWanted?.(scm, fromRegistration);
      return;
    }
    // When it fails, the SCM asks for another one with its next answer, or the connection is lost.
    scm.fullReport(this.#driver.report(), fromRegistration, {
      succeeded: (result) => this.#handler.onReported?.(scm, result),
      failed: (error) => this.#handler.onReported?.(scm, error),
    });
  }
}

function driverFor(driver: DatanodeGroupDriver, scm: () => DatanodeClient): DatanodeDriver {
  const { heartbeat, heartbeatIntervalMs } = driver;
  return {
    registration: () => driver.registration(),
    ...(heartbeat === undefined ? {} : { heartbeat: () => heartbeat.call(driver, scm()) }),
    ...(heartbeatIntervalMs === undefined ? {} : { heartbeatIntervalMs }),
  };
}
