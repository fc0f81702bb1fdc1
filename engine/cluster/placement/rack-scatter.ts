import type { NodeSlot } from "../../core/ids.js";
import { RACK_SCATTER } from "../../core/placement-classes.js";
import type { Random } from "../../core/random.js";
import { NO_RACKS } from "./choice.js";
import type { PlacementRequest } from "./placement-policy.js";
import { Policy, type PolicyParts } from "./policy.js";
import { ALL_RACKS } from "./rack-rules.js";
import { usedRatio } from "./used-ratio.js";

const NONES: readonly NodeSlot[] = [];

/** As many racks as there are, evenly (spec 03 §15.4). A rack that has neither a replica nor a candidate does
 * not count, for whatever reason it has none: the reference leaves it out only when all its nodes are
 * excluded, draws from it nevertheless, and fails when its nodes are full or away. */
export class RackScatterPolicy extends Policy {
  readonly name = RACK_SCATTER;
  /** The less full of two nodes is taken. */
  readonly #isCapacityAware: boolean;
  /** By rack: replicas that it has; 1 when it has an excluded node; pass in which a node was taken. */
  readonly #count: number[] = [];
  readonly #hasExcluded: number[] = [];
  readonly #takenIn: number[] = [];
  #pass = 0;
  // Racks without replicas, those without excluded nodes first; racks with replicas. Their counts are apart,
  // since an array whose length is set back gives its memory away.
  readonly #fresh: number[] = [];
  #freshCount = 0;
  readonly #held: number[] = [];
  #heldCount = 0;
  readonly #favoured: NodeSlot[] = [];
  readonly #holders: NodeSlot[] = [];

  constructor(parts: PolicyParts, isCapacityAware: boolean) {
    super(parts, ALL_RACKS);
    this.#isCapacityAware = isCapacityAware;
  }

  protected override pick({ excluded, favoured, required }: PlacementRequest): string | undefined {
    const { choice, tree } = this.parts;
    const replicaCount = choice.used.length + required;
    const unusableCount = this.#orderRacks(excluded ?? NONES);
    this.#orderFavoured(favoured ?? NONES);
    const rackCount = Math.min(tree.rackCount - unusableCount, replicaCount);
    const cap = Math.ceil(replicaCount / rackCount);
    this.#takePass(1, Math.min(required, Math.max(0, rackCount - this.#heldCount)));
    while (choice.chosen.length < required) {
      const before = choice.chosen.length;
      this.#takePass(cap, required - before);
      if (choice.chosen.length === before) return `no rack may have more than ${cap} of ${replicaCount}`;
    }
    return this.#isWorse(replicaCount) ? "the replicas would be spread worse than they are" : undefined;
  }

  /** Takes up to `countMax` nodes, one on a rack, where racks have fewer than `limit`: favoured ones first,
   * then racks without replicas. */
  #takePass(limit: number, countMax: number): void {
    const { choice, tree } = this.parts;
    const countEnd = choice.chosen.length + countMax;
    this.#pass++;
    for (const node of this.#favoured) {
      if (choice.chosen.length === countEnd) return;
      if (choice.isCandidate(node) && this.#fits(tree.rackOf(node), limit)) this.#take(node);
    }
    this.#takeOn(this.#fresh, this.#freshCount, 1, countEnd);
    this.#takeOn(this.#fresh, this.#freshCount, limit, countEnd);
    this.#takeOn(this.#held, this.#heldCount, limit, countEnd);
  }

  #takeOn(racks: readonly number[], rackCount: number, limit: number, countEnd: number): void {
    const { choice } = this.parts;
    for (let i = 0; i < rackCount && choice.chosen.length < countEnd; i++) {
      const rack = racks[i] as number;
      if (this.#fits(rack, limit)) this.#take(this.#drawOn(rack));
    }
  }

  #fits(rack: number, limit: number): boolean {
    const isFull = (this.#count[rack] as number) >= limit || this.#takenIn[rack] === this.#pass;
    return !isFull && this.parts.choice.countOn(rack) > 0;
  }

  #take(node: NodeSlot): void {
    const { choice, tree } = this.parts;
    const rack = tree.rackOf(node);
    this.#count[rack] = (this.#count[rack] as number) + 1;
    this.#takenIn[rack] = this.#pass;
    choice.take(node);
  }

  /** A candidate on a rack that has some. */
  #drawOn(rack: number): NodeSlot {
    const { choice, targets } = this.parts;
    const first = choice.draw(rack, NO_RACKS) as NodeSlot;
    if (!this.#isCapacityAware || choice.countOn(rack) === 1) return first;
    const second = choice.drawOther(rack, first) as NodeSlot;
    return usedRatio(targets.usageOf(second)) < usedRatio(targets.usageOf(first)) ? second : first;
  }

  /** Whether the choice leaves more replicas in the wrong place than without it. */
  #isWorse(replicaCount: number): boolean {
    const { choice } = this.parts;
    const status = this.validate(this.#with(choice.used, choice.chosen), replicaCount);
    if (status.isSatisfied) return false;
    return status.misReplicationCount > this.validate(choice.used, replicaCount).misReplicationCount;
  }

  #with(used: readonly NodeSlot[], chosen: readonly NodeSlot[]): readonly NodeSlot[] {
    const holders = this.#holders;
    holders.length = 0;
    for (const node of used) holders.push(node);
    for (const node of chosen) holders.push(node);
    return holders;
  }

  /** Fills the lists of racks, in random order; the number of racks that are of no use. */
  #orderRacks(excluded: readonly NodeSlot[]): number {
    const { choice, targets, tree, random } = this.parts;
    const racks = tree.racks();
    const fresh = this.#fresh;
    const held = this.#held;
    for (const rack of racks) this.#count[rack] = this.#hasExcluded[rack] = this.#takenIn[rack] = 0;
    this.#pass = 0;
    for (const node of choice.used) this.#countHolder(targets.rackOfHolder(node));
    for (const node of excluded) {
      const rack = tree.rackOf(node);
      if (rack >= 0) this.#hasExcluded[rack] = 1;
    }
    this.#freshCount = this.#heldCount = 0;
    for (const rack of racks) {
      if (this.#count[rack] !== 0) held[this.#heldCount++] = rack;
      else if (choice.countOn(rack) > 0) fresh[this.#freshCount++] = rack;
    }
    shuffle(held, this.#heldCount, random);
    shuffle(fresh, this.#freshCount, random);
    moveToEnd(fresh, this.#freshCount, this.#hasExcluded);
    return racks.length - this.#freshCount - this.#heldCount;
  }

  /** Replicas on a node that left the tree count for no rack. */
  #countHolder(rack: number): void {
    if (rack >= 0) this.#count[rack] = (this.#count[rack] as number) + 1;
  }

  #orderFavoured(favoured: readonly NodeSlot[]): void {
    const { choice, random } = this.parts;
    this.#favoured.length = 0;
    for (const node of favoured) if (choice.isCandidate(node)) this.#favoured.push(node);
    shuffle(this.#favoured, this.#favoured.length, random);
  }
}

function shuffle(items: number[], count: number, random: Random): void {
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = items[i] as number;
    items[i] = items[j] as number;
    items[j] = kept;
  }
}

/** Moves the marked racks behind the others; both keep their random order. */
function moveToEnd(racks: number[], count: number, isMarked: readonly number[]): void {
  let end = count;
  for (let i = 0; i < end; ) {
    const rack = racks[i] as number;
    if (isMarked[rack] === 0) i++;
    else {
      racks[i] = racks[--end] as number;
      racks[end] = rack;
    }
  }
}
