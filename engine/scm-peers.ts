import type { ClusterState } from "./cluster/cluster-state.js";
import type { Member, MemberPorts } from "./cluster/members/member.js";
import { isSameMember, type MemberRow } from "./cluster/members/member-table.js";
import type { PeerAddress } from "./consensus/peers.js";
import type { Environment } from "./core/environment.js";
import type { Uuid } from "./core/uuid.js";
import { type PeerEndpoint, PeerNetwork } from "./peers/peer-network.js";
import type { NodeId } from "./raft/types.js";
import type { Recovered } from "./storage/recovered.js";
import type { Logger } from "./telemetry/logger.js";

export interface ScmPeersParts {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly identity: Recovered["identity"];
  readonly cluster: ClusterState;
  /** This SCM as it is found by others; its Raft port is filled in here. */
  readonly own: Omit<Member, "nodeId" | "scmId">;
  /** Where this SCM's own configuration says that a member of this name is. */
  readonly addressOf: (name: string) => PeerEndpoint | undefined;
  /** This SCM is in the group no more, as `by` says, who belongs to it. */
  readonly onRemoved: (by: NodeId) => void;
  /** A member has said where it is. */
  readonly onMemberSeen: (member: Member) => void;
}

/** The other members of the group: who they are stands in the replicated address book, and the network
 * follows it. */
export class ScmPeers {
  readonly network: PeerNetwork;
  readonly #parts: ScmPeersParts;
  #own: Member;
  #isUpdateScheduled = false;

  constructor(parts: ScmPeersParts) {
    this.#parts = parts;
    const { environment, identity, logger } = parts;
    this.#own = { ...parts.own, nodeId: identity.nodeId, scmId: identity.scmId };
    this.network = new PeerNetwork({
      ...environment,
      logger,
      clusterId: identity.clusterId,
      own: () => this.#own,
      isMember: (id, scmId) => this.#isMember(id, scmId),
      wasMember: (id, scmId) => isTombstone(parts.cluster.members.get(id), scmId),
      onRemoved: parts.onRemoved,
      addressOf: ({ name }) => (name === "" ? undefined : parts.addressOf(name)),
      onMemberSeen: parts.onMemberSeen,
    });
    parts.cluster.members.onChanged = () => this.#updateLater();
  }

  /** This SCM's entry of the address book, as it should be. */
  get own(): Member {
    return this.#own;
  }

  /** Opens the port for the others. Throws LISTEN_FAILED. */
  async listen(host: string, port: number): Promise<void> {
    const raft = await this.network.listen(host, port);
    this.#own = { ...this.#own, ports: { ...this.#own.ports, raft } };
    this.#update();
  }

  /** The ports for datanodes and administrators, once they are known. */
  setPorts(known: Partial<MemberPorts>): void {
    const own = { ...this.#own, ports: { ...this.#own.ports, ...known } };
    if (isSameMember(own, this.#own)) return;
    this.#own = own;
    this.network.announce();
  }

  #isMember(id: NodeId, scmId: Uuid): boolean {
    const { members } = this.#parts.cluster;
    const row = members.get(id);
    if (row !== undefined) return row.scmId === scmId && !row.isRemoved;
    // It has not told its addresses yet, or this SCM does not know its group yet.
    return members.withScmId(scmId) === undefined;
  }

  #updateLater(): void {
    if (this.#isUpdateScheduled) return;
    this.#isUpdateScheduled = true;
    this.#parts.environment.scheduler.endOfTurn(() => {
      this.#isUpdateScheduled = false;
      this.#update();
    });
  }

  #update(): void {
    // Its own removal is no reason to end: as long as no member says so, they may not know that it is
    // committed, and of two voters the other one needs this one's vote to find out.
    const { cluster, identity } = this.#parts;
    const others = cluster.members.list().filter((member) => member.nodeId !== identity.nodeId);
    this.network.setPeers(others.map(addressOf));
  }
}

function isTombstone(row: MemberRow | undefined, scmId: Uuid): boolean {
  return row?.scmId === scmId && row.isRemoved;
}

function addressOf({ nodeId, scmId, name, host, ports }: Member): PeerAddress {
  return { nodeId, scmId, name, host, port: ports.raft };
}
