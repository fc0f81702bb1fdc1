import type { Redirect } from "../../protocol/codec/errors.js";
import {
  FRAME_BYTES_MAX,
  PROTOCOL_VERSION,
  type RequestOf,
  type ResponseOf,
} from "../../protocol/schema/messages.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { RpcSession } from "./rpc-session.js";

/** Who this SCM is, for the answer to hello. */
export interface ServerFacts {
  readonly clusterId: string;
  readonly scmId: Uuid;
  /** How often datanodes are told to send heartbeats. */
  readonly heartbeatIntervalMs: number;
  /** This SCM leads and serves. */
  isLeader(): boolean;
  /** Who leads, and the address book. */
  redirect(): Redirect;
}

/** Takes the first message of a connection. Returns the refusal of a client that looks for another cluster.
 * @throws StrataError HELLO_REPEATED, FIELD_INVALID */
export function acceptHello(
  session: RpcSession,
  request: RequestOf<"hello">,
  facts: ServerFacts,
  requestsInFlightMax: number,
): ResponseOf<"hello"> | StrataError {
  if (session.protocolVersion !== 0) throw new StrataError("HELLO_REPEATED");
  if (request.protocolVersionMax < 1) {
    const reason = "must be at least 1";
    throw new StrataError("FIELD_INVALID", { message: "HelloRequest", field: "protocolVersionMax", reason });
  }
  const given = request.clusterId;
  if (given !== undefined && given !== facts.clusterId) {
    return new StrataError("CLUSTER_ID_MISMATCH", { given, expected: facts.clusterId });
  }
  session.protocolVersion = Math.min(request.protocolVersionMax, PROTOCOL_VERSION);
  session.clientName = request.clientName;
  return {
    protocolVersion: session.protocolVersion,
    clusterId: facts.clusterId,
    scmId: facts.scmId,
    ...facts.redirect(),
    isLeader: facts.isLeader(),
    frameBytesMax: FRAME_BYTES_MAX,
    requestsInFlightMax,
    heartbeatIntervalMs: facts.heartbeatIntervalMs,
  };
}

/** Connections that have not said hello, oldest first, with one timer for all of them. */
export class HelloDeadlines {
  readonly #limitMs: number;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #waiting = new Set<RpcSession>();
  #timer: Timer | undefined;

  constructor(limitMs: number, clock: Clock, scheduler: Scheduler) {
    this.#limitMs = limitMs;
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  /** Sessions must be added in the order of their `openedAtMs`. */
  add(session: RpcSession): void {
    this.#waiting.add(session);
    if (this.#timer === undefined) this.#arm(this.#limitMs);
  }

  /** It said hello, or closed. */
  delete(session: RpcSession): void {
    this.#waiting.delete(session);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting.clear();
  }

  #arm(delayMs: number): void {
    this.#timer = this.#scheduler.after(delayMs, this.#expire);
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const session of this.#waiting) {
      const remainingMs = session.openedAtMs + this.#limitMs - nowMs;
      if (remainingMs > 0) {
        this.#arm(remainingMs);
        return;
      }
      this.#waiting.delete(session);
      session.close(new StrataError("HANDSHAKE_TIMEOUT", { limitMs: this.#limitMs }));
    }
  };
}
