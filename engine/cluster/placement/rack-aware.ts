import type { NodeSlot } from "../../core/ids.js";
import { RACK_AWARE } from "../../core/placement-classes.js";
import { NONE } from "../topology/topology.js";
import { NO_RACKS } from "./choice.js";
import type { PlacementRequest } from "./placement-policy.js";
import { Policy, type PolicyParts } from "./policy.js";
import { TWO_RACKS } from "./rack-rules.js";

const NONES: readonly NodeSlot[] = [];

/** Two replicas on one rack, the others elsewhere: a write crosses racks once, and no rack holds all (spec 03
 * §15.2). A rule that cannot be kept is given up, and the node counted as a fallback. */
export class RackAwarePolicy extends Policy {
  readonly name = RACK_AWARE;
  /** Of the replicas that were there and the first ones chosen: the rest goes elsewhere. */
  readonly #racks: number[] = [];
  #favoured: readonly NodeSlot[] = NONES;

  constructor(parts: PolicyParts) {
    super(parts, TWO_RACKS);
  }

  protected override pick({ favoured = NONES, required }: PlacementRequest): string | undefined {
    const { choice, targets } = this.parts;
    const racks = this.#racks;
    this.#favoured = favoured;
    racks.length = 0;
    for (const node of choice.used) {
      const rack = targets.rackOfHolder(node);
      if (rack >= 0) racks.push(rack);
    }
    if (racks.length === 0) racks.push(this.#takeOff(NO_RACKS));
    // The last node is the one that makes a second rack.
    const leftCount = required - choice.chosen.length;
    const wantsPair = racks.length === 1 ? leftCount > 1 : leftCount > 0 && !hasDouble(racks);
    if (wantsPair) this.#takeBesideOne();
    while (choice.chosen.length < required) this.#takeOff(racks);
    return undefined;
  }

  /** A second one on one of the racks; when there is no room, it is one of the rest. */
  #takeBesideOne(): void {
    const { choice, counters } = this.parts;
    for (const rack of this.#racks) {
      if (choice.countOn(rack) === 0) continue;
      const node = this.#favouredNode((other) => other === rack) ?? choice.draw(rack, NO_RACKS);
      choice.take(node as NodeSlot);
      return;
    }
    counters.datanodeChooseFallbackCount++;
    this.#racks.push(this.#takeOff(this.#racks));
  }

  /** One on another rack than these; anywhere when there is none. Its rack. */
  #takeOff(racks: readonly number[]): number {
    const { choice, counters, tree } = this.parts;
    let node = this.#favouredNode((rack) => !racks.includes(rack)) ?? choice.draw(NONE, racks);
    if (node === NONE) {
      counters.datanodeChooseFallbackCount++;
      node = choice.draw(NONE, NO_RACKS);
    }
    choice.take(node as NodeSlot);
    return tree.rackOf(node as NodeSlot);
  }

  /** The first favoured one that may still be taken and is on a rack that fits. */
  #favouredNode(fits: (rack: number) => boolean): NodeSlot | undefined {
    if (this.#favoured.length === 0) return undefined;
    const { choice, tree } = this.parts;
    return this.#favoured.find((node) => choice.isCandidate(node) && fits(tree.rackOf(node)));
  }
}

function hasDouble(racks: readonly number[]): boolean {
  return racks.some((rack, at) => racks.indexOf(rack) < at);
}
