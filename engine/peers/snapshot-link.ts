import type { Frame } from "../../protocol/codec/frame.js";
import { SNAPSHOT_PART_OP } from "../../protocol/schema/peer-messages.js";
import { StrataError } from "../core/errors.js";
import type { ServerConnection } from "../core/transport.js";
import type { NodeId } from "../raft/types.js";
import type {
  SnapshotAcceptor,
  SnapshotConnection,
  SnapshotConnectionHandler,
} from "../snapshot/snapshot-link.js";
import { type DialParts, PeerConnection, type PeerTarget } from "./peer-connection.js";
import { checkNumber, snapshotPart } from "./peer-frames.js";

const CLOSE_NORMAL = 1000;
/** What a close frame holds. */
const REASON_LENGTH_MAX = 100;

type DialHandler = SnapshotConnectionHandler & { onOpen(): void };

/** A connection for a snapshot that this SCM dialled. */
export class DialledSnapshot implements SnapshotConnection {
  readonly peer: NodeId;
  readonly #connection: PeerConnection;
  readonly #onEnded: () => void;
  #receivedNumber = 0;

  /** `onEnded` is called however it ends, perhaps more than once. */
  constructor(parts: DialParts, target: PeerTarget, handler: DialHandler, onEnded: () => void) {
    this.peer = target.nodeId;
    this.#onEnded = onEnded;
    this.#connection = new PeerConnection(parts, target, {
      onReady: () => handler.onOpen(),
      onFrame: (frame, bytes) => {
        checkPart(frame, this.#receivedNumber);
        this.#receivedNumber++;
        handler.onFrame(bytes.subarray(frame.bodyStart, frame.bodyEnd));
      },
      onEnded: ({ reason }) => {
        onEnded();
        handler.onClose(reason);
      },
    });
  }

  send(frame: Uint8Array): void {
    if (!this.#connection.isReady) return;
    this.#connection.sendFrame(snapshotPart(frame, this.#connection.nextNumber));
  }

  close(reason: string): void {
    this.#connection.close(shortened(reason));
    this.#onEnded();
  }
}

/** A connection for a snapshot that another member dialled. */
export class AcceptedSnapshot implements SnapshotConnection {
  readonly peer: NodeId;
  readonly #connection: ServerConnection;
  readonly #handler: SnapshotConnectionHandler;
  readonly #onClosing: () => void;
  #sentNumber = 0;
  #isClosed = false;

  constructor(connection: ServerConnection, peer: NodeId, acceptor: SnapshotAcceptor, onClosing: () => void) {
    this.#connection = connection;
    this.peer = peer;
    this.#onClosing = onClosing;
    this.#handler = acceptor(this);
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#connection.send(snapshotPart(frame, ++this.#sentNumber));
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClosing();
    this.#connection.close(CLOSE_NORMAL, shortened(reason));
  }

  received(frame: Uint8Array): void {
    if (!this.#isClosed) this.#handler.onFrame(frame);
  }

  /** The connection has ended. */
  closed(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler.onClose(reason);
  }
}

function checkPart({ op, requestId }: Frame, lastNumber: number): void {
  if (op !== SNAPSHOT_PART_OP) throw new StrataError("UNSUPPORTED_OPERATION", { op });
  checkNumber(requestId, lastNumber);
}

function shortened(reason: string): string {
  // Not what would be longer as UTF-8 than as text.
  return reason.replace(/[^\x20-\x7e]/g, "?").slice(0, REASON_LENGTH_MAX);
}
