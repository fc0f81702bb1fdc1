import { closeCodeOf, closeReasonOf } from "../../protocol/codec/errors.js";
import type { StrataError } from "../core/errors.js";
import type { ServerConnection } from "../core/transport.js";
import type { DeferredAnswer } from "./answer.js";

/** Told of each connection that we close for a reason. */
export type OnRefused = (session: RpcSession, error: StrataError) => void;

/** One connection and what hello said about it. */
export class RpcSession {
  readonly connection: ServerConnection;
  readonly openedAtMs: number;
  /** 0 until hello was answered. */
  protocolVersion = 0;
  clientName = "";
  lastRequestId = 0;
  /** Requests whose answer was deferred and has not left. */
  inFlightCount = 0;
  /** Deferred answers that are complete and leave at the end of the turn. */
  readonly completed: DeferredAnswer[] = [];
  /** For the owner of the connection's path. */
  owner: unknown = undefined;
  readonly #onRefused: OnRefused;

  constructor(connection: ServerConnection, openedAtMs: number, onRefused: OnRefused) {
    this.connection = connection;
    this.openedAtMs = openedAtMs;
    this.#onRefused = onRefused;
  }

  /** It is the front's: see ServerConnection. */
  get isInternal(): boolean {
    return this.connection.isInternal === true;
  }

  /** Closes the connection with the error's code; nothing happens when it is closed already. */
  close(error: StrataError): void {
    if (!this.connection.isOpen) return;
    this.#onRefused(this, error);
    this.connection.close(closeCodeOf(error.code), closeReasonOf(error));
  }
}
