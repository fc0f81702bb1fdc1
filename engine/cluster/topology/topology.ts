import { assert } from "../../core/assert.js";
import type { NodeSlot } from "../../core/ids.js";
import type { Random } from "../../core/random.js";
import { CountTree } from "./count-tree.js";
import { type InnerNode, InnerNodes, NONE } from "./inner-nodes.js";
import { namesOf } from "./location.js";
import { locationProblem, type TopologySchema } from "./schema.js";

export { NONE } from "./inner-nodes.js";

/** Distance to what is not in the tree (spec 03 §12.3). */
export const DISTANCE_MAX = 2 ** 31 - 1;

/** Where a leaf is drawn from. Lists may repeat themselves and name what is not in the tree. */
export interface DrawScope {
  /** NONE = any. */
  readonly rack: number;
  readonly excludedRacks: readonly number[];
  readonly excluded: readonly NodeSlot[];
}

/** Where a client is: at a datanode, or on a rack. */
export type ClientPlace = { readonly leaf: NodeSlot } | { readonly rack: number };

/** The tree of racks and datanodes (spec 03 §12). A datanode is *eligible* when new containers may be placed
 * on it; whoever knows that says so. In the list of a rack the eligible ones stand in front, and a draw
 * moves those that it leaves out behind the others: so what remains is a range, and nothing is filtered or
 * tried twice (spec 03 §20.8). */
export class Topology {
  readonly schema: TopologySchema;
  readonly #inner: InnerNodes;
  /** Slots by rack: eligible ones first. */
  readonly #leaves: NodeSlot[][] = [];
  /** Eligible leaves by rack; fewer while a draw leaves some out. */
  readonly #eligible = new CountTree();
  /** Eligible leaves by rack that the draw under way leaves out. */
  readonly #leftOut: number[] = [];
  /** By slot: number of its rack, and its place in the rack's list. */
  readonly #rackOf: Int32Array;
  readonly #placeOf: Int32Array;
  /** By level of the common ancestor: what it costs to climb there from two leaves. */
  readonly #distances: readonly number[];
  /** All distances there are, ascending. */
  readonly #distanceSteps: readonly number[];
  #leafCount = 0;

  constructor(schema: TopologySchema, slotCountMax: number) {
    assert(schema.levels.length >= 3, "a topology has a root, racks and leaves");
    this.schema = schema;
    this.#inner = new InnerNodes(schema);
    this.#rackOf = new Int32Array(slotCountMax).fill(NONE);
    this.#placeOf = new Int32Array(slotCountMax);
    const distances = new Array<number>(schema.levels.length + 1).fill(0);
    for (let level = schema.levels.length - 1; level >= 1; level--) {
      distances[level] = (distances[level + 1] ?? 0) + 2 * (schema.levels[level - 1]?.cost ?? 0);
    }
    this.#distances = distances;
    this.#distanceSteps = [...new Set([...distances.slice(1), DISTANCE_MAX])].sort((a, b) => a - b);
  }

  get root(): InnerNode {
    return this.#inner.root;
  }

  get rackCount(): number {
    return this.#inner.racks.length;
  }

  get leafCountTotal(): number {
    return this.#leafCount;
  }

  get eligibleCountTotal(): number {
    return this.#eligible.total;
  }

  /** Numbers of the racks that there are, ascending; a live list. The number of a rack that is gone is used
   * again. */
  racks(): readonly number[] {
    return this.#inner.racks;
  }

  /** NONE when the datanode is not in the tree. */
  rackOf(slot: NodeSlot): number {
    return this.#rackOf[slot] ?? NONE;
  }

  /** The rack at a location, NONE when there is no such rack. */
  rackAt(location: string): number {
    const names = namesOf(location);
    return typeof names === "string" ? NONE : (this.#inner.find(names)?.rack ?? NONE);
  }

  /** Undefined when the datanode is not in the tree. */
  locationOf(slot: NodeSlot): string | undefined {
    return this.#inner.rack(this.rackOf(slot))?.path;
  }

  leafCount(rack: number): number {
    return this.#leaves[rack]?.length ?? 0;
  }

  eligibleCount(rack: number): number {
    return this.#eligible.countOf(rack);
  }

  /** Any leaf of a rack, 0 ≤ place < leafCount; those below eligibleCount are eligible. Each draw may change
   * the order within the two parts. */
  leafAt(rack: number, place: number): NodeSlot {
    const slot = this.#leaves[rack]?.[place];
    assert(slot !== undefined, "no such leaf");
    return slot;
  }

  /** 0 ≤ place < eligibleCount; see `leafAt`. */
  eligibleAt(rack: number, place: number): NodeSlot {
    assert(place < this.eligibleCount(rack), "no such eligible leaf");
    return this.leafAt(rack, place);
  }

  isEligible(slot: NodeSlot): boolean {
    const rack = this.rackOf(slot);
    return rack !== NONE && (this.#placeOf[slot] as number) < this.eligibleCount(rack);
  }

  /** Without effect on what is not in the tree. */
  setEligible(slot: NodeSlot, isEligible: boolean): void {
    const rack = this.rackOf(slot);
    if (rack === NONE || isEligible === this.isEligible(slot)) return;
    const count = this.eligibleCount(rack);
    this.#swap(rack, this.#placeOf[slot] as number, isEligible ? count : count - 1);
    this.#eligible.add(rack, isEligible ? 1 : -1);
  }

  /** Why no datanode can be there; undefined when one can. */
  problemOf(location: string): string | undefined {
    return locationProblem(this.schema, location);
  }

  /** Puts a datanode there, or moves it; it keeps its eligibility, a new one is not eligible. The problem
   * when that is no place for one. */
  place(slot: NodeSlot, location: string): string | undefined {
    const problem = this.problemOf(location);
    if (problem !== undefined) return problem;
    const names = namesOf(location) as readonly string[];
    const from = this.rackOf(slot);
    if (from !== NONE && this.#inner.find(names)?.rack === from) return undefined;
    const isEligible = this.isEligible(slot);
    this.remove(slot);
    const rack = this.#inner.addLeaf(names);
    this.#leaves[rack] ??= [];
    const leaves = this.#leaves[rack];
    this.#rackOf[slot] = rack;
    this.#placeOf[slot] = leaves.length;
    leaves.push(slot);
    this.#leafCount++;
    this.setEligible(slot, isEligible);
    return undefined;
  }

  /** Without effect on what is not in the tree. */
  remove(slot: NodeSlot): void {
    const rack = this.rackOf(slot);
    if (rack === NONE) return;
    this.setEligible(slot, false);
    const leaves = this.#leaves[rack] as NodeSlot[];
    this.#swap(rack, this.#placeOf[slot] as number, leaves.length - 1);
    leaves.pop();
    this.#rackOf[slot] = NONE;
    this.#leafCount--;
    this.#inner.removeLeaf(rack);
  }

  /** Any of the eligible leaves of the scope, each as likely as the others; NONE when none remains. Allocates
   * nothing. O(exclusions × log racks). */
  draw(scope: DrawScope, random: Random): NodeSlot | typeof NONE {
    return scope.rack === NONE ? this.#drawAnywhere(scope, random) : this.#drawOnRack(scope, random);
  }

  /** Cost of the way between two leaves (spec 03 §12.3). */
  distance(a: NodeSlot, b: NodeSlot): number {
    if (this.rackOf(a) === NONE || this.rackOf(b) === NONE) return DISTANCE_MAX;
    return a === b ? 0 : this.#distanceOfRacks(this.rackOf(a), this.rackOf(b));
  }

  /** Sorts in place: nearest to the client first, equally near ones in random order (spec 03 §12.4); without
   * a client all in random order. Allocates nothing. */
  sort(slots: NodeSlot[], client: ClientPlace | undefined, random: Random): void {
    for (let i = slots.length - 1; i > 0; i--) exchange(slots, i, random.below(i + 1));
    if (client === undefined) return;
    let sorted = 0;
    // Moving the nearest of what is left to the front disturbs only the order of the rest, which is random.
    for (const distance of this.#distanceSteps) {
      for (let i = sorted; i < slots.length; i++) {
        if (this.#distanceTo(client, slots[i] as NodeSlot) === distance) exchange(slots, i, sorted++);
      }
    }
  }

  #drawOnRack({ rack, excludedRacks, excluded }: DrawScope, random: Random): NodeSlot | typeof NONE {
    let end = excludedRacks.includes(rack) ? 0 : this.eligibleCount(rack);
    for (let i = 0; i < excluded.length && end > 0; i++) {
      const slot = excluded[i] as NodeSlot;
      if (this.rackOf(slot) !== rack) continue;
      const place = this.#placeOf[slot] as number;
      if (place < end) this.#swap(rack, place, --end);
    }
    return end === 0 ? NONE : this.leafAt(rack, random.below(end));
  }

  #drawAnywhere(scope: DrawScope, random: Random): NodeSlot | typeof NONE {
    const { excludedRacks, excluded } = scope;
    const eligible = this.#eligible;
    for (let i = 0; i < excludedRacks.length; i++) {
      const rack = excludedRacks[i] as number;
      if (rack >= 0) this.#leaveOut(rack, eligible.countOf(rack));
    }
    for (let i = 0; i < excluded.length; i++) {
      const slot = excluded[i] as NodeSlot;
      const rack = this.rackOf(slot);
      if (rack === NONE) continue;
      const place = this.#placeOf[slot] as number;
      const end = eligible.countOf(rack);
      if (place >= end) continue;
      this.#swap(rack, place, end - 1);
      this.#leaveOut(rack, 1);
    }
    let drawn: NodeSlot | typeof NONE = NONE;
    if (eligible.total > 0) {
      const rack = eligible.find(random.below(eligible.total));
      drawn = this.leafAt(rack, random.below(eligible.countOf(rack)));
    }
    this.#takeBack(scope);
    return drawn;
  }

  #leaveOut(rack: number, count: number): void {
    if (count === 0) return;
    this.#leftOut[rack] = (this.#leftOut[rack] ?? 0) + count;
    this.#eligible.add(rack, -count);
  }

  #takeBack({ excludedRacks, excluded }: DrawScope): void {
    for (let i = 0; i < excludedRacks.length; i++) this.#takeBackRack(excludedRacks[i] as number);
    for (let i = 0; i < excluded.length; i++) this.#takeBackRack(this.rackOf(excluded[i] as NodeSlot));
  }

  #takeBackRack(rack: number): void {
    if (rack < 0) return;
    const count = this.#leftOut[rack] ?? 0;
    if (count === 0) return;
    this.#leftOut[rack] = 0;
    this.#eligible.add(rack, count);
  }

  #distanceTo(client: ClientPlace, slot: NodeSlot): number {
    if ("leaf" in client) return this.distance(client.leaf, slot);
    const rack = this.rackOf(slot);
    if (rack === NONE || this.#inner.rack(client.rack) === undefined) return DISTANCE_MAX;
    return this.#distanceOfRacks(client.rack, rack);
  }

  #distanceOfRacks(rackA: number, rackB: number): number {
    let a = this.#inner.rack(rackA) as InnerNode;
    let b = this.#inner.rack(rackB) as InnerNode;
    while (a !== b) {
      a = a.parent as InnerNode;
      b = b.parent as InnerNode;
    }
    return this.#distances[a.level] as number;
  }

  #swap(rack: number, placeA: number, placeB: number): void {
    if (placeA === placeB) return;
    const leaves = this.#leaves[rack] as NodeSlot[];
    exchange(leaves, placeA, placeB);
    this.#placeOf[leaves[placeA] as NodeSlot] = placeA;
    this.#placeOf[leaves[placeB] as NodeSlot] = placeB;
  }
}

function exchange(slots: NodeSlot[], a: number, b: number): void {
  const slot = slots[a] as NodeSlot;
  slots[a] = slots[b] as NodeSlot;
  slots[b] = slot;
}
