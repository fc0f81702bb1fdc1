import type { ClientPlace, DrawScope } from "../../../engine/cluster/topology/topology.js";
import type { NodeSlot } from "../../../engine/core/ids.js";

/** What spec 03 §12 says, on a plain list of leaves. Racks are known by their paths. */
export class NaiveTopology {
  readonly costs: readonly number[];
  readonly leaves = new Map<NodeSlot, { location: string; isEligible: boolean }>();

  /** @param costs by level, root first */
  constructor(costs: readonly number[]) {
    this.costs = costs;
  }

  racks(): string[] {
    return [...new Set([...this.leaves.values()].map(({ location }) => location))].sort();
  }

  onRack(location: string): NodeSlot[] {
    return [...this.leaves.keys()].filter((slot) => this.leaves.get(slot)?.location === location);
  }

  /** The leaves that a draw may give. */
  candidates(scope: DrawScope, rackPath: (rack: number) => string | undefined): Set<NodeSlot> {
    const remaining = new Set<NodeSlot>();
    for (const [slot, { location, isEligible }] of this.leaves) {
      if (!isEligible || scope.excluded.includes(slot)) continue;
      if (scope.rack >= 0 && rackPath(scope.rack) !== location) continue;
      if (scope.excludedRacks.some((rack) => rackPath(rack) === location)) continue;
      remaining.add(slot);
    }
    return remaining;
  }

  distance(a: NodeSlot, b: NodeSlot): number {
    const from = this.leaves.get(a)?.location;
    const to = this.leaves.get(b)?.location;
    if (from === undefined || to === undefined) return 2 ** 31 - 1;
    return a === b ? 0 : this.#climb(from.split("/"), to.split("/"));
  }

  distanceTo(client: ClientPlace, slot: NodeSlot, rackPath: (rack: number) => string | undefined): number {
    if ("leaf" in client) return this.distance(client.leaf, slot);
    const from = rackPath(client.rack);
    const to = this.leaves.get(slot)?.location;
    if (from === undefined || to === undefined) return 2 ** 31 - 1;
    return this.#climb(from.split("/"), to.split("/"));
  }

  /** Parents are climbed from both sides, the common ancestor included. */
  #climb(from: readonly string[], to: readonly string[]): number {
    let common = 0;
    while (common < from.length && from[common] === to[common]) common++;
    let cost = 0;
    for (let level = common - 1; level < from.length; level++) cost += 2 * (this.costs[level] ?? 0);
    return cost;
  }
}
