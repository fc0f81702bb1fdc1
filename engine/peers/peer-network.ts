import { SNAPSHOT_PATH } from "../../protocol/schema/peer-messages.js";
import type { Member } from "../cluster/members/member.js";
import type { PeerAddress, Peers, PeersHandler } from "../consensus/peers.js";
import type { Clock } from "../core/clock.js";
import type { Network } from "../core/network.js";
import type { Random } from "../core/random.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Transport } from "../core/transport.js";
import type { Message } from "../raft/message.js";
import type { NodeId } from "../raft/types.js";
import type {
  SnapshotAcceptor,
  SnapshotConnection,
  SnapshotConnectionHandler,
  SnapshotDialer,
} from "../snapshot/snapshot-link.js";
import type { Logger } from "../telemetry/logger.js";
import type { DialParts } from "./peer-connection.js";
import { newPeerCounters, type PeerCounters } from "./peer-counters.js";
import type { PeerFacts } from "./peer-hello.js";
import { DEFAULT_PEER_LIMITS, type PeerLimits } from "./peer-limits.js";
import { type PeerEndpoint, PeerLink, type PeerLinkParts } from "./peer-link.js";
import { PeerServer } from "./peer-server.js";
import { DialledSnapshot } from "./snapshot-link.js";

export type { PeerEndpoint } from "./peer-link.js";

export interface PeerNetworkParts extends PeerFacts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly network: Network;
  readonly transport: Transport;
  readonly logger: Logger;
  /** What this SCM's own configuration says about `peer`; it goes before what `peer` says of itself, and that
   * before `setPeers`. */
  readonly addressOf: (peer: PeerAddress) => PeerEndpoint | undefined;
  /** A member has told who it is and where: at every connection, and whenever that changes. */
  readonly onMemberSeen: (member: Member) => void;
  /** Member `by` has refused this SCM, since it was removed from the group. */
  readonly onRemoved?: (by: NodeId) => void;
  readonly limits?: Partial<PeerLimits>;
}

/** How it stands with one member. */
export interface PeerStatus {
  readonly nodeId: NodeId;
  /** This SCM can send to it. */
  readonly isReady: boolean;
  /** It can send to this SCM. */
  readonly isHeard: boolean;
  /** Bytes that wait for it. */
  readonly waitingBytes: number;
}

/** The network between the members of the Raft group (raft.md §5–7): a connection in each direction for
 * messages, so that each side dials, and others for snapshots.
 *
 * Dials whom `setPeers` names, and whoever has said hello here and is a member: a new member knows nobody,
 * and learns from the leader that dialled it where the leader is. */
export class PeerNetwork implements Peers, SnapshotDialer {
  readonly counters: PeerCounters = newPeerCounters();
  /** Set by the host; what arrives before is dropped. */
  handler: PeersHandler | undefined;
  /** Set by the receiver of snapshots: a member has dialled to send one. Refused while it is not set. */
  snapshotAcceptor: SnapshotAcceptor | undefined;
  readonly #parts: PeerNetworkParts;
  readonly #dialParts: DialParts;
  readonly #linkParts: PeerLinkParts;
  readonly #server: PeerServer;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #snapshots = new Set<DialledSnapshot>();
  /** As `setPeers` named them. */
  #peers = new Map<NodeId, PeerAddress>();
  /** As they said of themselves. */
  readonly #seen = new Map<NodeId, Member>();
  /** Links with messages for the end of the turn. */
  readonly #toFlush = new Set<PeerLink>();
  readonly #unreachable = new Set<NodeId>();
  #isTurnPlanned = false;
  #isClosed = false;

  constructor(parts: PeerNetworkParts) {
    const { clock, scheduler, random, network, transport, logger } = parts;
    const limits = { ...DEFAULT_PEER_LIMITS, ...parts.limits };
    const { counters } = this;
    this.#parts = parts;
    this.#dialParts = {
      scheduler,
      network,
      facts: parts,
      limits,
      onBytesSent: (bytes) => {
        counters.bytesSent += bytes;
      },
    };
    this.#linkParts = {
      ...this.#dialParts,
      clock,
      random,
      logger,
      counters,
      endpointOf: (nodeId) => this.#endpointOf(nodeId),
      onMember: (member) => this.#saw(member),
      onDropped: (nodeId) => this.#dropped(nodeId),
      onGone: (nodeId) => this.handler?.onGone(nodeId),
      onRemoved: (by) => parts.onRemoved?.(by),
    };
    this.#server = new PeerServer({
      clock,
      scheduler,
      transport,
      logger,
      facts: parts,
      limits,
      counters,
      snapshotAcceptor: () => this.snapshotAcceptor,
      onMessage: (message) => this.handler?.onMessage(message),
      onMember: (member) => this.#saw(member),
      onOpened: ({ nodeId, scmId }) => {
        if (!this.#isClosed) this.#linkTo(nodeId, scmId).inboundOpened();
      },
      onClosedByPeer: (nodeId) => this.#links.get(nodeId)?.inboundClosed(),
    });
  }

  /** Opens the port for other members; returns the one that it got when `port` is 0. Throws LISTEN_FAILED. */
  listen(host: string, port: number): Promise<number> {
    return this.#server.listen(host, port);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (this.#isClosed) return;
    const { nodeId: ownId } = this.#parts.own();
    this.#peers = new Map(peers.filter(({ nodeId }) => nodeId !== ownId).map((peer) => [peer.nodeId, peer]));
    this.#server.checkMembers();
    const wanted = new Map(this.#server.members.map(({ nodeId, scmId }) => [nodeId, scmId]));
    for (const { nodeId, scmId } of this.#peers.values()) wanted.set(nodeId, scmId);
    for (const link of [...this.#links.values()]) {
      if (wanted.get(link.nodeId) === link.scmId) link.retry();
      else this.#unlink(link);
    }
    for (const [nodeId, scmId] of wanted) this.#linkTo(nodeId, scmId);
  }

  send(message: Message): void {
    const link = this.#links.get(message.to);
    if (link === undefined) {
      this.counters.messagesDropped++;
      this.#dropped(message.to);
    } else if (link.send(message)) {
      this.#toFlush.add(link);
      this.#planTurn();
    }
  }

  /** Sends at once what waits for the end of the turn. */
  flush(): void {
    for (const link of this.#toFlush) link.flush();
    this.#toFlush.clear();
  }

  /** Tells the other members that `own` has changed. */
  announce(): void {
    for (const link of this.#links.values()) link.announce(this.#parts.own());
  }

  dial(to: NodeId, handler: SnapshotConnectionHandler & { onOpen(): void }): SnapshotConnection {
    const endpoint = this.#endpointOf(to);
    const scmId = this.#links.get(to)?.scmId;
    if (this.#isClosed || endpoint === undefined || scmId === undefined) {
      this.#parts.scheduler.endOfTurn(() => handler.onClose("nobody knows its address"));
      return { peer: to, send: () => {}, close: () => {} };
    }
    const target = { nodeId: to, scmId, path: SNAPSHOT_PATH, ...endpoint };
    const snapshot: DialledSnapshot = new DialledSnapshot(this.#dialParts, target, handler, () => {
      this.#snapshots.delete(snapshot);
    });
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  /** Everyone who is dialled, ascending. */
  status(): readonly PeerStatus[] {
    const links = [...this.#links.values()].sort((a, b) => a.nodeId - b.nodeId);
    return links.map(({ nodeId, isReady, waitingBytes }) => {
      return { nodeId, isReady, isHeard: this.#server.isHeard(nodeId), waitingBytes };
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.handler = undefined;
    this.snapshotAcceptor = undefined;
    for (const link of this.#links.values()) link.close("the SCM is stopping");
    for (const snapshot of this.#snapshots) snapshot.close("the SCM is stopping");
    this.#links.clear();
    this.#snapshots.clear();
    await this.#server.close();
  }

  #linkTo(nodeId: NodeId, scmId: PeerLink["scmId"]): PeerLink {
    const present = this.#links.get(nodeId);
    if (present?.scmId === scmId) return present;
    if (present !== undefined) this.#unlink(present);
    const link = new PeerLink(this.#linkParts, nodeId, scmId);
    this.#links.set(nodeId, link);
    return link;
  }

  #unlink(link: PeerLink): void {
    this.#links.delete(link.nodeId);
    this.#toFlush.delete(link);
    link.close("it is no member any more");
  }

  #endpointOf(nodeId: NodeId): PeerEndpoint | undefined {
    const seen = this.#seen.get(nodeId);
    const told = seen === undefined ? undefined : addressOfMember(seen);
    const address = this.#peers.get(nodeId) ?? told;
    if (address === undefined) return undefined;
    const { host, port } = this.#parts.addressOf(address) ?? told ?? address;
    return port === 0 ? undefined : { host, port };
  }

  #saw(member: Member): void {
    if (this.#isClosed) return;
    this.#seen.set(member.nodeId, member);
    this.#parts.onMemberSeen(member);
  }

  #dropped(nodeId: NodeId): void {
    this.#unreachable.add(nodeId);
    this.#planTurn();
  }

  #planTurn(): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    this.#parts.scheduler.endOfTurn(() => {
      this.#isTurnPlanned = false;
      this.flush();
      const unreachable = [...this.#unreachable];
      this.#unreachable.clear();
      for (const nodeId of unreachable) this.handler?.onUnreachable(nodeId);
    });
  }
}

function addressOfMember({ nodeId, scmId, name, host, ports }: Member): PeerAddress {
  return { nodeId, scmId, name, host, port: ports.raft };
}
