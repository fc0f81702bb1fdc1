import assert from "node:assert/strict";
import type { ServerConnection, Transport } from "../../../engine/core/transport.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { GatewayMetrics } from "../../../engine/gateway/gateway-metrics.js";
import { type RpcLimits, RpcServer } from "../../../engine/gateway/rpc-server.js";
import { decodeError, type Redirect, type RemoteError } from "../../../protocol/codec/errors.js";
import { FLAG_ERROR, readFrame } from "../../../protocol/codec/frame.js";
import { operationNamed, operationOf } from "../../../protocol/codec/operations.js";
import { DATANODE_PATH, type OperationName } from "../../../protocol/schema/messages.js";
import { SimClock } from "../simulation/sim-clock.js";
import { SimScheduler } from "../simulation/sim-scheduler.js";

export const CLUSTER_ID = "CID-1";
export const SCM_ID = "11111111-2222-3333-4444-555555555555" as Uuid;

export interface ReceivedAnswer {
  readonly name: OperationName | undefined;
  readonly requestId: number;
  readonly error: RemoteError | undefined;
  readonly body: unknown;
}

/** A connection without a network: keeps what the server does with it. */
export class FakeConnection implements ServerConnection {
  readonly id: number;
  readonly path: string;
  readonly remoteAddress: string;
  session: unknown = undefined;
  isOpen = true;
  isInternal?: true;
  /** Set to make every further send find a peer that does not read. */
  isSlow = false;
  /** What was sent and waits to be read. */
  unreadBytes = 0;
  readonly answers: ReceivedAnswer[] = [];
  /** How many answers left together, in order. */
  readonly corks: number[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly #onClose: (connection: FakeConnection, code: number) => void;

  constructor(
    id: number,
    path: string,
    remoteAddress: string,
    onClose: (connection: FakeConnection, code: number) => void,
  ) {
    this.id = id;
    this.path = path;
    this.remoteAddress = remoteAddress;
    this.#onClose = onClose;
  }

  send(message: Uint8Array): boolean {
    if (!this.isOpen) return false;
    if (this.isSlow) {
      this.close(1008, "");
      return false;
    }
    this.answers.push(readAnswer(message));
    return true;
  }

  cork(task: () => void): void {
    if (!this.isOpen) return;
    const before = this.answers.length;
    task();
    this.corks.push(this.answers.length - before);
  }

  bufferedBytes(): number {
    return this.unreadBytes;
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.closed = { code, reason };
    this.#onClose(this, code);
  }

  get lastAnswer(): ReceivedAnswer {
    const answer = this.answers.at(-1);
    assert.ok(answer !== undefined, "there is an answer");
    return answer;
  }
}

function readAnswer(message: Uint8Array): ReceivedAnswer {
  const { op, flags, requestId, bodyStart, bodyEnd } = readFrame(message);
  const operation = operationOf(op);
  if ((flags & FLAG_ERROR) !== 0) {
    const error = decodeError(message, bodyStart, bodyEnd);
    return { name: operation?.name, requestId, error, body: undefined };
  }
  assert.ok(operation !== undefined, "an answer without error has a known operation");
  const body = operation.response.decode(message.slice(), bodyStart, bodyEnd);
  return { name: operation.name, requestId, error: undefined, body };
}

/** An RpcServer on virtual time with connections made by hand. */
export class RpcWorld {
  readonly scheduler = new SimScheduler();
  readonly clock = new SimClock(this.scheduler);
  readonly metrics = new GatewayMetrics();
  readonly refused: string[] = [];
  readonly server: RpcServer;
  /** What this SCM knows of the group. */
  redirect: Omit<Redirect, "term"> = {};
  #connectionCount = 0;
  #requestId = 0;

  constructor(limits: Partial<RpcLimits> = {}) {
    this.server = new RpcServer({
      transport: {} as Transport,
      clock: this.clock,
      scheduler: this.scheduler,
      facts: {
        clusterId: CLUSTER_ID,
        scmId: SCM_ID,
        heartbeatIntervalMs: 30_000,
        isLeader: () => true,
        redirect: () => ({ term: 7, ...this.redirect }),
      },
      limits: {
        connectionCountMax: 100,
        connectionsPerAddressMax: 100,
        sendBufferBytesMax: 1_000_000,
        idleTimeoutSeconds: 60,
        handshakeTimeoutMs: 10_000,
        requestsInFlightMax: 4,
        ...limits,
      },
      metrics: this.metrics,
      onRefused: (_, error) => this.refused.push(error.code),
    });
  }

  connect(path: string = DATANODE_PATH, address = "10.0.0.1"): FakeConnection {
    const connection = new FakeConnection(++this.#connectionCount, path, address, (closed, code) =>
      this.server.onClose(closed, code),
    );
    this.server.onOpen(connection);
    return connection;
  }

  /** A connection that has said hello. */
  greeted(path: string = DATANODE_PATH, address?: string): FakeConnection {
    const connection = this.connect(path, address);
    this.ask(connection, "hello", { protocolVersionMax: 1, clientName: "test" });
    assert.equal(connection.lastAnswer.error, undefined);
    return connection;
  }

  /** Hands a request to the server and returns its id. The codec checks `body`. */
  ask(connection: FakeConnection, name: OperationName, body: object, requestId = ++this.#requestId): number {
    const { op, request } = operationNamed(name);
    this.raw(connection, request.encode(op, 0, requestId, body));
    return requestId;
  }

  raw(connection: FakeConnection, message: Uint8Array): void {
    this.server.onMessage(connection, message);
  }

  /** Ends the turn: deferred answers leave. */
  turn(): void {
    this.scheduler.runSync(this.scheduler.nowMs + 1);
  }
}
