import type { NodeSlot } from "../../core/ids.js";
import { PIPELINE } from "../../core/placement-classes.js";
import { NONE } from "../topology/topology.js";
import type { PlacementRequest } from "./placement-policy.js";
import { Policy, type PolicyParts } from "./policy.js";
import { TWO_RACKS } from "./rack-rules.js";
import { invalidCapacity } from "./refusals.js";

const MEMBERS = 3;

/** Members of a RATIS/THREE pipeline: the nodes with fewest pipelines, two on one rack and one on another
 * (spec 03 §15.5). Of nodes with equally many the reference takes the first of its list, here each is as
 * likely. */
export class PipelinePolicy extends Policy {
  readonly name = PIPELINE;
  // Candidates with room for another pipeline and how many pipelines they have, rack by rack; scratch of a
  // search. There may be as many as there are nodes, and all are looked at: so these are plain numbers.
  readonly #nodes: Int32Array;
  readonly #loads: Int32Array;
  readonly #least: Int32Array;
  #count = 0;
  #fewest = Number.POSITIVE_INFINITY;
  #leastCount = 0;
  /** By rack: its part of the candidates. */
  readonly #startOf: number[] = [];
  readonly #endOf: number[] = [];

  constructor(parts: PolicyParts) {
    super(parts, TWO_RACKS);
    this.#nodes = new Int32Array(parts.slotCountMax);
    this.#loads = new Int32Array(parts.slotCountMax);
    this.#least = new Int32Array(parts.slotCountMax);
  }

  protected override pick(request: PlacementRequest): string | undefined {
    const { required } = request;
    const { tree, choice } = this.parts;
    const hadRacks = this.#findCandidates(request.metadataBytes);
    if (this.#count < required) return `${this.#count} have room for another pipeline`;
    if (tree.rackCount > 1 && hadRacks && this.#areOnOneRack()) {
      return "there are several racks, and all nodes with room for another pipeline are on one of them";
    }
    if (tree.rackCount > 1) {
      const memberCount = required + choice.used.length;
      if (memberCount !== MEMBERS) throw invalidCapacity(memberCount);
      this.#takeOnRacks(required);
    }
    while (choice.chosen.length < required) {
      if (!this.#take(this.#anyLeft())) return "the others share pipelines with those that were chosen";
    }
    return undefined;
  }

  /** True when the nodes with space, excluded ones and all, are on several racks. */
  #findCandidates(metadataBytes: number): boolean {
    const { tree, targets, choice, load } = this.parts;
    let candidateCount = 0;
    let rackCount = 0;
    for (const rack of tree.racks()) {
      const count = tree.eligibleCount(rack);
      let hasSpace = false;
      this.#startOf[rack] = candidateCount;
      for (let place = 0; place < count; place++) {
        const node = tree.leafAt(rack, place);
        if (!targets.hasMetadataSpace(node, metadataBytes)) continue;
        hasSpace = true;
        const pipelineCount = load.countOf(node);
        if (choice.isBarred(node) || pipelineCount >= targets.pipelineLimit(node)) continue;
        this.#nodes[candidateCount] = node;
        this.#loads[candidateCount++] = pipelineCount;
      }
      this.#endOf[rack] = candidateCount;
      if (hasSpace) rackCount++;
    }
    this.#count = candidateCount;
    return rackCount > 1;
  }

  #areOnOneRack(): boolean {
    const rack = this.parts.tree.rackOf(this.#nodes[0] as NodeSlot);
    return this.#startOf[rack] === 0 && this.#endOf[rack] === this.#count;
  }

  /** Takes up to `required` nodes by the table of the specification: two racks, and two members on the
   * anchor's. What it finds no node for is left to chance. */
  #takeOnRacks(required: number): void {
    const { tree, choice, targets } = this.parts;
    const used = choice.used.map((node) => targets.rackOfHolder(node)).filter((rack) => rack !== NONE);
    let [anchor = NONE, next = NONE] = used;
    if (anchor === NONE) {
      const node = this.#leastLoaded();
      this.#take(node);
      anchor = tree.rackOf(node as NodeSlot);
    }
    if (next === NONE || next === anchor) {
      const node = choice.chosen.length < required ? this.#leastLoadedOff(anchor) : NONE;
      next = node === NONE ? NONE : tree.rackOf(node);
      this.#take(node);
    }
    while (next !== NONE && choice.chosen.length < required) {
      let node = this.#leastLoadedOn(anchor);
      if (node === NONE) node = this.#leastLoadedOn(next);
      if (!this.#take(node)) return;
    }
  }

  #take(node: NodeSlot | typeof NONE): boolean {
    if (node === NONE) return false;
    this.parts.choice.take(node);
    this.barPeers(node);
    return true;
  }

  /** Any of the candidates with fewest pipelines. */
  #leastLoaded(): NodeSlot | typeof NONE {
    this.#search(0, this.#count);
    return this.#anyFound();
  }

  #leastLoadedOn(rack: number): NodeSlot | typeof NONE {
    this.#search(this.#startOf[rack] as number, this.#endOf[rack] as number);
    return this.#anyFound();
  }

  #leastLoadedOff(rack: number): NodeSlot | typeof NONE {
    this.#search(0, this.#startOf[rack] as number);
    this.#search(this.#endOf[rack] as number, this.#count);
    return this.#anyFound();
  }

  /** Adds what is found in this part to what was found before. */
  #search(start: number, end: number): void {
    const { choice } = this.parts;
    for (let at = start; at < end; at++) {
      const load = this.#loads[at] as number;
      const node = this.#nodes[at] as NodeSlot;
      if (load > this.#fewest || choice.isBarred(node)) continue;
      if (load < this.#fewest) this.#leastCount = 0;
      this.#fewest = load;
      this.#least[this.#leastCount++] = node;
    }
  }

  #anyFound(): NodeSlot | typeof NONE {
    const node = this.#anyOf(this.#leastCount);
    this.#fewest = Number.POSITIVE_INFINITY;
    this.#leastCount = 0;
    return node;
  }

  #anyLeft(): NodeSlot | typeof NONE {
    const { choice } = this.parts;
    let leftCount = 0;
    for (let at = 0; at < this.#count; at++) {
      const node = this.#nodes[at] as NodeSlot;
      if (!choice.isBarred(node)) this.#least[leftCount++] = node;
    }
    return this.#anyOf(leftCount);
  }

  /** Of the first ones in the scratch list. */
  #anyOf(count: number): NodeSlot | typeof NONE {
    const { counters, random } = this.parts;
    counters.datanodeChooseAttemptCount++;
    return count === 0 ? NONE : (this.#least[random.below(count)] as NodeSlot);
  }
}
