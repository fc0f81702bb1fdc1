import type { NodeId } from "../raft/types.js";

/** A connection on which one snapshot travels from one member to another: its own, so that heartbeats never
 * queue behind it. Frames are opaque to it, arrive in order, each as a whole. */
export interface SnapshotConnection {
  /** The member at the other end, as the connection's opening has established. */
  readonly peer: NodeId;
  /** `frame` is only valid during the call: what is kept is a copy. Nothing happens on a closed
   * connection. */
  send(frame: Uint8Array): void;
  /** Closes; `onClose` is not called then. */
  close(reason: string): void;
}

export interface SnapshotConnectionHandler {
  /** `frame` is only valid during the call. */
  onFrame(frame: Uint8Array): void;
  /** The other end closed, or the connection was lost, or never opened. At most once. */
  onClose(reason: string): void;
}

/** The sending member opens the connection. */
export interface SnapshotDialer {
  /** Calls back later: `onOpen` once, or `onClose`. */
  dial(to: NodeId, handler: SnapshotConnectionHandler & { onOpen(): void }): SnapshotConnection;
}

/** A member opened a connection to send a snapshot. */
export type SnapshotAcceptor = (connection: SnapshotConnection) => SnapshotConnectionHandler;
