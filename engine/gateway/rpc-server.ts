import { encodeErrorView } from "../../protocol/codec/errors.js";
import { type Frame, readFrame } from "../../protocol/codec/frame.js";
import { type OperationCodec, operationOf } from "../../protocol/codec/operations.js";
import {
  ADMIN_PATH,
  DATANODE_PATH,
  FRAME_BYTES_MAX,
  OPERATIONS,
  type OperationName,
  type RequestOf,
  SUBPROTOCOL,
} from "../../protocol/schema/messages.js";
import { assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Listener, ServerConnection, Transport, TransportHandler } from "../core/transport.js";
import { type Answer, AnswerBatcher, AnswerWriter, ImmediateAnswer } from "./answer.js";
import type { GatewayMetrics } from "./gateway-metrics.js";
import { acceptHello, HelloDeadlines, type ServerFacts } from "./hello.js";
import { RepeatedBody } from "./repeated-body.js";
import { type OnRefused, RpcSession } from "./rpc-session.js";
import { CLOSE_SLOW_CONSUMER } from "./upgrade.js";

/** Called with a request that was decoded and checked against its schema. `bytes` fields of it are only
 * valid during the call. May throw a StrataError in place of `answer.fail`; anything else that it throws
 * ends the process. */
export type RequestHandler<N extends OperationName> = (
  session: RpcSession,
  request: RequestOf<N>,
  answer: Answer<N>,
) => void;

export interface RpcLimits {
  readonly connectionCountMax: number;
  readonly connectionsPerAddressMax: number;
  readonly sendBufferBytesMax: number;
  readonly idleTimeoutSeconds: number;
  readonly handshakeTimeoutMs: number;
  readonly requestsInFlightMax: number;
}

export interface RpcServerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly facts: ServerFacts;
  readonly limits: RpcLimits;
  readonly metrics: GatewayMetrics;
  /** For the log: a connection is being closed for a reason. */
  readonly onRefused?: OnRefused;
}

type AnyRequest = RequestOf<OperationName>;
type AnyHandler = RequestHandler<OperationName>;

interface Route {
  readonly codec: OperationCodec;
  readonly handler: AnyHandler;
  /** Of an operation whose requests are mostly the same. */
  readonly repeated: RepeatedBody | undefined;
}

const HELLO_OP = OPERATIONS.hello.op;

/** Requests and answers on message connections: frames, hello, limits, dispatch. Every request gets
 * exactly one answer, or its connection is closed with a coded reason. */
export class RpcServer implements TransportHandler {
  readonly #options: RpcServerOptions;
  readonly #metrics: GatewayMetrics;
  readonly #routes = new Array<Route | undefined>(256).fill(undefined);
  readonly #onClosed = new Map<string, (session: RpcSession) => void>();
  readonly #deadlines: HelloDeadlines;
  readonly #answer: ImmediateAnswer;
  #request: AnyRequest = {};
  readonly #connectionsByAddress = new Map<string, number>();

  constructor(options: RpcServerOptions) {
    const { metrics, clock, scheduler, limits, facts } = options;
    this.#options = options;
    this.#metrics = metrics;
    this.#deadlines = new HelloDeadlines(limits.handshakeTimeoutMs, clock, scheduler);
    const writer = new AnswerWriter(metrics, () => facts.redirect());
    this.#answer = new ImmediateAnswer(writer, new AnswerBatcher(scheduler, writer, metrics));
    this.handle("hello", (session, request, answer) => {
      const response = acceptHello(session, request, facts, limits.requestsInFlightMax);
      if (response instanceof StrataError) {
        answer.fail(response);
        // Nothing that this client could ask of another cluster's SCM would be right.
        session.close(response);
      } else {
        this.#deadlines.delete(session);
        answer.done(response);
      }
    });
    this.handle("findLeader", (_session, _request, answer) => {
      answer.done({ ...facts.redirect(), isLeader: facts.isLeader() });
    });
  }

  /** Sets the handler of an operation, once and before `listen`. `isRepetitive`: its requests are mostly the
   * same, byte for byte. */
  handle<N extends OperationName>(name: N, handler: RequestHandler<N>, isRepetitive = false): void {
    const { op } = OPERATIONS[name];
    const codec = operationOf(op);
    assert(codec !== undefined, `operation ${name} has no codec`);
    assert(this.#routes[op] === undefined, `operation ${name} has a handler`);
    this.#routes[op] = {
      codec,
      handler: handler as unknown as AnyHandler,
      repeated: isRepetitive ? new RepeatedBody() : undefined,
    };
  }

  /** Called once for each connection on `path` that closed, whoever closed it. */
  onClosed(path: string, listener: (session: RpcSession) => void): void {
    assert(!this.#onClosed.has(path), `${path} has a listener`);
    this.#onClosed.set(path, listener);
  }

  /** Throws LISTEN_FAILED. Closing the listener closes all connections. */
  async listen(host: string, port: number): Promise<Listener> {
    const listener = await this.#listenOn(this.#options.transport, host, port);
    const close = async (): Promise<void> => {
      await listener.close();
      this.#deadlines.stop();
    };
    return { port: listener.port, close };
  }

  /** Serves the connections of another transport as well. */
  serve(transport: Transport): Promise<Listener> {
    return this.#listenOn(transport, "", 0);
  }

  #listenOn(transport: Transport, host: string, port: number): Promise<Listener> {
    const { limits } = this.#options;
    return transport.listen(
      {
        host,
        port,
        paths: [DATANODE_PATH, ADMIN_PATH],
        subprotocol: SUBPROTOCOL,
        messageBytesMax: FRAME_BYTES_MAX,
        sendBufferBytesMax: limits.sendBufferBytesMax,
        idleTimeoutSeconds: limits.idleTimeoutSeconds,
        connectionCountMax: limits.connectionCountMax,
      },
      this,
    );
  }

  onOpen(connection: ServerConnection): void {
    const session = new RpcSession(connection, this.#options.clock.monotonicMs(), this.#onRefused);
    connection.session = session;
    this.#metrics.counters.connectionsOpened++;
    this.#metrics.gauges.connections++;
    if (!session.isInternal && !this.#admitAddress(session)) return;
    this.#deadlines.add(session);
  }

  /** Closes what is too much from one address. */
  #admitAddress(session: RpcSession): boolean {
    const address = session.connection.remoteAddress;
    const count = (this.#connectionsByAddress.get(address) ?? 0) + 1;
    this.#connectionsByAddress.set(address, count);
    const limit = this.#options.limits.connectionsPerAddressMax;
    if (count <= limit) return true;
    session.close(new StrataError("TOO_MANY_CONNECTIONS", { limit, address }));
    return false;
  }

  onMessage(connection: ServerConnection, message: Uint8Array): void {
    const session = sessionOf(connection);
    this.#metrics.counters.receivedBytes += message.length;
    let handler: AnyHandler | undefined;
    try {
      handler = this.#admit(session, readFrame(message), message);
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      session.close(error);
      return;
    }
    if (handler !== undefined) this.#call(handler, session, this.#request);
  }

  onClose(connection: ServerConnection, code: number): void {
    const session = sessionOf(connection);
    if (code === CLOSE_SLOW_CONSUMER) {
      const bytes = this.#options.limits.sendBufferBytesMax;
      this.#onRefused(session, new StrataError("SLOW_CONSUMER", { bytes }));
    }
    this.#metrics.counters.connectionsClosed++;
    this.#metrics.gauges.connections--;
    this.#deadlines.delete(session);
    if (!session.isInternal) this.#forgetAddress(connection.remoteAddress);
    this.#onClosed.get(connection.path)?.(session);
  }

  #forgetAddress(address: string): void {
    const count = this.#connectionsByAddress.get(address) ?? 0;
    if (count > 1) this.#connectionsByAddress.set(address, count - 1);
    else this.#connectionsByAddress.delete(address);
  }

  /** Checks the frame's place in its connection and decodes its request into `#request`. Undefined when
   * the request has been answered.
   * @throws StrataError that closes the connection */
  #admit(session: RpcSession, frame: Frame, message: Uint8Array): AnyHandler | undefined {
    // The frame object is overwritten by the next one.
    const { op, flags, requestId, bodyStart, bodyEnd } = frame;
    if (flags !== 0) throw new StrataError("FRAME_MALFORMED", { reason: "an answer was sent to the server" });
    if (requestId <= session.lastRequestId) throw new StrataError("REQUEST_ID", { requestId });
    session.lastRequestId = requestId;
    if (session.protocolVersion === 0 && op !== HELLO_OP) throw new StrataError("HELLO_EXPECTED");
    const limit = this.#options.limits.requestsInFlightMax;
    if (session.inFlightCount >= limit) throw new StrataError("TOO_MANY_REQUESTS", { limit });
    this.#metrics.counters.requests++;
    const count = this.#metrics.requestsByOp[op] ?? 0;
    this.#metrics.requestsByOp[op] = count + 1;

    const route = this.#routes[op];
    if (route === undefined || !route.codec.paths.includes(session.connection.path)) {
      this.#answerUnsupported(session, op, requestId);
      return undefined;
    }
    const { request } = route.codec;
    this.#request = (
      route.repeated === undefined
        ? request.decode(message, bodyStart, bodyEnd)
        : route.repeated.decode(request, message, bodyStart, bodyEnd)
    ) as AnyRequest;
    this.#answer.begin(session, route.codec, requestId);
    if (!this.#isBehindWithReading(session)) return route.handler;
    this.#answer.fail(new StrataError("OVERLOADED", { reason: "earlier answers wait to be read" }));
    return undefined;
  }

  /** An administrator may ask for more in one go than is buffered for a connection. Closing it as a slow
   * consumer would not help: it would come back and ask the same. Datanodes get small answers, and their
   * heartbeats must count. */
  #isBehindWithReading({ connection }: RpcSession): boolean {
    if (connection.path !== ADMIN_PATH) return false;
    return connection.bufferedBytes() > this.#options.limits.sendBufferBytesMax / 2;
  }

  #call(handler: AnyHandler, session: RpcSession, request: AnyRequest): void {
    try {
      handler(session, request, this.#answer);
    } catch (error) {
      const isAnswer = error instanceof StrataError && error.class !== "CorruptionError";
      if (!isAnswer || !this.#answer.isPending) throw error;
      this.#answer.fail(error);
    }
    assert(!this.#answer.isPending, "a handler returned without an answer");
  }

  readonly #onRefused: OnRefused = (session, error) => {
    this.#metrics.countClose(error.code);
    this.#options.onRefused?.(session, error);
  };

  #answerUnsupported(session: RpcSession, op: number, requestId: number): void {
    const error = new StrataError("UNSUPPORTED_OPERATION", { op });
    session.connection.send(encodeErrorView(op, requestId, error, this.#options.facts.redirect()));
    this.#metrics.counters.errorAnswers++;
  }
}

function sessionOf(connection: ServerConnection): RpcSession {
  const { session } = connection;
  assert(session instanceof RpcSession, "connection without session");
  return session;
}
