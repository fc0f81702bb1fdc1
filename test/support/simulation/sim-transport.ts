import { assert } from "../../../engine/core/assert.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";
import type {
  Listener,
  ListenOptions,
  ServerConnection,
  Transport,
  TransportHandler,
} from "../../../engine/core/transport.js";
import {
  CLOSE_ABNORMAL,
  CLOSE_GOING_AWAY,
  CLOSE_REASON_BYTES_MAX,
  CLOSE_SLOW_CONSUMER,
  CLOSE_TOO_BIG,
  checkListenOptions,
  GOING_AWAY_REASON,
  refuseUpgrade,
} from "../../../engine/gateway/upgrade.js";
import type { SimConnection } from "./sim-connection.js";
import type { SimNetwork } from "./sim-network.js";

/** Looks for silent connections within one idle timeout, as in ws-transport.ts. */
const SWEEPS_PER_IDLE_TIMEOUT = 4;

/** The server side of SimNetwork for one host. */
export class SimTransport implements Transport {
  readonly name = "sim";
  readonly #network: SimNetwork;
  readonly #host: string;
  readonly #scheduler: Scheduler;

  constructor(network: SimNetwork, host: string, scheduler: Scheduler) {
    this.#network = network;
    this.#host = host;
    this.#scheduler = scheduler;
  }

  /** Throws LISTEN_FAILED. */
  async listen(options: ListenOptions, handler: TransportHandler): Promise<Listener> {
    checkListenOptions(options);
    const listener = new SimListener(this.#network, this.#host, options, handler, this.#scheduler);
    listener.start();
    return listener;
  }
}

export class SimListener implements Listener {
  readonly options: ListenOptions;
  readonly network: SimNetwork;
  readonly host: string;
  readonly #handler: TransportHandler;
  readonly #scheduler: Scheduler;
  readonly #open = new Set<SimServerConnection>();
  #sweep: Timer | undefined;
  #port = 0;
  #lastId = 0;

  constructor(
    network: SimNetwork,
    host: string,
    options: ListenOptions,
    handler: TransportHandler,
    scheduler: Scheduler,
  ) {
    this.network = network;
    this.options = options;
    this.host = host;
    this.#handler = handler;
    this.#scheduler = scheduler;
  }

  get port(): number {
    return this.#port;
  }

  start(): void {
    const { port, idleTimeoutSeconds } = this.options;
    const given = this.network.addListener(this, this.host, port);
    if (given === undefined) {
      throw new StrataError("LISTEN_FAILED", { address: `${this.host}:${port}`, reason: "address in use" });
    }
    this.#port = given;
    const intervalMs = (idleTimeoutSeconds * 1000) / SWEEPS_PER_IDLE_TIMEOUT;
    this.#sweep = this.#scheduler.every(intervalMs, () => {
      for (const connection of this.#open) connection.sweep();
    });
  }

  async close(): Promise<void> {
    this.#sweep?.cancel();
    if (this.network.listenerAt(this.host, this.#port) === this) {
      this.network.removeListener(this.host, this.#port);
    }
    for (const connection of this.#open) connection.close(CLOSE_GOING_AWAY, GOING_AWAY_REASON);
  }

  /** The process is dead: nobody is there to be told of anything. */
  abandon(): void {
    this.#sweep?.cancel();
    this.#open.clear();
  }

  /** Why a client is not let in. */
  refusal(path: string, subprotocol: string): string | undefined {
    const refusal = refuseUpgrade(this.options, path, subprotocol, this.#open.size);
    return refusal === undefined ? undefined : `Unexpected server response: ${refusal.status}`;
  }

  connect(peer: SimConnection, path: string): SimServerConnection {
    const connection = new SimServerConnection(this, peer, ++this.#lastId, path);
    this.#open.add(connection);
    return connection;
  }

  announce(connection: SimServerConnection): void {
    this.#handler.onOpen(connection);
  }

  received(connection: SimServerConnection, message: Uint8Array): void {
    this.#handler.onMessage(connection, message);
  }

  closed(connection: SimServerConnection, code: number): void {
    this.#open.delete(connection);
    this.#handler.onClose(connection, code);
  }
}

export class SimServerConnection implements ServerConnection {
  readonly id: number;
  readonly path: string;
  readonly remoteAddress: string;
  session: unknown = undefined;
  readonly #listener: SimListener;
  readonly #peer: SimConnection;
  #isOpen = true;
  #heardMs: number;

  constructor(listener: SimListener, peer: SimConnection, id: number, path: string) {
    this.#listener = listener;
    this.#peer = peer;
    this.id = id;
    this.path = path;
    this.remoteAddress = peer.clientHost;
    this.#heardMs = listener.network.clock.monotonicMs();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(message: Uint8Array): boolean {
    if (!this.#isOpen) return false;
    this.#listener.network.onSend(this.#peer, "toClient", message);
    this.#peer.toClient.sendMessage(message, (copy) => this.#peer.receive(copy));
    if (this.bufferedBytes() <= this.#listener.options.sendBufferBytesMax) return true;
    this.#cutOff(CLOSE_SLOW_CONSUMER);
    return false;
  }

  cork(task: () => void): void {
    if (this.#isOpen) task();
  }

  bufferedBytes(): number {
    return this.#isOpen ? this.#peer.toClient.bufferedBytes : 0;
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    assert(Buffer.byteLength(reason) <= CLOSE_REASON_BYTES_MAX, `close reason is too long: ${reason}`);
    this.#peer.toClient.sendSignal(() => this.#peer.finish(code, reason));
    this.#closed(code);
  }

  /** A message of the client arrives. */
  receive(message: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#heardMs = this.#listener.network.clock.monotonicMs();
    if (message.length > this.#listener.options.messageBytesMax) this.close(CLOSE_TOO_BIG, "");
    else this.#listener.received(this, message);
  }

  /** The client closes, and waits for the answer. */
  peerClosed(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#peer.toClient.sendSignal(() => this.#peer.finish(code, reason));
    this.#closed(code);
  }

  /** The process is dead. */
  abandon(): void {
    this.#isOpen = false;
  }

  /** The connection is gone. */
  lost(): void {
    if (this.#isOpen) this.#closed(CLOSE_ABNORMAL);
  }

  /** Pings are answered as long as both directions work. */
  sweep(): void {
    const nowMs = this.#listener.network.clock.monotonicMs();
    if (this.#peer.isAlive) this.#heardMs = nowMs;
    if (nowMs - this.#heardMs >= this.#listener.options.idleTimeoutSeconds * 1000) {
      this.#cutOff(CLOSE_ABNORMAL);
    }
  }

  #cutOff(code: number): void {
    this.#peer.toClient.cut();
    this.#peer.toClient.sendSignal(() => this.#peer.finish(CLOSE_ABNORMAL, ""));
    this.#closed(code);
  }

  #closed(code: number): void {
    this.#isOpen = false;
    this.#listener.network.forgetEnded(this.#peer);
    this.#listener.closed(this, code);
  }
}
