import { assert } from "../../engine/core/assert.js";
import { Fifo } from "../../engine/core/fifo.js";
import type { ClientConnection, DialHandler } from "../../engine/core/network.js";
import { ADMIN_PATH, DATANODE_PATH } from "../../protocol/schema/messages.js";
import {
  FRONT_RECORD,
  frontBytes,
  frontConnection,
  frontText,
  frontWord,
  sendFrontRecord,
} from "../shared/front-records.js";
import type { EventedContext } from "../shared/run-evented-worker.js";

/** Paths by their number in OPEN. */
const PATHS = [DATANODE_PATH, ADMIN_PATH];
/** How soon room is looked for again; nobody rings for it. */
const ROOM_POLL_MS = 1;
const CONNECTION_MAX = 0xffff_ffff;

interface Waiting {
  readonly kind: number;
  readonly connection: number;
  readonly word: number;
  readonly bytes: Uint8Array;
}

export type RingLinkContext = Pick<EventedContext, "scheduler" | "receiver" | "sender" | "publishLater">;

/** The front's end of the message connections to main that run over the rings (front-records.ts). */
export class RingLink {
  readonly #context: RingLinkContext;
  readonly #onBlocked: (isBlocked: boolean) => void;
  readonly #sockets = new Map<number, RingSocket>();
  readonly #waiting = new Fifo<Waiting>();
  #waitingBytes = 0;
  #lastConnection = 0;

  /** @param onBlocked told when the ring has become full, and when all that waited has found room: meanwhile
   * nothing should be read that leads to more */
  constructor(context: RingLinkContext, onBlocked: (isBlocked: boolean) => void) {
    this.#context = context;
    this.#onBlocked = onBlocked;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** `handler.onOpen` is called after the caller has returned. */
  dial(path: string, remoteAddress: string, handler: DialHandler): ClientConnection {
    const pathNumber = PATHS.indexOf(path);
    assert(pathNumber >= 0, `main serves no path ${path}`);
    const connection = this.#nextConnection();
    const socket = new RingSocket(this, connection, handler);
    this.#sockets.set(connection, socket);
    this.#send(FRONT_RECORD.OPEN, connection, pathNumber, Buffer.from(remoteAddress));
    queueMicrotask(() => {
      if (socket.isOpen) handler.onOpen();
    });
    return socket;
  }

  /** A record of main; false when it is none of a connection. */
  onRecord(kind: number, offset: number, payloadBytes: number): boolean {
    if (kind !== FRONT_RECORD.FRAME && kind !== FRONT_RECORD.CLOSE) return false;
    const { receiver } = this.#context;
    const connection = frontConnection(receiver, offset);
    // Main may have sent it before it heard that this side has closed.
    const socket = this.#sockets.get(connection);
    if (socket === undefined) return true;
    if (kind === FRONT_RECORD.FRAME) {
      socket.handler.onMessage(frontBytes(receiver, offset, payloadBytes));
    } else {
      this.#sockets.delete(connection);
      socket.closed(frontWord(receiver, offset), frontText(receiver, offset, payloadBytes));
    }
    return true;
  }

  sendFrame(connection: number, frame: Uint8Array): void {
    this.#send(FRONT_RECORD.FRAME, connection, 0, frame);
  }

  close(connection: number, code: number, reason: string): void {
    this.#sockets.delete(connection);
    this.#send(FRONT_RECORD.CLOSE, connection, code, Buffer.from(reason));
  }

  #send(kind: number, connection: number, word: number, bytes: Uint8Array): void {
    const { sender, publishLater } = this.#context;
    if (this.#waiting.length === 0 && sendFrontRecord(sender, kind, connection, word, bytes)) {
      publishLater();
      return;
    }
    // The caller goes on using what it gave.
    this.#waiting.push({ kind, connection, word, bytes: new Uint8Array(bytes) });
    this.#waitingBytes += bytes.length;
    if (this.#waiting.length > 1) return;
    this.#onBlocked(true);
    this.#context.scheduler.after(ROOM_POLL_MS, this.#flush);
  }

  readonly #flush = (): void => {
    const { sender, scheduler } = this.#context;
    for (;;) {
      const first = this.#waiting.at(0);
      if (first === undefined) break;
      if (!sendFrontRecord(sender, first.kind, first.connection, first.word, first.bytes)) break;
      this.#waitingBytes -= first.bytes.length;
      this.#waiting.drop(1);
    }
    sender.publish();
    if (this.#waiting.length > 0) scheduler.after(ROOM_POLL_MS, this.#flush);
    else this.#onBlocked(false);
  };

  #nextConnection(): number {
    do {
      this.#lastConnection = this.#lastConnection === CONNECTION_MAX ? 1 : this.#lastConnection + 1;
    } while (this.#sockets.has(this.#lastConnection));
    return this.#lastConnection;
  }
}

class RingSocket implements ClientConnection {
  readonly copiesMessages = true;
  readonly handler: DialHandler;
  readonly #link: RingLink;
  readonly #connection: number;
  #isOpen = true;

  constructor(link: RingLink, connection: number, handler: DialHandler) {
    this.#link = link;
    this.#connection = connection;
    this.handler = handler;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(message: Uint8Array): boolean {
    if (!this.#isOpen) return false;
    this.#link.sendFrame(this.#connection, message);
    return true;
  }

  /** Of all connections: they wait in one line. */
  bufferedBytes(): number {
    return this.#isOpen ? this.#link.waitingBytes : 0;
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#link.close(this.#connection, code, reason);
    // As with a socket, not before the caller has returned.
    queueMicrotask(() => this.handler.onClose(code, reason, false));
  }

  closed(code: number, reason: string): void {
    this.#isOpen = false;
    this.handler.onClose(code, reason, false);
  }
}
