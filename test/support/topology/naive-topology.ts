import type { ChooseRequest } from "../../../engine/cluster/topology/choose-random.js";
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

  /** Spec 03 §12.5 by paths whose parts are compared; "error" for an argument error. */
  choosable(request: ChooseRequest): Set<NodeSlot> | "error" {
    const { scope = "", excludedScopes, excluded = [], affinity, generation = 0 } = request;
    const leafPath = (slot: NodeSlot): string[] | undefined => {
      const location = this.leaves.get(slot)?.location;
      return location === undefined ? undefined : [...location.split("/"), `#${slot}`];
    };
    const paths = [...this.leaves.keys()].map((slot) => leafPath(slot) as string[]);
    const isUnder = (path: readonly string[], part: readonly string[]): boolean =>
      part.every((name, i) => path[i] === name);
    const pathOf = (part: NodeSlot | string): string[] | undefined => {
      if (typeof part === "number") return leafPath(part);
      const path = part.replace(/\/$/, "").split("/");
      return part === "" || paths.some((leaf) => leaf.length > path.length && isUnder(leaf, path))
        ? path
        : undefined;
    };
    const inverted = typeof scope === "string" && scope.startsWith("~") && excludedScopes === undefined;
    let within = inverted ? [""] : pathOf(scope);
    const outside = (inverted ? [scope.slice(1)] : (excludedScopes ?? [])).map(pathOf);
    if (within === undefined || (inverted && outside[0] === undefined)) return "error";
    if (generation < 0 || generation > this.costs.length - 1) return "error";
    if (affinity !== undefined) {
      const path = leafPath(affinity);
      if (path === undefined) return "error";
      const ancestor = path.slice(0, path.length - generation);
      if (generation > 0 && isUnder(ancestor, within)) within = ancestor;
      else if (generation > 0 && !isUnder(within, ancestor)) return new Set();
    } else if (generation > 0) {
      for (const slot of excluded) outside.push(leafPath(slot)?.slice(0, -generation));
    }
    const chosen = new Set<NodeSlot>();
    for (const slot of this.leaves.keys()) {
      const path = leafPath(slot) as string[];
      if (!isUnder(path, within) || excluded.includes(slot) || slot === affinity) continue;
      if (outside.some((part) => part !== undefined && isUnder(path, part))) continue;
      chosen.add(slot);
    }
    return chosen;
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
