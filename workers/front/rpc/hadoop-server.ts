import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../../engine/core/clock.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";
import type { FrontPort, FrontSettings } from "../../shared/front-settings.js";
import { ByteBudget } from "./byte-budget.js";
import type { HadoopProtocol } from "./call.js";
import type { CallStats } from "./call-stats.js";
import { type RpcClasses, rpcClasses } from "./error-classes.js";
import { HadoopConnection, PAUSE } from "./hadoop-connection.js";
import { HadoopPort } from "./hadoop-port.js";
import { CallPool } from "./pooled-call.js";

/** How often connections are looked at. */
const SWEEP_MS = 1000;
/** From accepting to the connection context (spec 12 §8.3 rule 5). */
const CONTEXT_LIMIT_MS = 5000;
/** Silence after which a connection without a call in progress is closed (spec 12 §2.6). */
const IDLE_LIMIT_MS = 60_000;
/** For a frame to come whole, from its first byte: 128 MiB at 2 MB/s. Who drips holds no buffer longer. */
const FRAME_LIMIT_MS = 60_000;
/** For the client to take its last answer and go. */
const ENDING_LIMIT_MS = 5000;
/** Connections that may wait to be accepted: all datanodes come back at once. */
const BACKLOG_COUNT = 4096;

/** What a connection needs of the server. */
export interface ConnectionHost {
  readonly budget: ByteBudget;
  readonly calls: CallPool;
  readonly classes: RpcClasses;
  readonly counters: ServerCounters;
  nowMs(): number;
  /** It has something to write. */
  markDirty(connection: HadoopConnection): void;
  established(connection: HadoopConnection): void;
  closed(connection: HadoopConnection): void;
}

export interface ServerCounters {
  connectionsAccepted: number;
  /** Over the limit, or for what they said. */
  connectionsRefused: number;
  connectionsTimedOut: number;
  receivedBytes: number;
  callsInProgress: number;
  /** How often and how long nothing was read since main could not take more. */
  pauses: number;
  pausedMs: number;
}

export interface HadoopServerOptions {
  readonly settings: FrontSettings;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** The listeners of the front, and all their connections. */
export class HadoopServer implements ConnectionHost {
  readonly budget: ByteBudget;
  readonly calls = new CallPool();
  readonly classes: RpcClasses;
  readonly counters: ServerCounters = {
    connectionsAccepted: 0,
    connectionsRefused: 0,
    connectionsTimedOut: 0,
    receivedBytes: 0,
    callsInProgress: 0,
    pauses: 0,
    pausedMs: 0,
  };
  readonly #options: HadoopServerOptions;
  readonly #servers: Server[] = [];
  readonly #ports: HadoopPort[] = [];
  readonly #connections = new Set<HadoopConnection>();
  /** Those of them without a context, oldest first. */
  readonly #strangers = new Set<HadoopConnection>();
  #dirty: HadoopConnection[] = [];
  #isFlushScheduled = false;
  #pausedSinceMs: number | undefined;
  #sweep: Timer | undefined;

  constructor(options: HadoopServerOptions) {
    const { settings } = options;
    this.#options = options;
    this.budget = new ByteBudget(settings.bufferedBytesMax);
    this.classes = rpcClasses(settings.ipcPackage);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  connections(): readonly HadoopConnection[] {
    return [...this.#connections];
  }

  /** Opens a port; returns its number. Throws LISTEN_FAILED. */
  async listen(name: FrontPort, protocols: readonly HadoopProtocol[]): Promise<number> {
    const { listen, frameBytesMax } = this.#options.settings;
    const { host, port } = listen[name];
    const { classes } = this;
    const served = new HadoopPort(name, protocols, { classes, frameBytesMax: frameBytesMax[name] });
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) =>
      this.#accept(socket, served),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        reject(new StrataError("LISTEN_FAILED", { address: `${host}:${port}`, reason: error.message }));
      });
      server.listen({ host, port, backlog: BACKLOG_COUNT }, resolve);
    });
    // Out of descriptors, mostly: who could not be accepted comes again.
    server.on("error", () => {
      this.counters.connectionsRefused++;
    });
    this.#ports.push(served);
    this.#servers.push(server);
    this.#sweep ??= this.#options.scheduler.every(SWEEP_MS, () => this.#sweepConnections());
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#sweep?.cancel();
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of this.connections()) connection.cutOff();
    await Promise.all(closed);
  }

  /** Reads no socket for as long as main cannot take more. That is no silence of the clients: their times
   * stand still meanwhile. They do not begin anew, or with many short pauses they would never be over. */
  setPaused(isPaused: boolean): void {
    const nowMs = this.nowMs();
    const pausedMs = nowMs - (this.#pausedSinceMs ?? nowMs);
    this.#pausedSinceMs = isPaused ? nowMs : undefined;
    if (isPaused) this.counters.pauses++;
    else this.counters.pausedMs += pausedMs;
    for (const connection of this.#connections) {
      if (isPaused) connection.pause(PAUSE.MAIN);
      else connection.resumeAfterMain(pausedMs);
    }
  }

  /** Writes the answers that have gathered, each connection's at once. */
  flush(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  }

  nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  markDirty(connection: HadoopConnection): void {
    this.#dirty.push(connection);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#options.scheduler.endOfTurn(this.#flushScheduled);
  }

  established(connection: HadoopConnection): void {
    this.#strangers.delete(connection);
  }

  closed(connection: HadoopConnection): void {
    this.#connections.delete(connection);
    this.#strangers.delete(connection);
  }

  *callStats(): Generator<CallStats> {
    for (const port of this.#ports) for (const stats of port.stats) yield* stats.all();
  }

  readonly #flushScheduled = (): void => {
    this.#isFlushScheduled = false;
    this.flush();
  };

  #accept(socket: Socket, port: HadoopPort): void {
    if (this.#connections.size >= this.#options.settings.connectionCountMax) {
      this.counters.connectionsRefused++;
      socket.destroy();
      return;
    }
    this.counters.connectionsAccepted++;
    const connection = new HadoopConnection(socket, port, this);
    this.#connections.add(connection);
    this.#strangers.add(connection);
    if (this.#pausedSinceMs !== undefined) connection.pause(PAUSE.MAIN);
  }

  #sweepConnections(): void {
    // A pause may be there whenever this looks: who had run out of time before it has.
    const nowMs = this.#pausedSinceMs ?? this.nowMs();
    for (const connection of this.#strangers) {
      if (nowMs - connection.awaitedMs < CONTEXT_LIMIT_MS) break;
      this.#timeOut(connection);
    }
    for (const connection of this.#connections) {
      const limitMs = connection.isEnding ? ENDING_LIMIT_MS : IDLE_LIMIT_MS;
      const isOver = nowMs - connection.activeMs >= limitMs;
      const isSilent = isOver && (connection.isEnding || connection.isIdle);
      if (isSilent || connection.frameAgeMs(nowMs) >= FRAME_LIMIT_MS) this.#timeOut(connection);
    }
  }

  #timeOut(connection: HadoopConnection): void {
    this.counters.connectionsTimedOut++;
    connection.cutOff();
  }
}
