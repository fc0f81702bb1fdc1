import { RecordCodec } from "../../protocol/codec/codec.js";
import { readFrame } from "../../protocol/codec/frame.js";
import { SNAPSHOT_PART_BYTES_MAX } from "../../protocol/schema/peer-messages.js";
import {
  SNAPSHOT_MESSAGES,
  type SnapshotMessage,
  type SnapshotMessageName,
  type SnapshotMessageOf,
} from "../../protocol/schema/snapshot-messages.js";
import { StrataError } from "../core/errors.js";
import type { NodeId } from "../raft/types.js";
import type { SnapshotConnection, SnapshotConnectionHandler } from "./snapshot-link.js";

/** Messages have no answers by number, and the connection keeps their order. */
const REQUEST_ID = 1;

const NAMES = Object.keys(SNAPSHOT_MESSAGES) as SnapshotMessageName[];
const NAME_BY_OP = new Map<number, SnapshotMessageName>(
  NAMES.map((name) => [SNAPSHOT_MESSAGES[name].op, name]),
);
const CODECS = new Map<SnapshotMessageName, RecordCodec<unknown>>(
  NAMES.map((name) => [name, new RecordCodec(SNAPSHOT_MESSAGES[name].message, SNAPSHOT_PART_BYTES_MAX)]),
);

export interface MessageHandler {
  /** `bytes` fields are only valid during the call. A StrataError that it throws closes the link. */
  onMessage(message: SnapshotMessage): void;
  /** The link is closed, by the other side or by an error; not after `close`. At most once. */
  onClosed(): void;
}

/** The messages of one snapshot (protocol/schema/snapshot-messages.ts) over its connection. */
export class MessageLink {
  readonly #connection: () => SnapshotConnection;
  readonly #handler: MessageHandler;
  #isClosed = false;

  /** `connection` is asked for when it is used, since who dials gets it after having named the handler. */
  constructor(connection: () => SnapshotConnection, handler: MessageHandler) {
    this.#connection = connection;
    this.#handler = handler;
  }

  get peer(): NodeId {
    return this.#connection().peer;
  }

  /** For the connection. */
  readonly connectionHandler: SnapshotConnectionHandler = {
    onFrame: (frame) => {
      if (!this.#isClosed) this.#onFrame(frame);
    },
    onClose: () => this.#end(),
  };

  send<N extends SnapshotMessageName>(name: N, body: SnapshotMessageOf<N>): void {
    if (this.#isClosed) return;
    const codec = CODECS.get(name) as RecordCodec<unknown>;
    this.#connection().send(codec.encodeView(SNAPSHOT_MESSAGES[name].op, 0, REQUEST_ID, body));
  }

  /** Tells the other side why, if there is a reason. */
  close(reason: StrataError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection().close(reason?.code ?? "");
  }

  #onFrame(frame: Uint8Array): void {
    try {
      this.#handler.onMessage(decode(frame));
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      if (this.#isClosed) return;
      this.#connection().close(error.message);
      this.#end();
    }
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler.onClosed();
  }
}

/** Throws StrataError. */
function decode(bytes: Uint8Array): SnapshotMessage {
  const { op, bodyStart, bodyEnd } = readFrame(bytes, SNAPSHOT_PART_BYTES_MAX);
  const name = NAME_BY_OP.get(op);
  if (name === undefined) throw new StrataError("UNSUPPORTED_OPERATION", { op });
  const body = (CODECS.get(name) as RecordCodec<unknown>).decode(bytes, bodyStart, bodyEnd);
  return { name, body } as SnapshotMessage;
}
