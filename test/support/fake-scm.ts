import { assert } from "../../engine/core/assert.js";
import type { Clock } from "../../engine/core/clock.js";
import type { StrataError } from "../../engine/core/errors.js";
import type { Listener, ServerConnection, Transport, TransportHandler } from "../../engine/core/transport.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { encodeErrorView } from "../../protocol/codec/errors.js";
import { FLAG_ANSWER, readFrame } from "../../protocol/codec/frame.js";
import { operationNamed, operationOf } from "../../protocol/codec/operations.js";
import type { OperationName, RequestOf, ResponseOf } from "../../protocol/schema/messages.js";
import {
  ADMIN_PATH,
  DATANODE_PATH,
  FRAME_BYTES_MAX,
  REQUESTS_IN_FLIGHT_MAX,
  SUBPROTOCOL,
} from "../../protocol/schema/messages.js";

/** A request that arrived; it has no answer until one is given. */
export interface FakeRequest<N extends OperationName = OperationName> {
  readonly name: N;
  readonly body: RequestOf<N>;
  readonly requestId: number;
  readonly connection: ServerConnection;
  readonly atMs: number;
  answer(body: ResponseOf<N>): void;
  fail(error: StrataError): void;
}

type Handler = (request: FakeRequest) => void;

/** An SCM that does what a test says: greets, keeps every request, answers those that have a handler. */
export class FakeScm implements TransportHandler {
  /** All requests but hello and findLeader, in order of arrival. */
  readonly requests: FakeRequest[] = [];
  readonly greetings: FakeRequest<"hello">[] = [];
  readonly opened: ServerConnection[] = [];
  readonly closeCodes: number[] = [];
  readonly #clock: Clock;
  readonly #handlers = new Map<OperationName, Handler>();
  #listener: Listener | undefined;
  hello: ResponseOf<"hello"> = {
    protocolVersion: 1,
    clusterId: "CID-test",
    scmId: "11111111-2222-4333-8444-555555555555" as Uuid,
    term: 3,
    isLeader: true,
    frameBytesMax: FRAME_BYTES_MAX,
    requestsInFlightMax: REQUESTS_IN_FLIGHT_MAX,
    heartbeatIntervalMs: 30_000,
  };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.on("hello", (request) => {
      this.greetings.push(request);
      request.answer(this.hello);
    });
    this.on("findLeader", (request) => {
      const { term, isLeader, leaderHint, members } = this.hello;
      request.answer({ term, isLeader, leaderHint, members });
    });
  }

  /** @returns the port */
  async listen(transport: Transport, host: string, port: number): Promise<number> {
    this.#listener = await transport.listen(
      {
        host,
        port,
        paths: [DATANODE_PATH, ADMIN_PATH],
        subprotocol: SUBPROTOCOL,
        messageBytesMax: FRAME_BYTES_MAX,
        sendBufferBytesMax: 8 * 1024 * 1024,
        idleTimeoutSeconds: 960,
        connectionCountMax: 1000,
      },
      this,
    );
    return this.#listener.port;
  }

  async close(): Promise<void> {
    await this.#listener?.close();
  }

  /** What happens to requests of this name from now on. */
  on<N extends OperationName>(name: N, handler: (request: FakeRequest<N>) => void): void {
    this.#handlers.set(name, handler as unknown as Handler);
  }

  requestsOf<N extends OperationName>(name: N): FakeRequest<N>[] {
    const found = this.requests.filter((request) => request.name === name);
    return found as unknown as FakeRequest<N>[];
  }

  /** The newest connection. */
  get connection(): ServerConnection {
    const connection = this.opened.at(-1);
    assert(connection !== undefined, "nobody has connected");
    return connection;
  }

  onOpen(connection: ServerConnection): void {
    this.opened.push(connection);
  }

  onMessage(connection: ServerConnection, message: Uint8Array): void {
    const bytes = Uint8Array.from(message);
    const { op, requestId, bodyStart, bodyEnd } = readFrame(bytes);
    const operation = operationOf(op);
    assert(operation !== undefined, `op ${op} does not exist`);
    const body = operation.request.decode(bytes, bodyStart, bodyEnd) as RequestOf<OperationName>;
    const { name } = operation;
    const request: FakeRequest = {
      name,
      body,
      requestId,
      connection,
      atMs: this.#clock.monotonicMs(),
      answer: (response) => connection.send(answerFrame(name, requestId, response)),
      fail: (error) => connection.send(encodeErrorView(op, requestId, error, this.hello)),
    };
    if (name !== "hello" && name !== "findLeader") this.requests.push(request);
    this.#handlers.get(name)?.(request);
  }

  onClose(_connection: ServerConnection, code: number): void {
    this.closeCodes.push(code);
  }
}

export function answerFrame(name: OperationName, requestId: number, response: unknown): Uint8Array {
  const { op, response: codec } = operationNamed(name);
  return codec.encode(op, FLAG_ANSWER, requestId, response);
}
