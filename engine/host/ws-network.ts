import { WebSocket } from "ws";
import type { ClientConnection, DialHandler, DialOptions, Network } from "../core/network.js";
import type { Scheduler } from "../core/scheduler.js";

/** Close codes of RFC 6455 §7.4.1. */
const CLOSE_UNSUPPORTED_DATA = 1003;
const CLOSE_ABNORMAL = 1006;
/** A server that does not answer our close frame is cut off after this. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Nobody listens; or somebody did, and the system closed the connection with its process. */
const REFUSALS = ["ECONNREFUSED", "ECONNRESET"];

const SEND_OPTIONS = { binary: true, compress: false } as const;

/** Dials with the `ws` package. */
export class WsNetwork implements Network {
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  dial(url: string, options: DialOptions, handler: DialHandler): ClientConnection {
    try {
      return new WsClientConnection(url, options, handler);
    } catch (error) {
      // Not an address at all: for the caller one more connection that never opened.
      const reason = error instanceof Error ? error.message : String(error);
      this.#scheduler.endOfTurn(() => handler.onClose(CLOSE_ABNORMAL, reason, false));
      return new UnopenedConnection();
    }
  }
}

class WsClientConnection implements ClientConnection {
  readonly #socket: WebSocket;
  #failure = "";
  #isRefused = false;

  constructor(url: string, options: DialOptions, handler: DialHandler) {
    this.#socket = new WebSocket(url, options.subprotocol, {
      handshakeTimeout: options.handshakeTimeoutMs,
      maxPayload: options.messageBytesMax,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      closeTimeout: CLOSE_TIMEOUT_MS,
    } as ConstructorParameters<typeof WebSocket>[2]);
    let isOpening = true;
    this.#socket.on("open", () => {
      isOpening = false;
      handler.onOpen();
    });
    this.#socket.on("message", (message: Buffer, isBinary: boolean) => {
      if (!this.isOpen) return;
      // Not as a Buffer, whose `slice` does not copy as a Uint8Array's does.
      if (isBinary) handler.onMessage(new Uint8Array(message.buffer, message.byteOffset, message.length));
      else this.close(CLOSE_UNSUPPORTED_DATA, "text frames are not accepted");
    });
    // "close" follows and tells the handler.
    this.#socket.on("error", (error: Error & { code?: string }) => {
      this.#failure = error.message;
      this.#isRefused = isOpening && REFUSALS.includes(error.code ?? "");
    });
    this.#socket.on("close", (code, reason) => {
      handler.onClose(code, reason.toString() || this.#failure, this.#isRefused);
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(message: Uint8Array): boolean {
    if (!this.isOpen) return false;
    // The package copies it while masking.
    this.#socket.send(message, SEND_OPTIONS);
    return true;
  }

  bufferedBytes(): number {
    return this.isOpen ? this.#socket.bufferedAmount : 0;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
}

class UnopenedConnection implements ClientConnection {
  readonly isOpen = false;

  send(): boolean {
    return false;
  }

  bufferedBytes(): number {
    return 0;
  }

  close(): void {}
}
