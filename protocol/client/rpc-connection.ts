import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import type { ClientConnection, DialHandler } from "../../engine/core/network.js";
import type { Timer } from "../../engine/core/scheduler.js";
import type { RemoteError } from "../codec/errors.js";
import { closeCodeOf, closeReasonOf, decodeError, errorCodeOfClose } from "../codec/errors.js";
import type { Frame } from "../codec/frame.js";
import { FLAG_ANSWER, FLAG_ERROR, FRAME_HEADER_BYTES, readFrame, writeFrameHeader } from "../codec/frame.js";
import { type OperationCodec, operationNamed, operationOf } from "../codec/operations.js";
import type { OperationName, RequestOf, ResponseOf } from "../schema/messages.js";
import { FRAME_BYTES_MAX, PROTOCOL_VERSION, SUBPROTOCOL } from "../schema/messages.js";
import type { Completion, RpcError } from "./completion.js";
import type { ClientEnvironment } from "./environment.js";

type HelloRequest = RequestOf<"hello">;
export type HelloResponse = ResponseOf<"hello">;

export interface RpcConnectionOptions {
  /** With the path: ws://host:9865/datanode. */
  readonly url: string;
  /** For the SCM's log: program and version. */
  readonly clientName: string;
  /** The SCM refuses when it is of another cluster; undefined = any. */
  readonly clusterId: string | undefined;
  /** For opening the socket, and again for the answer to hello. */
  readonly handshakeTimeoutMs: number;
}

export interface RpcConnectionHandler {
  /** The SCM has answered hello: requests may be sent. */
  onReady(hello: HelloResponse): void;
  /** Exactly once, whoever closed, also when the connection was never ready. Every request without an answer
   * has been failed before. `error` says why: what the SCM answered to hello, or CONNECTION_LOST. */
  onClosed(error: RpcError): void;
}

/** A request without an answer. The objects are used again. */
interface Pending {
  op: number;
  /** Undefined when the request timed out: its answer still counts against the limit and is dropped when it
   * comes. */
  completion: Completion<never> | undefined;
  /** The completion takes the body as it came. */
  isRaw: boolean;
  timeoutMs: number;
  deadlineMs: number;
  /** `#receivedCount` when it was sent. */
  receivedBefore: number;
}

const NEVER = Number.POSITIVE_INFINITY;
const CLOSE_NORMAL = 1000;

/** One connection to one SCM: dials, says hello, sends requests, brings answers to their completions.
 * Whatever goes wrong ends the connection; dialling again is the owner's affair (Reconnector).
 *
 * Built for many requests: a request costs no timer and no closure. One timer per connection stands at a
 * deadline that was the earliest when it was set; it is not moved when answers come, only when it fires. */
export class RpcConnection implements DialHandler {
  readonly url: string;
  readonly #environment: ClientEnvironment;
  readonly #options: RpcConnectionOptions;
  readonly #handler: RpcConnectionHandler;
  readonly #socket: ClientConnection;
  readonly #pending = new Map<number, Pending>();
  readonly #spare: Pending[] = [];
  #state: "connecting" | "greeting" | "ready" | "closed" = "connecting";
  #lastRequestId = 0;
  #receivedCount = 0;
  #inFlightMax = 0;
  #timer: Timer | undefined;
  #timerDueMs = NEVER;

  constructor(environment: ClientEnvironment, options: RpcConnectionOptions, handler: RpcConnectionHandler) {
    this.url = options.url;
    this.#environment = environment;
    this.#options = options;
    this.#handler = handler;
    this.#socket = environment.network.dial(
      options.url,
      {
        subprotocol: SUBPROTOCOL,
        messageBytesMax: FRAME_BYTES_MAX,
        handshakeTimeoutMs: options.handshakeTimeoutMs,
      },
      this,
    );
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** Requests without an answer, those that timed out included: that is how the SCM counts. */
  get inFlightCount(): number {
    return this.#pending.size;
  }

  /** The SCM's limit of them, 0 before hello. */
  get inFlightMax(): number {
    return this.#inFlightMax;
  }

  /** Messages that have come, of whatever kind. */
  get receivedCount(): number {
    return this.#receivedCount;
  }

  /** Bytes that wait to be sent. */
  bufferedBytes(): number {
    return this.#socket.bufferedBytes();
  }

  /** Sends a request. `timeoutMs` may be Infinity.
   * @returns false, and nothing happens, when the connection is not ready or its limit of requests is reached
   * @throws StrataError FIELD_INVALID, FRAME_TOO_LARGE when the request cannot be encoded; nothing happens
   * then */
  request<N extends OperationName>(
    name: N,
    body: RequestOf<N>,
    completion: Completion<ResponseOf<N>>,
    timeoutMs: number,
  ): boolean {
    if (this.#state !== "ready" || this.#pending.size >= this.#inFlightMax) return false;
    this.#send(name, body, completion, timeoutMs);
    return true;
  }

  /** As `request`; `completion` gets the encoded body of the answer, valid during the call. `body` may be
   * encoded already, without a header. */
  requestRaw<N extends OperationName>(
    name: N,
    body: RequestOf<N> | Uint8Array,
    completion: Completion<Uint8Array>,
    timeoutMs: number,
  ): boolean {
    if (this.#state !== "ready" || this.#pending.size >= this.#inFlightMax) return false;
    const operation = operationNamed(name);
    const requestId = this.#lastRequestId + 1;
    const frame =
      body instanceof Uint8Array
        ? frameAround(operation.op, requestId, body)
        : this.#encode(operation, requestId, body);
    this.#sendFrame(frame, completion, true, timeoutMs);
    return true;
  }

  /** Closes; requests without an answer fail with CONNECTION_LOST. Does nothing on a closed connection.
   * `error` goes to `onClosed`. */
  close(reason: string, error: RpcError = new StrataError("CONNECTION_LOST", { reason })): void {
    if (this.#state === "closed") return;
    this.#socket.close(CLOSE_NORMAL, reason);
    this.#finish(error);
  }

  onOpen(): void {
    if (this.#state !== "connecting") return;
    this.#state = "greeting";
    const { clientName, clusterId, handshakeTimeoutMs } = this.#options;
    const versionAndName = { protocolVersionMax: PROTOCOL_VERSION, clientName };
    const hello: HelloRequest = clusterId === undefined ? versionAndName : { ...versionAndName, clusterId };
    const completion: Completion<HelloResponse> = {
      succeeded: (response) => this.#greeted(response),
      failed: (error) => this.#refused(error),
    };
    this.#send("hello", hello, completion, handshakeTimeoutMs);
  }

  onMessage(message: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#receivedCount++;
    let completion: Completion<unknown> | undefined;
    let outcome: unknown;
    let isError: boolean;
    // Only what reads the peer's bytes may fail on its account; what completions throw is ours.
    try {
      const frame = readFrame(message);
      const { requestId } = frame;
      isError = (frame.flags & FLAG_ERROR) !== 0;
      const pending = this.#answered(frame);
      completion = pending.completion as Completion<unknown> | undefined;
      if (completion !== undefined) outcome = decodeOutcome(frame, message, pending.isRaw);
      // After decoding: a request whose answer cannot be read fails like all the others.
      this.#pending.delete(requestId);
      pending.completion = undefined;
      this.#spare.push(pending);
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      this.#abort(error);
      return;
    }
    if (completion === undefined) return;
    if (isError) completion.failed(outcome as RemoteError);
    else completion.succeeded(outcome);
  }

  onClose(code: number, reason: string): void {
    if (this.#state === "closed") return;
    const name = errorCodeOfClose(code) ?? `code ${code}`;
    this.#finish(
      new StrataError("CONNECTION_LOST", { reason: reason === "" ? `closed with ${name}` : reason }),
    );
  }

  #send<N extends OperationName>(
    name: N,
    body: RequestOf<N>,
    completion: Completion<ResponseOf<N>>,
    timeoutMs: number,
  ): void {
    const operation = operationNamed(name);
    const requestId = this.#lastRequestId + 1;
    const frame = this.#encode(operation, requestId, body);
    this.#sendFrame(frame, completion, false, timeoutMs);
  }

  /** What is encoded into a buffer of this thread is only good for a socket that copies it at once. */
  #encode(operation: OperationCodec, requestId: number, body: unknown): Uint8Array {
    const { op, request } = operation;
    return this.#socket.copiesMessages === true
      ? request.encodeView(op, 0, requestId, body)
      : request.encode(op, 0, requestId, body);
  }

  #sendFrame(frame: Uint8Array, completion: Completion<never>, isRaw: boolean, timeoutMs: number): void {
    const op = frame[0] as number;
    const requestId = this.#lastRequestId + 1;
    this.#lastRequestId = requestId;
    const deadlineMs = this.#environment.clock.monotonicMs() + timeoutMs;
    const pending = this.#spare.pop() ?? newPending();
    pending.op = op;
    pending.completion = completion;
    pending.isRaw = isRaw;
    pending.timeoutMs = timeoutMs;
    pending.deadlineMs = deadlineMs;
    pending.receivedBefore = this.#receivedCount;
    this.#pending.set(requestId, pending);
    if (deadlineMs < this.#timerDueMs) this.#arm(deadlineMs);
    // False when the socket is closing: onClose follows and fails the request.
    this.#socket.send(frame);
  }

  /** The request that `frame` answers. */
  #answered(frame: Frame): Pending {
    const { op, requestId } = frame;
    if ((frame.flags & FLAG_ANSWER) === 0) throw malformed("the SCM sent a request");
    const pending = this.#pending.get(requestId);
    if (pending === undefined) throw malformed(`answer ${requestId} has no request`);
    if (pending.op !== op) throw malformed(`answer ${requestId} is of op ${op}, not ${pending.op}`);
    return pending;
  }

  #greeted(hello: HelloResponse): void {
    if (hello.protocolVersion === 0 || hello.protocolVersion > PROTOCOL_VERSION) {
      this.#abort(new StrataError("FRAME_VERSION", { version: hello.protocolVersion }));
      return;
    }
    this.#state = "ready";
    this.#inFlightMax = hello.requestsInFlightMax;
    this.#handler.onReady(hello);
  }

  #refused(error: RpcError): void {
    if (this.#state === "closed") return;
    this.#socket.close(CLOSE_NORMAL, "no answer to hello");
    this.#finish(error);
  }

  /** Closes because the SCM broke the protocol. */
  #abort(error: StrataError): void {
    this.#socket.close(closeCodeOf(error.code), closeReasonOf(error));
    this.#finish(new StrataError("CONNECTION_LOST", { reason: error.message }, { cause: error }));
  }

  #finish(error: RpcError): void {
    assert(this.#state !== "closed", "a connection ends once");
    this.#state = "closed";
    this.#timer?.cancel();
    const lost = new StrataError("CONNECTION_LOST", { reason: error.message }, { cause: error });
    const unanswered = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of unanswered) {
      const { completion } = pending;
      pending.completion = undefined;
      completion?.failed(error.code === "CONNECTION_LOST" ? error : lost);
    }
    this.#handler.onClosed(error);
  }

  #arm(dueMs: number): void {
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    const delayMs = Math.max(0, dueMs - this.#environment.clock.monotonicMs());
    this.#timer = this.#environment.scheduler.after(delayMs, this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerDueMs = NEVER;
    const nowMs = this.#environment.clock.monotonicMs();
    const expired: Pending[] = [];
    let nextMs = NEVER;
    for (const pending of this.#pending.values()) {
      if (pending.completion === undefined) continue;
      if (pending.deadlineMs <= nowMs) expired.push(pending);
      else nextMs = Math.min(nextMs, pending.deadlineMs);
    }
    if (nextMs < NEVER) this.#arm(nextMs);
    for (const pending of expired) this.#expire(pending);
  };

  #expire(pending: Pending): void {
    const { completion, timeoutMs, receivedBefore } = pending;
    if (completion === undefined) return;
    pending.completion = undefined;
    completion.failed(new StrataError("REQUEST_TIMEOUT", { timeoutMs }));
    // Not one message since the request went out, for at least as long as even a handshake may take: the path
    // is dead though nobody has closed it (half-open).
    const wasLong = timeoutMs >= this.#options.handshakeTimeoutMs;
    if (wasLong && receivedBefore === this.#receivedCount)
      this.close(`nothing was heard for ${timeoutMs} ms`);
  }
}

function newPending(): Pending {
  return { op: 0, completion: undefined, isRaw: false, timeoutMs: 0, deadlineMs: 0, receivedBefore: 0 };
}

/** A frame with a body that is encoded already, the caller's to keep.
 * @throws StrataError FRAME_TOO_LARGE */
function frameAround(op: number, requestId: number, body: Uint8Array): Uint8Array {
  const bytes = FRAME_HEADER_BYTES + body.length;
  if (bytes > FRAME_BYTES_MAX) throw new StrataError("FRAME_TOO_LARGE", { bytes, limit: FRAME_BYTES_MAX });
  const frame = new Uint8Array(bytes);
  frame.set(body, FRAME_HEADER_BYTES);
  writeFrameHeader(frame, op, 0, requestId);
  return frame;
}

/** A RemoteError, the response, or its bytes. */
function decodeOutcome(frame: Frame, message: Uint8Array, isRaw: boolean): unknown {
  const { bodyStart, bodyEnd } = frame;
  if ((frame.flags & FLAG_ERROR) !== 0) return decodeError(message, bodyStart, bodyEnd);
  if (isRaw) return message.subarray(bodyStart, bodyEnd);
  const operation = operationOf(frame.op);
  assert(operation !== undefined, "an operation that was asked is known");
  return operation.response.decode(message, bodyStart, bodyEnd);
}

function malformed(reason: string): StrataError {
  return new StrataError("FRAME_MALFORMED", { reason });
}
