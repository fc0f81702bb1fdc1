import { assert } from "../../engine/core/assert.js";
import { Fifo } from "../../engine/core/fifo.js";
import type { Scheduler } from "../../engine/core/scheduler.js";
import type {
  Listener,
  ListenOptions,
  ServerConnection,
  Transport,
  TransportHandler,
} from "../../engine/core/transport.js";
import {
  FRONT_RECORD,
  type FrontPorts,
  frontBytes,
  frontConnection,
  frontText,
  frontWord,
  readFrontPorts,
  sendFrontRecord,
} from "../shared/front-records.js";
import type { WorkerLink } from "../shared/worker-link.js";

/** Close codes of RFC 6455 §7.4.1, as the transports with sockets give them. */
const CLOSE_GOING_AWAY = 1001;
const CLOSE_ABNORMAL = 1006;
const CLOSE_SLOW_CONSUMER = 1008;
const GOING_AWAY_REASON = "SHUTTING_DOWN: the SCM is stopping";
/** How soon room is looked for again; the front does not tell of it. */
const ROOM_POLL_MS = 1;

interface Waiting {
  readonly kind: number;
  readonly connection: FrontConnection;
  readonly word: number;
  readonly bytes: Uint8Array;
}

export interface FrontTransportOptions {
  readonly scheduler: Scheduler;
  /** The front listens, before its start is said to be complete. */
  onPorts(ports: FrontPorts): void;
  /** What the front has counted. */
  onFigures(json: string): void;
  /** A call met a bug (`FrontBug`). */
  onBug(json: string): void;
}

/** Message connections to the front over the rings of its worker: clients of the SCM like any other, but for
 * limits that are meant for machines and sockets (front-records.ts). */
export class FrontTransport implements Transport {
  readonly name = "front";
  readonly #options: FrontTransportOptions;
  readonly #connections = new Map<number, FrontConnection>();
  readonly #waiting = new Fifo<Waiting>();
  #link: WorkerLink | undefined;
  #listening: { readonly options: ListenOptions; readonly handler: TransportHandler } | undefined;
  #lastId = 0;

  constructor(options: FrontTransportOptions) {
    this.#options = options;
  }

  get sendBufferBytesMax(): number {
    return this.#listening?.options.sendBufferBytesMax ?? 0;
  }

  /** Host, port and idle time-out mean nothing here. */
  async listen(options: ListenOptions, handler: TransportHandler): Promise<Listener> {
    assert(this.#listening === undefined, "the front has one listener");
    this.#listening = { options, handler };
    const close = async (): Promise<void> => {
      for (const connection of [...this.#connections.values()]) {
        connection.close(CLOSE_GOING_AWAY, GOING_AWAY_REASON);
      }
      this.#listening = undefined;
      this.publish();
    };
    return { port: 0, close };
  }

  /** The worker has been started, again perhaps. */
  attach(link: WorkerLink): void {
    assert(this.#link === undefined, "the front before has not ended");
    this.#link = link;
    link.onRecord = (kind, offset, payloadBytes) => this.#record(link, kind, offset, payloadBytes);
    link.onBatchEnd = () => link.sender.publish();
  }

  /** The worker has ended, and its connections with it. */
  detach(): void {
    this.#link = undefined;
    this.#waiting.clear();
    for (const connection of [...this.#connections.values()]) this.#closed(connection, CLOSE_ABNORMAL);
  }

  /** Makes what was sent visible. */
  publish(): void {
    this.#link?.sender.publish();
  }

  /** False when nobody is there any more. */
  send(connection: FrontConnection, kind: number, word: number, bytes: Uint8Array): boolean {
    const link = this.#link;
    if (link === undefined) return false;
    if (this.#waiting.length === 0 && sendFrontRecord(link.sender, kind, connection.number, word, bytes)) {
      return true;
    }
    // The caller goes on using what it gave.
    this.#waiting.push({ kind, connection, word, bytes: new Uint8Array(bytes) });
    connection.waitingBytes += bytes.length;
    if (this.#waiting.length === 1) this.#options.scheduler.after(ROOM_POLL_MS, this.#flush);
    return true;
  }

  /** Closed by this side. */
  close(connection: FrontConnection, code: number, reason: string): void {
    this.send(connection, FRONT_RECORD.CLOSE, code, Buffer.from(reason));
    this.#closed(connection, code);
  }

  readonly #flush = (): void => {
    const sender = this.#link?.sender;
    if (sender === undefined) return;
    for (let first = this.#waiting.at(0); first !== undefined; first = this.#waiting.at(0)) {
      const { kind, connection, word, bytes } = first;
      if (!sendFrontRecord(sender, kind, connection.number, word, bytes)) break;
      connection.waitingBytes -= bytes.length;
      this.#waiting.drop(1);
    }
    sender.publish();
    if (this.#waiting.length > 0) this.#options.scheduler.after(ROOM_POLL_MS, this.#flush);
  };

  #record(link: WorkerLink, kind: number, offset: number, payloadBytes: number): void {
    const { receiver } = link;
    switch (kind) {
      case FRONT_RECORD.FRAME: {
        const connection = this.#connections.get(frontConnection(receiver, offset));
        if (connection === undefined || this.#listening === undefined) return;
        this.#listening.handler.onMessage(connection, frontBytes(receiver, offset, payloadBytes));
        return;
      }
      case FRONT_RECORD.OPEN:
        this.#open(
          frontConnection(receiver, offset),
          frontWord(receiver, offset),
          frontText(receiver, offset, payloadBytes),
        );
        return;
      case FRONT_RECORD.CLOSE: {
        const connection = this.#connections.get(frontConnection(receiver, offset));
        if (connection !== undefined) this.#closed(connection, frontWord(receiver, offset));
        return;
      }
      case FRONT_RECORD.PORTS:
        this.#options.onPorts(readFrontPorts(receiver, offset));
        return;
      case FRONT_RECORD.FIGURES:
        this.#options.onFigures(frontText(receiver, offset, payloadBytes));
        return;
      case FRONT_RECORD.BUG:
        this.#options.onBug(frontText(receiver, offset, payloadBytes));
        return;
      default:
        assert(false, `the front sent a record of kind ${kind}`);
    }
  }

  #open(number: number, pathNumber: number, remoteAddress: string): void {
    assert(!this.#connections.has(number), "the front numbers two connections alike");
    const path = this.#listening?.options.paths[pathNumber];
    const connection = new FrontConnection(this, {
      id: ++this.#lastId,
      number,
      path: path ?? "",
      remoteAddress,
    });
    if (this.#listening === undefined || path === undefined) {
      this.send(connection, FRONT_RECORD.CLOSE, CLOSE_GOING_AWAY, Buffer.from(GOING_AWAY_REASON));
      return;
    }
    this.#connections.set(number, connection);
    this.#listening.handler.onOpen(connection);
  }

  #closed(connection: FrontConnection, code: number): void {
    if (!connection.isOpen) return;
    connection.isOpen = false;
    this.#connections.delete(connection.number);
    this.#listening?.handler.onClose(connection, code);
  }

  /** It does not read, or asks too much. */
  closeSlow(connection: FrontConnection): void {
    this.close(connection, CLOSE_SLOW_CONSUMER, "");
  }
}

class FrontConnection implements ServerConnection {
  readonly isInternal = true;
  readonly id: number;
  /** The front's. */
  readonly number: number;
  readonly path: string;
  readonly remoteAddress: string;
  isOpen = true;
  session: unknown = undefined;
  /** Of what the ring had no room for. */
  waitingBytes = 0;
  readonly #transport: FrontTransport;

  constructor(
    transport: FrontTransport,
    given: Pick<FrontConnection, "id" | "number" | "path" | "remoteAddress">,
  ) {
    this.#transport = transport;
    this.id = given.id;
    this.number = given.number;
    this.path = given.path;
    this.remoteAddress = given.remoteAddress;
  }

  send(message: Uint8Array): boolean {
    if (!this.isOpen) return false;
    if (!this.#transport.send(this, FRONT_RECORD.FRAME, 0, message)) return false;
    if (this.waitingBytes <= this.#transport.sendBufferBytesMax) return true;
    this.#transport.closeSlow(this);
    return false;
  }

  /** Sends leave with the next `publish`, which ends the task. */
  cork(task: () => void): void {
    if (!this.isOpen) return;
    task();
    this.#transport.publish();
  }

  bufferedBytes(): number {
    return this.isOpen ? this.waitingBytes : 0;
  }

  close(code: number, reason: string): void {
    if (this.isOpen) this.#transport.close(this, code, reason);
  }
}
