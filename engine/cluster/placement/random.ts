import type { NodeSlot } from "../../core/ids.js";
import { RANDOM } from "../../core/placement-classes.js";
import { NONE } from "../topology/topology.js";
import { NO_RACKS } from "./choice.js";
import type { PlacementRequest } from "./placement-policy.js";
import { Policy, type PolicyParts } from "./policy.js";
import { ANY_RACK } from "./rack-rules.js";

/** Any candidates, each as likely as the others; racks do not matter (spec 03 §14). */
export class RandomPolicy extends Policy {
  readonly name: string = RANDOM;

  constructor(parts: PolicyParts) {
    super(parts, ANY_RACK);
  }

  protected override pick({ required }: PlacementRequest): string | undefined {
    const { choice } = this.parts;
    // Who has no choice takes all there are, peers or not.
    const isChoice = choice.count > required;
    while (choice.chosen.length < required) {
      const node = this.pickOne();
      if (node === NONE) return "the others share pipelines with those that were chosen";
      choice.take(node);
      if (isChoice) this.barPeers(node);
    }
    return undefined;
  }

  protected pickOne(): NodeSlot | typeof NONE {
    return this.parts.choice.draw(NONE, NO_RACKS);
  }
}
