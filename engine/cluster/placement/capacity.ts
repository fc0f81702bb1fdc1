import type { NodeSlot } from "../../core/ids.js";
import { CAPACITY } from "../../core/placement-classes.js";
import { NONE } from "../topology/topology.js";
import { NO_RACKS } from "./choice.js";
import type { PolicyParts } from "./policy.js";
import { RandomPolicy } from "./random.js";
import { isFullerThan } from "./used-ratio.js";

/** Of two random candidates the one that is less full, so that nodes fill evenly (spec 03 §14). */
export class CapacityPolicy extends RandomPolicy {
  override readonly name = CAPACITY;

  // Private types of the base class are not visible here.
  constructor(parts: PolicyParts) {
    super(parts);
  }

  protected override pickOne(): NodeSlot | typeof NONE {
    const { choice, targets } = this.parts;
    const first = choice.draw(NONE, NO_RACKS);
    const second = choice.draw(NONE, NO_RACKS);
    if (first === NONE || second === NONE || first === second) return first;
    return isFullerThan(targets.usageOf(first), targets.usageOf(second)) ? second : first;
  }
}
