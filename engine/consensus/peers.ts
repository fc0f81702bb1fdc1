import type { Uuid } from "../core/uuid.js";
import type { Message } from "../raft/message.js";
import type { NodeId } from "../raft/types.js";

/** Where another member of the group is found. */
export interface PeerAddress {
  readonly nodeId: NodeId;
  readonly scmId: Uuid;
  /** Its name in `ozone.scm.nodes.<service>`, by which this SCM's own configuration may know a nearer
   * address; empty without a service. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Carries Raft messages to the other members and back. */
export interface Peers {
  /** Everyone to talk to, this SCM left out. Called at start and whenever membership or addresses change;
   * connections to those who are not in it any more are closed. */
  setPeers(peers: readonly PeerAddress[]): void;
  /** Hands a message over. It leaves at the end of the turn, those to one member in one go and in order. It
   * is dropped, and `onUnreachable` is called later, when there is no connection or too much waits for that
   * member; Raft repeats what matters. */
  send(message: Message): void;
  /** Sends at once what waits for the end of the turn. */
  flush(): void;
  /** Ends all connections; the handler is not called any more. */
  close(): Promise<void>;
}

/** What the host is told. Never called within a call of `Peers`. */
export interface PeersHandler {
  /** `message.from` is the member at the other end, except that PROP and READ_INDEX keep the name of who
   * asked first. In order for each sender. Entry payloads are copies that may be kept. */
  onMessage(message: Message): void;
  /** Messages to `peer` were dropped. */
  onUnreachable(peer: NodeId): void;
  /** The process of `peer` seems to have ended: a connection was closed by the other side, and dialling it
   * again at once was refused. A hint, not proof (raft.md §7, rule H5). */
  onGone(peer: NodeId): void;
}
