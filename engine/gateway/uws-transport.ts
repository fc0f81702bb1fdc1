import type { TemplatedApp, us_listen_socket, WebSocket } from "uWebSockets.js";
import { createServer } from "node:net";
import { assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import { addressText } from "../core/remote-address.js";
import type { Scheduler } from "../core/scheduler.js";
import type {
  Listener,
  ListenOptions,
  ServerConnection,
  Transport,
  TransportHandler,
} from "../core/transport.js";
import { LingeringSockets } from "./lingering-sockets.js";
import {
  CLOSE_ABNORMAL,
  CLOSE_GOING_AWAY,
  CLOSE_GRACE_MS,
  CLOSE_REASON_BYTES_MAX,
  CLOSE_SLOW_CONSUMER,
  CLOSE_UNSUPPORTED_DATA,
  CLOSING,
  checkListenOptions,
  GOING_AWAY_REASON,
  type Refusal,
  refuseRequest,
  refuseUpgrade,
  TEXT_FRAME_REASON,
} from "./upgrade.js";

export type Uws = typeof import("uWebSockets.js");
type App = TemplatedApp & { /** Exists, but is not declared. */ close(): void };
type HttpResponse = Parameters<Parameters<TemplatedApp["any"]>[1]>[0];
type HttpRequest = Parameters<Parameters<TemplatedApp["any"]>[1]>[1];
type UpgradeContext = Parameters<HttpResponse["upgrade"]>[4];

/** The library copies the keys of this object onto its socket object. */
interface SocketData {
  connection: UwsConnection | undefined;
}
type Socket = WebSocket<SocketData> & SocketData;

/** Results of the library's `send`; 2 (dropped) is neither. */
const SENT = 1;
const BUFFERED = 0;

/** Plain uWebSockets.js. Lives on the main thread only: closing it inside of a worker aborts the process. */
export class UwsTransport implements Transport {
  readonly name = "uws";
  readonly #uws: Uws;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;

  constructor(uws: Uws, clock: Clock, scheduler: Scheduler) {
    this.#uws = uws;
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  /** Throws LISTEN_FAILED. */
  async listen(options: ListenOptions, handler: TransportHandler): Promise<Listener> {
    checkListenOptions(options);
    // The library listens on a configured port with SO_REUSEPORT: without asking the system first, two
    // processes would share the port and each get some of the datanodes. It also never says why it cannot
    // listen.
    const reason = await listenFailure(options);
    const address = `${options.host}:${options.port}`;
    if (reason !== undefined) throw new StrataError("LISTEN_FAILED", { address, reason });
    const listener = new UwsListener(this.#uws, options, handler, this.#clock, this.#scheduler);
    if (listener.start()) return listener;
    throw new StrataError("LISTEN_FAILED", { address, reason: "it was taken a moment ago" });
  }
}

class UwsListener implements Listener {
  readonly options: ListenOptions;
  readonly #uws: Uws;
  readonly #handler: TransportHandler;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #app: App;
  readonly #open = new Set<UwsConnection>();
  readonly #lingering: LingeringSockets;
  #socket: us_listen_socket | undefined;
  #port = 0;
  #lastId = 0;
  #isClosing = false;

  constructor(
    uws: Uws,
    options: ListenOptions,
    handler: TransportHandler,
    clock: Clock,
    scheduler: Scheduler,
  ) {
    this.#uws = uws;
    this.options = options;
    this.#handler = handler;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#lingering = new LingeringSockets(options.idleTimeoutSeconds * 1000);
    this.#app = uws.App() as App;
    for (const path of options.paths) this.#serve(path);
    this.#app.any("/*", (response, request) => respond(response, refuseRequest(options, request.getUrl())));
  }

  /** False when the address cannot be bound. */
  start(): boolean {
    this.#app.listen(this.options.host, this.options.port, (socket) => {
      if (socket === false) return;
      this.#socket = socket;
      this.#port = this.#uws.us_socket_local_port(socket);
    });
    return this.#socket !== undefined;
  }

  get port(): number {
    return this.#port;
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#socket !== undefined) this.#uws.us_listen_socket_close(this.#socket);
    for (const connection of [...this.#open]) connection.close(CLOSE_GOING_AWAY, GOING_AWAY_REASON);
    if (this.#lingering.count(this.#clock.monotonicMs()) > 0) {
      await new Promise<void>((resolve) => this.#scheduler.after(CLOSE_GRACE_MS, resolve));
    }
    this.#app.close();
  }

  #serve(path: string): void {
    this.#app.ws<SocketData>(path, {
      maxPayloadLength: this.options.messageBytesMax,
      maxBackpressure: this.options.sendBufferBytesMax,
      idleTimeout: this.options.idleTimeoutSeconds,
      sendPingsAutomatically: true,
      compression: this.#uws.DISABLED,
      upgrade: (response, request, context) => this.#upgrade(path, response, request, context),
      open: (socket) => this.#opened(path, socket as Socket),
      message: (socket, message, isBinary) => this.#received(socket as Socket, message, isBinary),
      close: (socket, code) => (socket as Socket).connection?.closed(code),
    });
  }

  /** A route that returns without an answer aborts the process: nothing may be thrown out of here. */
  #upgrade(path: string, response: HttpResponse, request: HttpRequest, context: UpgradeContext): void {
    const offered = request.getHeader("sec-websocket-protocol");
    const count = this.#open.size + this.#lingering.count(this.#clock.monotonicMs());
    const refusal = this.#isClosing ? CLOSING : refuseUpgrade(this.options, path, offered, count);
    if (refusal !== undefined) {
      respond(response, refusal);
      return;
    }
    const data: SocketData = { connection: undefined };
    response.upgrade(data, request.getHeader("sec-websocket-key"), this.options.subprotocol, "", context);
  }

  #opened(path: string, socket: Socket): void {
    const connection = new UwsConnection(this, socket, ++this.#lastId, path);
    socket.connection = connection;
    this.#open.add(connection);
    this.#handler.onOpen(connection);
  }

  #received(socket: Socket, message: ArrayBuffer, isBinary: boolean): void {
    const { connection } = socket;
    assert(connection !== undefined, "message before open");
    if (!isBinary) connection.close(CLOSE_UNSUPPORTED_DATA, TEXT_FRAME_REASON);
    else if (connection.isOpen) this.#handler.onMessage(connection, new Uint8Array(message));
  }

  /** `isLingering`: we sent a close frame, and the peer may be slow to answer it. */
  closed(connection: UwsConnection, code: number, isLingering: boolean): void {
    this.#open.delete(connection);
    if (isLingering) this.#lingering.add(this.#clock.monotonicMs());
    this.#handler.onClose(connection, code);
  }
}

class UwsConnection implements ServerConnection {
  readonly id: number;
  readonly path: string;
  readonly remoteAddress: string;
  session: unknown = undefined;
  readonly #listener: UwsListener;
  readonly #sendBufferBytesMax: number;
  /** Gone as soon as it closes, because every method of a closed socket throws. */
  #socket: Socket | undefined;

  constructor(listener: UwsListener, socket: Socket, id: number, path: string) {
    this.#listener = listener;
    this.#sendBufferBytesMax = listener.options.sendBufferBytesMax;
    this.#socket = socket;
    this.id = id;
    this.path = path;
    this.remoteAddress = addressText(new Uint8Array(socket.getRemoteAddress()));
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  send(message: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === undefined) return false;
    const outcome = socket.send(message, true, false);
    if (outcome === SENT) return true;
    if (outcome === BUFFERED && socket.getBufferedAmount() <= this.#sendBufferBytesMax) return true;
    // A close frame would wait behind the bytes that the peer does not read: cut it off and free them.
    this.#socket = undefined;
    socket.close();
    this.#listener.closed(this, CLOSE_SLOW_CONSUMER, false);
    return false;
  }

  cork(task: () => void): void {
    this.#socket?.cork(task);
  }

  bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  close(code: number, reason: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    assert(Buffer.byteLength(reason) <= CLOSE_REASON_BYTES_MAX, `close reason is too long: ${reason}`);
    this.#socket = undefined;
    socket.end(code, reason);
    this.#listener.closed(this, code, true);
  }

  /** The library says that the socket is gone; silent when we closed it ourselves. */
  closed(code: number): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.#listener.closed(this, code === 0 ? CLOSE_ABNORMAL : code, false);
  }
}

function respond(response: HttpResponse, refusal: Refusal): void {
  response.writeStatus(refusal.status).writeHeader("Content-Type", "text/plain").end(refusal.text, true);
}

/** Why the address cannot be bound; undefined when it can. */
function listenFailure({ host, port }: ListenOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error) => resolve(error.message));
    probe.listen({ host, port }, () => probe.close(() => resolve(undefined)));
  });
}
