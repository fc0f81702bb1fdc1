import { encodeErrorView, type Redirect } from "../../protocol/codec/errors.js";
import { FLAG_ANSWER, writeFrameHeader } from "../../protocol/codec/frame.js";
import type { OperationCodec } from "../../protocol/codec/operations.js";
import type { OperationName, ResponseOf } from "../../protocol/schema/messages.js";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import type { Scheduler } from "../core/scheduler.js";
import type { GatewayMetrics } from "./gateway-metrics.js";
import type { RpcSession } from "./rpc-session.js";
import { TurnBytes } from "./turn-bytes.js";

/** How a handler answers the request it was called with: exactly one of these, before it returns. The
 * object is used again for the next request. */
export interface Answer<N extends OperationName> {
  /** True when the answer was handed to the transport: false means that the peer will not get it. */
  done(response: ResponseOf<N>): boolean;
  /** The same with a response that is encoded already, behind room for a frame's header. */
  doneEncoded(frame: Uint8Array): boolean;
  /** An error answer; a ProtocolError closes the connection instead. */
  fail(error: StrataError): void;
  /** For an answer that needs more time. */
  defer(): LateAnswer<N>;
}

/** An answer that may come at any time, exactly once, also when the connection has closed meanwhile (it is
 * dropped then). Must not be touched after that. `response` must not change until the end of the turn,
 * when it is encoded. */
export interface LateAnswer<N extends OperationName> {
  /** Whether somebody still waits for it. */
  readonly isWanted: boolean;
  done(response: ResponseOf<N>): void;
  /** `frame` as in `Answer`; it is copied. */
  doneEncoded(frame: Uint8Array): void;
  fail(error: StrataError): void;
}

/** Places of the ring of deferred answers. One that was given back comes again only after all others, so
 * that whoever answers twice by mistake meets the assertion and not somebody else's request. */
const POOL_SIZE = 4096;

/** Encodes and sends; shared by all answers of a server. */
export class AnswerWriter {
  readonly #metrics: GatewayMetrics;
  readonly #redirect: () => Redirect;

  /** `redirect`: who leads, for error answers. */
  constructor(metrics: GatewayMetrics, redirect: () => Redirect) {
    this.#metrics = metrics;
    this.#redirect = redirect;
  }

  response(session: RpcSession, codec: OperationCodec, requestId: number, response: object): boolean {
    let frame: Uint8Array;
    try {
      frame = codec.response.encodeView(codec.op, FLAG_ANSWER, requestId, response);
    } catch (error) {
      // An answer beyond the limits of its schema, such as a page of very large records: the client is told.
      if (!(error instanceof StrataError)) throw error;
      this.error(session, codec.op, requestId, error);
      return false;
    }
    return this.#answered(session, frame);
  }

  encoded(session: RpcSession, op: number, requestId: number, frame: Uint8Array): boolean {
    writeFrameHeader(frame, op, FLAG_ANSWER, requestId);
    return this.#answered(session, frame);
  }

  #answered(session: RpcSession, frame: Uint8Array): boolean {
    if (!this.#send(session, frame)) return false;
    this.#metrics.counters.answers++;
    return true;
  }

  error(session: RpcSession, op: number, requestId: number, error: StrataError): void {
    if (!session.connection.isOpen) this.#metrics.counters.answersDropped++;
    else if (this.#send(session, encodeErrorView(op, requestId, error, this.#redirect()))) {
      this.#metrics.counters.errorAnswers++;
      if (error.code === "NOT_LEADER") this.#metrics.counters.redirects++;
    }
  }

  #send(session: RpcSession, frame: Uint8Array): boolean {
    const isSent = session.connection.send(frame);
    if (isSent) this.#metrics.counters.sentBytes += frame.length;
    else this.#metrics.counters.answersDropped++;
    return isSent;
  }
}

/** The answer of the request that is being handled. */
export class ImmediateAnswer implements Answer<OperationName> {
  readonly #writer: AnswerWriter;
  readonly #batcher: AnswerBatcher;
  #session: RpcSession | undefined;
  #codec: OperationCodec | undefined;
  #requestId = 0;

  constructor(writer: AnswerWriter, batcher: AnswerBatcher) {
    this.#writer = writer;
    this.#batcher = batcher;
  }

  begin(session: RpcSession, codec: OperationCodec, requestId: number): void {
    assert(this.#session === undefined, "a request is handled within another one");
    this.#session = session;
    this.#codec = codec;
    this.#requestId = requestId;
  }

  /** Whether the request still needs its answer. */
  get isPending(): boolean {
    return this.#session !== undefined;
  }

  done(response: ResponseOf<OperationName>): boolean {
    const { session, codec } = this.#settle();
    return this.#writer.response(session, codec, this.#requestId, response);
  }

  doneEncoded(frame: Uint8Array): boolean {
    const { session, codec } = this.#settle();
    return this.#writer.encoded(session, codec.op, this.#requestId, frame);
  }

  fail(error: StrataError): void {
    const { session, codec } = this.#settle();
    if (error.class === "ProtocolError") session.close(error);
    else this.#writer.error(session, codec.op, this.#requestId, error);
  }

  defer(): LateAnswer<OperationName> {
    const { session, codec } = this.#settle();
    return this.#batcher.take(session, codec, this.#requestId);
  }

  #settle(): { session: RpcSession; codec: OperationCodec } {
    const session = this.#session;
    const codec = this.#codec;
    assert(session !== undefined && codec !== undefined, "a request was answered twice");
    this.#session = undefined;
    return { session, codec };
  }
}

export class DeferredAnswer implements LateAnswer<OperationName> {
  readonly #batcher: AnswerBatcher;
  session: RpcSession | undefined;
  codec: OperationCodec | undefined;
  requestId = 0;
  /** A frame when it is encoded already. */
  response: object | undefined;
  error: StrataError | undefined;

  constructor(batcher: AnswerBatcher) {
    this.#batcher = batcher;
  }

  get isWanted(): boolean {
    return this.session?.connection.isOpen === true;
  }

  done(response: ResponseOf<OperationName>): void {
    this.#complete(response, undefined);
  }

  doneEncoded(frame: Uint8Array): void {
    this.#complete(this.#batcher.keep(frame), undefined);
  }

  fail(error: StrataError): void {
    this.#complete(undefined, error);
  }

  #complete(response: object | undefined, error: StrataError | undefined): void {
    assert(this.session !== undefined, "a request was answered twice");
    assert(this.response === undefined && this.error === undefined, "a request was answered twice");
    this.response = response;
    this.error = error;
    this.#batcher.completed(this, this.session);
  }
}

/** Gathers deferred answers and sends them at the end of the turn, those of one connection in one system
 * call: answers that leave one by one cost ten times as much. */
export class AnswerBatcher {
  readonly #scheduler: Scheduler;
  readonly #writer: AnswerWriter;
  readonly #metrics: GatewayMetrics;
  readonly #pool: DeferredAnswer[] = [];
  #next = 0;
  readonly #frames = new TurnBytes();
  #ready: RpcSession[] = [];
  #current: RpcSession | undefined;

  constructor(scheduler: Scheduler, writer: AnswerWriter, metrics: GatewayMetrics) {
    this.#scheduler = scheduler;
    this.#writer = writer;
    this.#metrics = metrics;
  }

  take(session: RpcSession, codec: OperationCodec, requestId: number): DeferredAnswer {
    const answer = this.#free();
    answer.session = session;
    answer.codec = codec;
    answer.requestId = requestId;
    session.inFlightCount++;
    this.#metrics.gauges.requestsInFlight++;
    return answer;
  }

  completed(answer: DeferredAnswer, session: RpcSession): void {
    if (session.completed.length === 0) {
      if (this.#ready.length === 0) this.#scheduler.endOfTurn(this.#flush);
      this.#ready.push(session);
    }
    session.completed.push(answer);
  }

  /** A copy that stays until the answers of this turn have left. */
  keep(frame: Uint8Array): Uint8Array {
    return this.#frames.keep(frame);
  }

  #free(): DeferredAnswer {
    const next = this.#next;
    this.#next = (next + 1) % POOL_SIZE;
    const pooled = this.#pool[next];
    if (pooled !== undefined) return pooled.session === undefined ? pooled : new DeferredAnswer(this);
    const answer = new DeferredAnswer(this);
    this.#pool[next] = answer;
    return answer;
  }

  readonly #flush = (): void => {
    const ready = this.#ready;
    this.#ready = [];
    for (const session of ready) {
      this.#current = session;
      if (session.connection.isOpen) session.connection.cork(this.#sendCurrent);
      else this.#sendCurrent();
    }
    this.#current = undefined;
    // Closing a connection may have completed others.
    if (this.#ready.length === 0) this.#frames.clear();
  };

  readonly #sendCurrent = (): void => {
    const session = this.#current;
    assert(session !== undefined, "no session to flush");
    for (const answer of session.completed) this.#send(session, answer);
    session.completed.length = 0;
  };

  #send(session: RpcSession, answer: DeferredAnswer): void {
    const { codec, requestId, response, error } = answer;
    assert(codec !== undefined, "deferred answer without operation");
    answer.session = undefined;
    answer.response = undefined;
    answer.error = undefined;
    session.inFlightCount--;
    this.#metrics.gauges.requestsInFlight--;
    if (!session.connection.isOpen) this.#metrics.counters.answersDropped++;
    else if (response instanceof Uint8Array) this.#writer.encoded(session, codec.op, requestId, response);
    else if (response !== undefined) this.#writer.response(session, codec, requestId, response);
    else if (error?.class === "ProtocolError") session.close(error);
    else if (error !== undefined) this.#writer.error(session, codec.op, requestId, error);
  }
}
