import type { NodeSlot } from "../../core/ids.js";
import { NONE, type Topology } from "../topology/topology.js";
import type { PlacementStatus } from "./placement-policy.js";
import type { RackRules } from "./rack-rules.js";

export interface RackSpreadOptions {
  readonly tree: Pick<Topology, "rackCount" | "rackOf" | "rackAt">;
  readonly rules: RackRules;
  /** Where a node that left the tree still counts; undefined = nowhere. */
  readonly keptLocationOf: (node: NodeSlot) => string | undefined;
}

/** How replicas lie on racks, and which ones to move: the part of a policy that chooses no nodes (spec 03
 * §16, §17). */
export class RackSpread {
  readonly #options: RackSpreadOptions;
  /** Scratch: racks of the holders that are looked at, and how many each has. */
  readonly #racks: number[] = [];
  readonly #counts: number[] = [];
  /** Scratch: locations that have no rack any more; the n-th counts as rack −2 − n. */
  readonly #lostLocations: string[] = [];

  constructor(options: RackSpreadOptions) {
    this.#options = options;
  }

  validate(holders: readonly NodeSlot[], replicaCount: number): PlacementStatus {
    const { tree, rules } = this.#options;
    const rackCount = tree.rackCount;
    const required = Math.min(rules.requiredRacks(replicaCount, rackCount), replicaCount);
    if (required <= 1 || rackCount === 0) return holders.length > 0 ? ONE_OF_ONE : NONE_OF_ONE;
    this.#group(holders);
    const expectedRackCount = Math.min(required, rackCount);
    const extraCount = Math.max(0, holders.length - replicaCount);
    const cap = rules.maxPerRack(replicaCount, expectedRackCount) + extraCount;
    let surplus = 0;
    for (const count of this.#counts) surplus += Math.max(0, count - cap);
    const misReplicationCount = Math.max(expectedRackCount - this.#racks.length, surplus, 0);
    return {
      isSatisfied: misReplicationCount === 0,
      rackCount: this.#racks.length,
      expectedRackCount,
      misReplicationCount,
    };
  }

  /** The reference takes the cap of a rack from what is left for the next ones, also where the rack has
   * fewer; then the next one may be told to give away what is in its right place. */
  copySet(holders: readonly NodeSlot[], isCopyable: (index: number) => boolean): readonly number[] {
    const { tree, rules } = this.#options;
    this.#group(holders);
    const groups = this.#racks.map((rack, at) => ({ rack, count: this.#counts[at] as number }));
    groups.sort((a, b) => b.count - a.count);
    let left = holders.length;
    let rackCount = rules.requiredRacks(left, tree.rackCount);
    const copied: number[] = [];
    for (const { rack, count } of groups.slice(0, rackCount)) {
      const cap = rules.maxPerRack(left, rackCount);
      let moving = Math.max(0, count - cap);
      left -= Math.min(count, cap);
      rackCount--;
      for (let index = 0; index < holders.length && moving > 0; index++) {
        if (this.#rackOf(holders[index] as NodeSlot) !== rack || !isCopyable(index)) continue;
        copied.push(index);
        moving--;
      }
    }
    return copied;
  }

  removalSet(
    holders: readonly NodeSlot[],
    replicaIndexes: readonly number[],
    copyCount: number,
  ): readonly number[] {
    this.#group(holders);
    const copies = new Map<number, number[]>();
    for (const [at, index] of replicaIndexes.entries()) {
      const places = copies.get(index);
      if (places === undefined) copies.set(index, [at]);
      else places.push(at);
    }
    const removed: number[] = [];
    const surplus = [...copies.values()].filter(({ length }) => length > copyCount);
    surplus.sort((a, b) => b.length - a.length);
    for (const places of surplus) {
      while (places.length > copyCount) {
        const fullest = this.#fullest(holders, places);
        removed.push(...places.splice(fullest, 1));
      }
    }
    return removed;
  }

  /** Which of `places` is on the rack with most replicas; that one is counted off. */
  #fullest(holders: readonly NodeSlot[], places: readonly number[]): number {
    let best = 0;
    let bestGroup = -1;
    let most = -1;
    for (const [at, place] of places.entries()) {
      const group = this.#racks.indexOf(this.#rackOf(holders[place] as NodeSlot));
      const count = this.#counts[group] ?? 0;
      if (count <= most) continue;
      [best, bestGroup, most] = [at, group, count];
    }
    if (bestGroup >= 0) this.#counts[bestGroup] = most - 1;
    return best;
  }

  /** Counts holders by rack; those that count for none are left out. */
  #group(holders: readonly NodeSlot[]): void {
    const racks = this.#racks;
    const counts = this.#counts;
    racks.length = 0;
    counts.length = 0;
    this.#lostLocations.length = 0;
    for (const node of holders) {
      const rack = this.#rackOf(node);
      if (rack === NONE) continue;
      const at = racks.indexOf(rack);
      if (at >= 0) counts[at] = (counts[at] as number) + 1;
      else {
        racks.push(rack);
        counts.push(1);
      }
    }
  }

  /** A node that left the tree counts for the rack that it had, or for one of its own when that is gone as
   * well. */
  #rackOf(node: NodeSlot): number {
    const { tree, keptLocationOf } = this.#options;
    const rack = tree.rackOf(node);
    if (rack !== NONE) return rack;
    const location = keptLocationOf(node);
    if (location === undefined) return NONE;
    const kept = tree.rackAt(location);
    if (kept !== NONE) return kept;
    const lost = this.#lostLocations;
    if (!lost.includes(location)) lost.push(location);
    return NONE - 1 - lost.indexOf(location);
  }
}

const ONE_OF_ONE: PlacementStatus = {
  isSatisfied: true,
  rackCount: 1,
  expectedRackCount: 1,
  misReplicationCount: 0,
};
const NONE_OF_ONE: PlacementStatus = {
  isSatisfied: false,
  rackCount: 0,
  expectedRackCount: 1,
  misReplicationCount: 1,
};
