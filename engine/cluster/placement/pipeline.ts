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
  /** Candidates with room for another pipeline, and how many pipelines they have. */
  readonly #nodes: NodeSlot[] = [];
  readonly #loads: number[] = [];
  /** Scratch: the least loaded ones of a search. */
  readonly #least: NodeSlot[] = [];

  constructor(parts: PolicyParts) {
    super(parts, TWO_RACKS);
  }

  protected override pick(request: PlacementRequest): string | undefined {
    const { required } = request;
    const { tree, choice } = this.parts;
    const hadRacks = this.#findCandidates(request.metadataBytes);
    if (this.#nodes.length < required) return `${this.#nodes.length} have room for another pipeline`;
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
    this.#nodes.length = this.#loads.length = 0;
    let rackCount = 0;
    for (const rack of tree.racks()) {
      const count = tree.eligibleCount(rack);
      let hasSpace = false;
      for (let place = 0; place < count; place++) {
        const node = tree.eligibleAt(rack, place);
        if (!targets.hasMetadataSpace(node, metadataBytes)) continue;
        hasSpace = true;
        const pipelineCount = load.countOf(node);
        if (!choice.isCandidate(node) || pipelineCount >= targets.pipelineLimit(node)) continue;
        this.#nodes.push(node);
        this.#loads.push(pipelineCount);
      }
      if (hasSpace) rackCount++;
    }
    return rackCount > 1;
  }

  #areOnOneRack(): boolean {
    const { tree } = this.parts;
    const first = tree.rackOf(this.#nodes[0] as NodeSlot);
    return this.#nodes.every((node) => tree.rackOf(node) === first);
  }

  /** Takes up to `required` nodes by the table of the specification: two racks, and two members on the
   * anchor's. What it finds no node for is left to chance. */
  #takeOnRacks(required: number): void {
    const { tree, choice, targets } = this.parts;
    const used = choice.used.map((node) => targets.rackOfHolder(node)).filter((rack) => rack !== NONE);
    let [anchor = NONE, next = NONE] = used;
    if (anchor === NONE) {
      const node = this.#leastLoaded(() => true);
      this.#take(node);
      anchor = tree.rackOf(node as NodeSlot);
    }
    if (next === NONE || next === anchor) {
      const node = choice.chosen.length < required ? this.#leastLoaded((rack) => rack !== anchor) : NONE;
      next = node === NONE ? NONE : tree.rackOf(node);
      this.#take(node);
    }
    while (next !== NONE && choice.chosen.length < required) {
      let node = this.#leastLoaded((rack) => rack === anchor);
      if (node === NONE) node = this.#leastLoaded((rack) => rack === next);
      if (!this.#take(node)) return;
    }
  }

  #take(node: NodeSlot | typeof NONE): boolean {
    if (node === NONE) return false;
    this.parts.choice.take(node);
    this.barPeers(node);
    return true;
  }

  /** Any of the candidates with fewest pipelines on racks that fit. */
  #leastLoaded(fits: (rack: number) => boolean): NodeSlot | typeof NONE {
    const { choice, tree } = this.parts;
    let fewest = Number.POSITIVE_INFINITY;
    this.#least.length = 0;
    for (let at = 0; at < this.#nodes.length; at++) {
      const node = this.#nodes[at] as NodeSlot;
      const load = this.#loads[at] as number;
      if (load > fewest || !choice.isCandidate(node) || !fits(tree.rackOf(node))) continue;
      if (load < fewest) this.#least.length = 0;
      fewest = load;
      this.#least.push(node);
    }
    return this.#anyOf(this.#least);
  }

  #anyLeft(): NodeSlot | typeof NONE {
    return this.#anyOf(this.#nodes.filter((node) => this.parts.choice.isCandidate(node)));
  }

  #anyOf(nodes: readonly NodeSlot[]): NodeSlot | typeof NONE {
    const { counters, random } = this.parts;
    counters.datanodeChooseAttemptCount++;
    return nodes.length === 0 ? NONE : (nodes[random.below(nodes.length)] as NodeSlot);
  }
}
