import { StrataError } from "../../engine/core/errors.js";
import type { Timer } from "../../engine/core/scheduler.js";
import type { RpcError } from "../../protocol/client/completion.js";
import type { OperationName, RequestOf, ResponseOf } from "../../protocol/schema/messages.js";
import { ADMIN_PATH, HELLO_REQUEST } from "../../protocol/schema/messages.js";
import type { FrontContext } from "./front-context.js";
import type { MainConnection } from "./main-connection.js";

/** Callers that have something under way at a time: a cluster has a handful. More are told to come back. */
const CONNECTION_COUNT_MAX = 256;
const IDLE_MS = 60_000;
/** As of `clientName`, which audit lines show as the user. */
const USER_LENGTH_MAX = HELLO_REQUEST.fields.clientName.type.lengthMax;

export interface Caller {
  readonly user: string;
  readonly realUser: string | undefined;
  readonly remoteAddress: string;
}

/** Main as one caller of the block or location protocol has it. */
export class CallerConnection {
  readonly #connection: MainConnection;
  lastUsedMs = 0;
  openCount = 0;

  constructor(connection: MainConnection) {
    this.#connection = connection;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /** Asks main; `done` gets the answer or the error, once, never before this returns. */
  request<N extends OperationName>(
    name: N,
    request: RequestOf<N>,
    done: (answer: ResponseOf<N> | RpcError) => void,
  ): void {
    this.openCount++;
    this.#connection.request(name, request, (answer) => {
      this.openCount--;
      done(answer);
    });
  }

  /** The same with a request that is encoded already and the encoded answer, which is valid during the call.
   */
  requestEncoded(name: OperationName, body: Uint8Array, done: (body: Uint8Array | RpcError) => void): void {
    this.openCount++;
    this.#connection.requestEncoded(name, body, (answer) => {
      this.openCount--;
      done(answer);
    });
  }

  /** As a promise, for what is asked seldom.
   * @throws RpcError what main or the way to it answered; FIELD_INVALID when the request cannot be one */
  ask<N extends OperationName>(name: N, request: RequestOf<N>): Promise<ResponseOf<N>> {
    return new Promise((resolve, reject) => {
      this.request(name, request, (answer) => {
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      });
    });
  }

  /** The same with what `read` makes of the encoded answer in the call. */
  askRaw<N extends OperationName, T>(
    name: N,
    request: RequestOf<N>,
    read: (body: Uint8Array) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.openCount++;
      this.#connection.requestRaw(name, request, (body) => {
        this.openCount--;
        if (body instanceof Error) {
          reject(body);
          return;
        }
        try {
          resolve(read(body));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  close(): void {
    this.#connection.close(new StrataError("CONNECTION_LOST", { reason: "the caller has gone" }));
  }
}

/** One connection to main for each caller, so that its audit and its topology see who asks. Those that rest
 * are closed. */
export class MainConnections {
  readonly #context: FrontContext;
  readonly #byUser = new Map<string, Map<string, CallerConnection>>();
  #count = 0;
  #sweep: Timer | undefined;

  constructor(context: FrontContext) {
    this.#context = context;
  }

  get count(): number {
    return this.#count;
  }

  of({ user: effectiveUser, realUser, remoteAddress }: Caller): CallerConnection {
    const user = realUser === undefined ? effectiveUser : `${effectiveUser} via ${realUser}`;
    const known = this.#byUser.get(user)?.get(remoteAddress);
    const connection = known?.isOpen === true ? known : this.#open(user, remoteAddress);
    connection.lastUsedMs = this.#context.clock.monotonicMs();
    return connection;
  }

  stop(): void {
    this.#sweep?.cancel();
    for (const connections of this.#byUser.values()) for (const each of connections.values()) each.close();
    this.#byUser.clear();
    this.#count = 0;
  }

  #open(user: string, remoteAddress: string): CallerConnection {
    if (this.#count >= CONNECTION_COUNT_MAX) this.#closeIdle(0);
    if (this.#count >= CONNECTION_COUNT_MAX)
      throw new StrataError("OVERLOADED", { reason: "too many callers" });
    const connection = new CallerConnection(
      this.#context.main.connect(ADMIN_PATH, remoteAddress, user.slice(0, USER_LENGTH_MAX), () => {
        this.#forget(user, remoteAddress, connection);
      }),
    );
    let connections = this.#byUser.get(user);
    if (connections === undefined) {
      connections = new Map();
      this.#byUser.set(user, connections);
    }
    if (!connections.has(remoteAddress)) this.#count++;
    connections.set(remoteAddress, connection);
    this.#sweep ??= this.#context.scheduler.every(IDLE_MS / 2, () => this.#closeIdle(IDLE_MS));
    return connection;
  }

  #forget(user: string, remoteAddress: string, connection: CallerConnection): void {
    const connections = this.#byUser.get(user);
    if (connections?.get(remoteAddress) !== connection) return;
    connections.delete(remoteAddress);
    this.#count--;
    if (connections.size === 0) this.#byUser.delete(user);
  }

  #closeIdle(idleMs: number): void {
    const before = this.#context.clock.monotonicMs() - idleMs;
    for (const connections of [...this.#byUser.values()]) {
      for (const connection of [...connections.values()]) {
        if (connection.openCount === 0 && connection.lastUsedMs <= before) connection.close();
      }
    }
  }
}
