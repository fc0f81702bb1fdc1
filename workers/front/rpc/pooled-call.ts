import { assert } from "../../../engine/core/assert.js";
import { type HadoopCall, RPC_ERROR_DETAIL, type RpcErrorDetail } from "./call.js";
import type { ProtocolStats } from "./call-stats.js";
import type { HadoopConnection } from "./hadoop-connection.js";
import type { Caller } from "./response-frame.js";
import { errorFrame, RPC_STATUS } from "./response-frame.js";

/** Of all clients that there are. */
const CLIENT_ID_BYTES = 16;
/** Places of the ring of calls. One that was answered comes again only after all others, so that whoever
 * answers twice by mistake meets the assertion and not somebody else's call. */
const POOL_SIZE = 4096;

const NO_BODY = new Uint8Array(0);

export class PooledCall implements HadoopCall, Caller {
  callId = 0;
  retryCount = 0;
  clientId: Uint8Array;
  method = "";
  body: Uint8Array = NO_BODY;
  type = "";
  onUndelivered: (() => void) | undefined = undefined;
  readonly #ownClientId = new Uint8Array(CLIENT_ID_BYTES);
  #connection: HadoopConnection | undefined;
  #stats: ProtocolStats | undefined;
  #startedMs = 0;
  #requestBytes = 0;
  #user = "";
  #realUser: string | undefined;
  #remoteAddress = "";

  constructor() {
    this.clientId = this.#ownClientId;
  }

  get user(): string {
    return this.#user;
  }

  get realUser(): string | undefined {
    return this.#realUser;
  }

  get remoteAddress(): string {
    return this.#remoteAddress;
  }

  get isAnswered(): boolean {
    return this.#connection === undefined;
  }

  begin(connection: HadoopConnection, stats: ProtocolStats, method: string, startedMs: number): void {
    this.#connection = connection;
    this.#stats = stats;
    this.#user = connection.user;
    this.#realUser = connection.realUser;
    this.#remoteAddress = connection.remoteAddress;
    this.#startedMs = startedMs;
    this.#requestBytes = this.body.length;
    this.method = method;
    this.type = method;
    this.onUndelivered = undefined;
  }

  setClientId(bytes: Uint8Array, start: number, end: number): void {
    if (end - start !== CLIENT_ID_BYTES) {
      this.clientId = new Uint8Array(bytes.subarray(start, end));
      return;
    }
    this.clientId = this.#ownClientId;
    for (let i = 0; i < CLIENT_ID_BYTES; i++) this.#ownClientId[i] = bytes[start + i] as number;
  }

  forgetBody(): void {
    this.body = NO_BODY;
  }

  reply(message: Uint8Array): boolean {
    const connection = this.#settle(message.length, undefined);
    return connection.answerWith(this, message, this.onUndelivered);
  }

  fail(className: string, message: string, detail: RpcErrorDetail = RPC_ERROR_DETAIL.APPLICATION): boolean {
    const frame = errorFrame(this, RPC_STATUS.ERROR, { className, message, detail });
    return this.#settle(frame.length, className).answerWithFrame(frame, this.onUndelivered);
  }

  #settle(responseBytes: number, errorClass: string | undefined): HadoopConnection {
    const connection = this.#connection;
    assert(connection !== undefined, "a Hadoop call was answered twice");
    this.#connection = undefined;
    this.body = NO_BODY;
    const stats = this.#stats?.of(this.type);
    if (stats !== undefined) {
      stats.count++;
      stats.totalMs += connection.nowMs() - this.#startedMs;
      stats.requestBytes += this.#requestBytes;
      stats.responseBytes += responseBytes;
      if (errorClass !== undefined) stats.failed(errorClass);
    }
    return connection;
  }
}

/** The calls of the front. */
export class CallPool {
  readonly #ring: PooledCall[] = [];
  #next = 0;

  take(): PooledCall {
    const next = this.#next;
    this.#next = (next + 1) % POOL_SIZE;
    const pooled = this.#ring[next];
    if (pooled !== undefined) return pooled.isAnswered ? pooled : new PooledCall();
    const call = new PooledCall();
    this.#ring[next] = call;
    return call;
  }
}
