import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import { normalAddress } from "../core/remote-address.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type {
  Listener,
  ListenOptions,
  ServerConnection,
  Transport,
  TransportHandler,
} from "../core/transport.js";
import {
  CLOSE_ABNORMAL,
  CLOSE_GOING_AWAY,
  CLOSE_GRACE_MS,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_REASON_BYTES_MAX,
  CLOSE_SLOW_CONSUMER,
  CLOSE_TOO_BIG,
  CLOSE_UNSUPPORTED_DATA,
  CLOSING,
  checkListenOptions,
  GOING_AWAY_REASON,
  type Refusal,
  refuseRequest,
  refuseUpgrade,
  TEXT_FRAME_REASON,
} from "./upgrade.js";

/** Sweeps for silent connections within one idle timeout: pinged after two silent ones, closed after four. */
const SWEEPS_PER_IDLE_TIMEOUT = 4;
const SILENT_SWEEPS_BEFORE_PING = 2;
/** A peer that does not answer our close frame is cut off after this. */
const CLOSE_TIMEOUT_MS = 5_000;
/** Time for the HTTP request that asks for the upgrade; the same as in uWebSockets.js. */
const REQUEST_TIMEOUT_MS = 10_000;
const REQUEST_CHECK_INTERVAL_MS = 2_000;
const REQUEST_HEADER_BYTES_MAX = 16 * 1024;
/** Sockets that are not connections yet or any more, above the limit of connections. */
const SPARE_SOCKET_COUNT = 256;

const SEND_OPTIONS = { binary: true, compress: false, fin: true } as const;

/** The `ws` package on node:http: for Node.js releases without a uWebSockets.js binary. */
export class WsTransport implements Transport {
  readonly name = "ws";
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Throws LISTEN_FAILED. */
  async listen(options: ListenOptions, handler: TransportHandler): Promise<Listener> {
    checkListenOptions(options);
    const listener = new WsListener(options, handler, this.#scheduler);
    await listener.start();
    return listener;
  }
}

class WsListener implements Listener {
  readonly options: ListenOptions;
  readonly #handler: TransportHandler;
  readonly #scheduler: Scheduler;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #open = new Set<WsConnection>();
  /** The open ones and those whose socket is still closing. */
  readonly #withSocket = new Set<WsConnection>();
  #sweep: Timer | undefined;
  #port = 0;
  #lastId = 0;
  #isClosing = false;

  constructor(options: ListenOptions, handler: TransportHandler, scheduler: Scheduler) {
    this.options = options;
    this.#handler = handler;
    this.#scheduler = scheduler;
    this.#http = createServer({
      maxHeaderSize: REQUEST_HEADER_BYTES_MAX,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: REQUEST_CHECK_INTERVAL_MS,
    });
    this.#http.maxConnections = options.connectionCountMax + SPARE_SOCKET_COUNT;
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.messageBytesMax,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: () => options.subprotocol,
    } as ConstructorParameters<typeof WebSocketServer>[0]);
    this.#http.on("request", (request, response) => this.#refuse(request, response));
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  start(): Promise<void> {
    const { host, port, idleTimeoutSeconds } = this.options;
    return new Promise((resolve, reject) => {
      this.#http.once("error", (error) => {
        reject(new StrataError("LISTEN_FAILED", { address: `${host}:${port}`, reason: error.message }));
      });
      this.#http.listen({ host, port }, () => {
        this.#port = (this.#http.address() as AddressInfo).port;
        const intervalMs = (idleTimeoutSeconds * 1000) / SWEEPS_PER_IDLE_TIMEOUT;
        this.#sweep = this.#scheduler.every(intervalMs, () => {
          for (const connection of this.#open) connection.sweep();
        });
        resolve();
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#sweep?.cancel();
    const isClosed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    for (const connection of [...this.#open]) connection.close(CLOSE_GOING_AWAY, GOING_AWAY_REASON);
    if (this.#withSocket.size > 0) {
      await new Promise<void>((resolve) => this.#scheduler.after(CLOSE_GRACE_MS, resolve));
    }
    for (const connection of this.#withSocket) connection.cutOff();
    this.#http.closeAllConnections();
    await isClosed;
  }

  #refuse(request: IncomingMessage, response: ServerResponse): void {
    const { status, text } = refuseRequest(this.options, pathOf(request));
    response.writeHead(Number.parseInt(status, 10), { "Content-Type": "text/plain", Connection: "close" });
    response.end(text);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = pathOf(request);
    const offered = request.headers["sec-websocket-protocol"] ?? "";
    const refusal = this.#isClosing
      ? CLOSING
      : refuseUpgrade(this.options, path, offered, this.#withSocket.size);
    if (refusal !== undefined) {
      refuseSocket(socket, refusal);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#opened(webSocket, socket as Socket, path);
    });
  }

  #opened(webSocket: WebSocket, socket: Socket, path: string): void {
    const connection = new WsConnection(this, webSocket, socket, { id: ++this.#lastId, path });
    this.#open.add(connection);
    this.#withSocket.add(connection);
    webSocket.on("message", (message: Buffer, isBinary: boolean) => {
      if (!connection.isOpen) return;
      connection.heard();
      if (isBinary) {
        connection.corkThisTurn();
        this.#handler.onMessage(connection, message);
      } else {
        connection.close(CLOSE_UNSUPPORTED_DATA, TEXT_FRAME_REASON);
      }
    });
    webSocket.on("ping", () => connection.heard());
    webSocket.on("pong", () => connection.heard());
    webSocket.on("error", (error) => connection.failed(error));
    webSocket.on("close", (code) => {
      this.#withSocket.delete(connection);
      connection.closed(code);
    });
    this.#handler.onOpen(connection);
  }

  closed(connection: WsConnection, code: number): void {
    this.#open.delete(connection);
    this.#handler.onClose(connection, code);
  }
}

class WsConnection implements ServerConnection {
  readonly id: number;
  readonly path: string;
  readonly remoteAddress: string;
  session: unknown = undefined;
  readonly #listener: WsListener;
  readonly #sendBufferBytesMax: number;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #uncork: () => void;
  #isOpen = true;
  #isCorked = false;
  #silentSweepCount = 0;

  constructor(
    listener: WsListener,
    webSocket: WebSocket,
    socket: Socket,
    { id, path }: { id: number; path: string },
  ) {
    this.#listener = listener;
    this.#sendBufferBytesMax = listener.options.sendBufferBytesMax;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.id = id;
    this.path = path;
    this.remoteAddress = normalAddress(socket.remoteAddress ?? "");
    this.#uncork = () => {
      this.#isCorked = false;
      this.#socket.uncork();
    };
  }

  get isOpen(): boolean {
    return this.#isOpen && this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  send(message: Uint8Array): boolean {
    if (!this.isOpen) return false;
    // The socket keeps what it is given until it is written, the caller goes on using it: copy.
    this.#webSocket.send(Buffer.from(message), SEND_OPTIONS);
    if (this.#webSocket.bufferedAmount > this.#sendBufferBytesMax) this.#flush();
    if (this.#webSocket.bufferedAmount <= this.#sendBufferBytesMax) return true;
    // A close frame would wait behind the bytes that the peer does not read: cut it off and free them.
    this.#webSocket.terminate();
    this.closed(CLOSE_SLOW_CONSUMER);
    return false;
  }

  cork(task: () => void): void {
    if (!this.isOpen) return;
    this.#socket.cork();
    try {
      task();
    } finally {
      this.#socket.uncork();
    }
  }

  /** All answers to the messages of one read leave together. */
  corkThisTurn(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    queueMicrotask(this.#uncork);
  }

  bufferedBytes(): number {
    return this.isOpen ? this.#webSocket.bufferedAmount : 0;
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    assert(Buffer.byteLength(reason) <= CLOSE_REASON_BYTES_MAX, `close reason is too long: ${reason}`);
    this.#webSocket.close(code, reason);
    this.closed(code);
  }

  cutOff(): void {
    this.#webSocket.terminate();
  }

  closed(code: number): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#listener.closed(this, code);
  }

  /** The package has begun to close the socket. */
  failed(error: Error & { code?: string }): void {
    if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") this.closed(CLOSE_TOO_BIG);
    else this.closed(error.code?.startsWith("WS_ERR_") ? CLOSE_PROTOCOL_ERROR : CLOSE_ABNORMAL);
  }

  heard(): void {
    this.#silentSweepCount = 0;
  }

  sweep(): void {
    this.#silentSweepCount++;
    if (this.#silentSweepCount > SWEEPS_PER_IDLE_TIMEOUT) {
      this.#webSocket.terminate();
      this.closed(CLOSE_ABNORMAL);
    } else if (this.#silentSweepCount > SILENT_SWEEPS_BEFORE_PING) {
      this.#webSocket.ping();
    }
  }

  /** Writes what is corked, so that only bytes which the peer does not take count against the limit. */
  #flush(): void {
    const corkedDepth = this.#socket.writableCorked;
    for (let i = 0; i < corkedDepth; i++) this.#socket.uncork();
    for (let i = 0; i < corkedDepth; i++) this.#socket.cork();
  }
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split("?", 1)[0] ?? "";
}

function refuseSocket(socket: Duplex, { status, text }: Refusal): void {
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  const headers = `Connection: close\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}`;
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${text}`);
}
