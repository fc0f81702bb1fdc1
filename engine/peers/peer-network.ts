import type { Member } from "../cluster/members/member.js";
import type { PeerAddress, Peers, PeersHandler } from "../consensus/peers.js";
import type { Clock } from "../core/clock.js";
import type { Network } from "../core/network.js";
import type { Random } from "../core/random.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Transport } from "../core/transport.js";
import type { Uuid } from "../core/uuid.js";
import type { Message } from "../raft/message.js";
import type { NodeId } from "../raft/types.js";
import type { Logger } from "../telemetry/logger.js";
import type { SnapshotLink, SnapshotLinkHandler } from "./snapshot-link.js";

/** Where a member listens. */
export interface PeerEndpoint {
  readonly host: string;
  readonly port: number;
}

export interface PeerNetworkParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly network: Network;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly clusterId: string;
  /** This SCM as others shall know it; asked at every hello. Node id and SCM id never change. */
  readonly own: () => Member;
  /** Whether such an SCM may speak here. One that does not know its group yet says yes to all. */
  readonly isMember: (nodeId: NodeId, scmId: Uuid) => boolean;
  /** What this SCM's own configuration says about `peer`; it goes before what `peer` says of itself, and that
   * before `setPeers`. */
  readonly addressOf: (peer: PeerAddress) => PeerEndpoint | undefined;
  /** A member has told who it is and where: at every connection, and whenever that changes. */
  readonly onMemberSeen: (member: Member) => void;
}

/** Links to the other members of the Raft group (raft.md §5–7). */
export class PeerNetwork implements Peers {
  /** Set by the host; what arrives before is dropped. */
  handler: PeersHandler | undefined;
  /** Set by the receiver of snapshots: a member has dialled to send one. Refused while it is not set. */
  onSnapshotLink: ((link: SnapshotLink) => SnapshotLinkHandler) | undefined;

  constructor(_parts: PeerNetworkParts) {}

  /** Opens the port for other members; returns the one that it got when `port` is 0. Throws LISTEN_FAILED. */
  async listen(_host: string, _port: number): Promise<number> {
    return 0;
  }

  setPeers(_peers: readonly PeerAddress[]): void {}

  send(_message: Message): void {}

  /** Sends at once what waits for the end of the turn. */
  flush(): void {}

  /** Tells the other members that `own` has changed. */
  announce(): void {}

  /** Dials a peer of `setPeers` for one snapshot, once: who wants to try again dials again. */
  dialSnapshot(_to: NodeId, _handler: SnapshotLinkHandler): void {}

  async close(): Promise<void> {}
}
