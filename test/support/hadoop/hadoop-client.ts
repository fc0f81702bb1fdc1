import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { callFrame, contextFrame, PREAMBLE, type Response, readResponse } from "./hadoop-frames.js";

export interface HadoopClientOptions {
  readonly port: number;
  readonly host?: string;
  /** declaringClassProtocolName. */
  readonly protocol: string;
  readonly user?: string;
}

/** An error frame. */
export class HadoopError extends Error {
  readonly className: string;
  readonly detail: number;
  readonly isFatal: boolean;

  constructor({ header }: Response) {
    super(header.errorMsg);
    this.className = header.exceptionClassName;
    this.detail = header.errorDetail;
    this.isFatal = header.status === 2;
  }
}

interface Waiting {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: Error) => void;
}

/** One connection of a Hadoop client: several calls may be on their way; an answer finds its call by the id
 * (spec 12 §2.4). Preamble and context leave with the first call, as Java's do. */
export class HadoopClient {
  readonly clientId = randomBytes(16);
  readonly socket: Socket;
  readonly #options: HadoopClientOptions;
  readonly #waiting = new Map<number, Waiting>();
  #received = Buffer.alloc(0);
  #nextCallId = 0;
  #hasGreeted = false;
  #isClosed = false;

  constructor(options: HadoopClientOptions) {
    this.#options = options;
    this.socket = connect({ port: options.port, host: options.host ?? "127.0.0.1", noDelay: true });
    this.socket.on("data", (bytes) => this.#onData(bytes));
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.#isClosed = true;
      this.#failAll(new Error("connection closed"));
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Rejects with HadoopError for an error frame, with another error when the connection closes. */
  async call(method: string, body: Uint8Array, retryCount = 0): Promise<Uint8Array> {
    const response = await this.exchange(method, body, retryCount);
    if (response.body === undefined) throw new HadoopError(response);
    return response.body;
  }

  /** The answer with its header, or the error frame. Rejects when the connection closes. */
  exchange(method: string, body: Uint8Array, retryCount = 0): Promise<Response> {
    const callId = this.#nextCallId++;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new Error("connection closed"));
        return;
      }
      this.#waiting.set(callId, { resolve, reject });
      const { protocol } = this.#options;
      this.#greet();
      this.socket.write(callFrame({ clientId: this.clientId, callId, method, protocol, body, retryCount }));
    });
  }

  /** Bytes as they are, after preamble and context. */
  write(bytes: Uint8Array): void {
    this.#greet();
    this.socket.write(bytes);
  }

  /** The frame of a call, for tests that send a part of it. */
  frameOf(method: string, body: Uint8Array): Uint8Array {
    const { clientId } = this;
    return callFrame({
      clientId,
      callId: this.#nextCallId++,
      method,
      protocol: this.#options.protocol,
      body,
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closed = once(this.socket, "close");
    this.socket.destroy();
    await closed;
  }

  async closed(): Promise<void> {
    if (!this.#isClosed) await once(this.socket, "close");
  }

  #greet(): void {
    if (this.#hasGreeted) return;
    this.#hasGreeted = true;
    const { user = "test", protocol } = this.#options;
    this.socket.cork();
    this.socket.write(PREAMBLE);
    this.socket.write(contextFrame(this.clientId, user, protocol));
    process.nextTick(() => this.socket.uncork());
  }

  #onData(bytes: Uint8Array): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      this.#answered(readResponse(this.#received.subarray(4, end)));
      this.#received = this.#received.subarray(end);
    }
  }

  #answered(response: Response): void {
    const { header, body } = response;
    const callId = header.callId | 0;
    const waiting = this.#waiting.get(callId);
    if (waiting === undefined) {
      // Out of band: it is about the connection. Java drops it after an answer that nobody waits for.
      this.#failAll(
        response.body === undefined ? new HadoopError(response) : new Error(`answer ${callId} has no call`),
      );
      this.socket.destroy();
      return;
    }
    this.#waiting.delete(callId);
    waiting.resolve({ header, body: body === undefined ? undefined : Uint8Array.from(body) });
  }

  #failAll(error: Error): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}
