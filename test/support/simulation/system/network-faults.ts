import type { SeededRandom } from "../../../../engine/core/random.js";
import { cutLinks, PARTITION_KINDS } from "../../core-simulation/partitions.js";
import type { SimConnection } from "../sim-connection.js";
import type { SimNetwork } from "../sim-network.js";
import { pick } from "./options.js";
import type { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

/** Longest fault that an election timeout of 1 s makes something of. */
const PARTITION_MS_MAX = 8_000;
const FLAP_MS_MAX = 700;
const FLAP_COUNT = 8;
const SLOW_MS_MAX = 800;
const CLOG_MS_MAX = 2_500;

export interface NetworkFaultParts {
  readonly network: SimNetwork;
  readonly group: SimGroup;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  /** Hosts of those who are no SCM. */
  readonly clientHosts: () => readonly string[];
  /** Undoes something after a while, or when everything heals. */
  readonly undoAfter: (delayMs: number, undo: () => void) => void;
  /** There are to be faults now. */
  readonly isOn: () => boolean;
}

/** What happens between hosts. */
export class NetworkFaults {
  readonly #parts: NetworkFaultParts;

  constructor(parts: NetworkFaultParts) {
    this.#parts = parts;
  }

  /** Cuts links between SCMs, in one of the shapes that groups have trouble with. */
  partition(): void {
    const { random, trace } = this.#parts;
    const kind = pick(random, PARTITION_KINDS);
    trace.line("fault", `partition: ${kind}`);
    if (random.below(4) === 0) this.#flap(kind, FLAP_COUNT);
    else this.#parts.undoAfter(100 + random.fraction() * PARTITION_MS_MAX, this.#cut(kind));
  }

  /** Datanodes and administrators do not reach the SCM, or do not hear it; its peers do. */
  cutFromClients(scm: SimScm): void {
    const { network, random, trace, clientHosts } = this.#parts;
    const direction = pick(random, ["to", "from", "both"] as const);
    trace.line("fault", `${scm.name} is cut off from clients: ${direction}`);
    const undo = clientHosts().flatMap((host) => [
      ...(direction === "from" ? [] : [network.cut(host, scm.host)]),
      ...(direction === "to" ? [] : [network.cut(scm.host, host)]),
    ]);
    this.#parts.undoAfter(100 + random.fraction() * PARTITION_MS_MAX, () => {
      for (const mend of undo) mend();
    });
  }

  /** One link is slow, or takes nothing for a while. */
  hurtLink(): void {
    const { network, random, trace, group } = this.#parts;
    const [from, to] = [pick(random, group.present), pick(random, group.present)];
    if (from === to) return;
    const isSlow = random.below(2) === 0;
    const delayMs = random.fraction() * SLOW_MS_MAX;
    const what = isSlow ? `is slow by ${Math.round(delayMs)} ms` : "is clogged";
    trace.line("fault", `link ${from.name} to ${to.name} ${what}`);
    const mend = isSlow ? network.slow(from.host, to.host, delayMs) : network.cut(from.host, to.host);
    this.#parts.undoAfter(random.fraction() * (isSlow ? PARTITION_MS_MAX : CLOG_MS_MAX), mend);
  }

  /** A connection between two SCMs is gone. */
  resetPeer(): void {
    const { network, random, trace, group } = this.#parts;
    const hosts = new Set(group.present.map(({ host }) => host));
    const isPeer = ({ clientHost, serverHost }: SimConnection): boolean =>
      hosts.has(clientHost) && hosts.has(serverHost);
    const connections = network.connections.filter(isPeer);
    if (connections.length === 0) return;
    const connection = pick(random, connections);
    trace.line("fault", `connection of ${connection.clientHost} to ${connection.serverHost}: reset`);
    connection.reset();
  }

  /** Comes and goes. */
  #flap(kind: (typeof PARTITION_KINDS)[number], count: number): void {
    if (count === 0 || !this.#parts.isOn()) return;
    const { random } = this.#parts;
    const mend = this.#cut(kind);
    this.#parts.undoAfter(random.fraction() * FLAP_MS_MAX, () => {
      mend();
      this.#parts.undoAfter(random.fraction() * FLAP_MS_MAX, () => this.#flap(kind, count - 1));
    });
  }

  #cut(kind: (typeof PARTITION_KINDS)[number]): () => void {
    const { network, random, group } = this.#parts;
    const { present } = group;
    const undo: (() => void)[] = [];
    const hosts = new Map(present.map(({ number, host }) => [number, host]));
    const cut = (from: number, to: number): void => {
      undo.push(network.cut(hosts.get(from) as string, hosts.get(to) as string));
    };
    cutLinks({ cut }, kind, [...hosts.keys()], random);
    return () => {
      for (const mend of undo) mend();
    };
  }
}
