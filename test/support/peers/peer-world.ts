import type { Member } from "../../../engine/cluster/members/member.js";
import type { PeerAddress } from "../../../engine/consensus/peers.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import type { PeerLimits } from "../../../engine/peers/peer-limits.js";
import { type PeerEndpoint, PeerNetwork } from "../../../engine/peers/peer-network.js";
import type { Message } from "../../../engine/raft/message.js";
import { type NodeId, nodeId } from "../../../engine/raft/types.js";
import { silentLogger } from "../../../engine/telemetry/logger.js";
import type { SimConnection } from "../simulation/sim-connection.js";
import { SimProcess } from "../simulation/sim-process.js";
import { SimWorld } from "../simulation/sim-world.js";

export const CLUSTER = "CID-11111111-2222-4333-8444-555555555555";
export const RAFT_PORT = 9894;

export function scmIdOf(id: number): Uuid {
  return `00000000-0000-4000-8000-${String(id).padStart(12, "0")}` as Uuid;
}

export function hostOf(id: number): string {
  return `10.0.0.${id}`;
}

export function memberNumber(id: number, change: Partial<Member> = {}): Member {
  const ports = { raft: RAFT_PORT, strata: 0, http: 0, client: 0, datanode: 0, block: 0, security: 0 };
  return { nodeId: nodeId(id), scmId: scmIdOf(id), name: `scm${id}`, host: hostOf(id), ports, ...change };
}

export function addressNumber(id: number, change: Partial<PeerAddress> = {}): PeerAddress {
  const { name, host, scmId } = memberNumber(id);
  return { nodeId: nodeId(id), scmId, name, host, port: RAFT_PORT, ...change };
}

export interface PeerNodeOptions {
  readonly limits?: Partial<PeerLimits>;
  readonly clusterId?: string;
  readonly isMember?: (nodeId: NodeId, scmId: Uuid) => boolean;
  readonly addressOf?: (peer: PeerAddress) => PeerEndpoint | undefined;
  readonly own?: () => Member;
}

/** A member with nothing but its network, and what that told it. */
export class PeerNode {
  readonly id: number;
  readonly process: SimProcess;
  readonly peers: PeerNetwork;
  readonly received: Message[] = [];
  readonly unreachable: number[] = [];
  readonly gone: number[] = [];
  readonly seen: Member[] = [];

  constructor(world: SimWorld, id: number, options: PeerNodeOptions = {}) {
    this.id = id;
    this.process = new SimProcess(world.scheduler);
    const host = hostOf(id);
    this.peers = new PeerNetwork({
      clock: world.clock,
      scheduler: this.process,
      random: world.random.stream(`peers ${id}`),
      network: world.network.network(host, this.process),
      transport: world.network.transport(host, this.process),
      logger: silentLogger,
      clusterId: options.clusterId ?? CLUSTER,
      own: options.own ?? (() => memberNumber(id)),
      isMember: options.isMember ?? (() => true),
      addressOf: options.addressOf ?? (() => undefined),
      onMemberSeen: (member) => this.seen.push(member),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    this.peers.handler = {
      onMessage: (message) => this.received.push(message),
      onUnreachable: (peer) => this.unreachable.push(peer),
      onGone: (peer) => this.gone.push(peer),
    };
  }

  isReady(peer: number): boolean {
    return this.peers.status().some(({ nodeId: id, isReady }) => id === peer && isReady);
  }

  isHeard(peer: number): boolean {
    return this.peers.status().some(({ nodeId: id, isHeard }) => id === peer && isHeard);
  }
}

/** Members on a simulated network. */
export class PeerWorld extends SimWorld {
  readonly nodes = new Map<number, PeerNode>();

  /** A member that listens. */
  async start(id: number, options: PeerNodeOptions = {}): Promise<PeerNode> {
    const node = new PeerNode(this, id, options);
    this.nodes.set(id, node);
    await this.scheduler.settle(node.peers.listen("0.0.0.0", RAFT_PORT));
    return node;
  }

  /** Members that know each other, and reach each other. */
  async startGroup(ids: readonly number[], options: PeerNodeOptions = {}): Promise<PeerNode[]> {
    const nodes: PeerNode[] = [];
    for (const id of ids) nodes.push(await this.start(id, options));
    for (const { id, peers } of nodes) {
      peers.setPeers(ids.filter((other) => other !== id).map((other) => addressNumber(other)));
    }
    await this.until("all are connected", () =>
      nodes.every((node) => ids.every((other) => other === node.id || node.isReady(other))),
    );
    return nodes;
  }

  async startPair(limits: Partial<PeerLimits> = {}): Promise<[PeerNode, PeerNode]> {
    const [one, two] = await this.startGroup([1, 2], { limits });
    return [one as PeerNode, two as PeerNode];
  }

  /** The open connection by which one member sends to another. */
  connectionOf(from: number, to: number): SimConnection {
    const found = this.network.connections.find(({ clientHost, serverHost, isOpen }) => {
      return isOpen && clientHost === hostOf(from) && serverHost === hostOf(to);
    });
    if (found === undefined) throw new Error(`no connection from ${from} to ${to}`);
    return found;
  }

  until(what: string, condition: () => boolean, limitMs = 20_000): Promise<void> {
    return this.scheduler.runUntil(what, condition, limitMs);
  }

  pass(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + ms);
  }

  /** SIGKILL, or the whole machine. */
  kill(id: number, what: "process" | "machine" = "process"): void {
    this.nodes.get(id)?.process.kill();
    this.network.die(hostOf(id), what);
  }
}
