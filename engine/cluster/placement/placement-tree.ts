import type { NodeSlot } from "../../core/ids.js";

/** What placement reads of the topology. A rack is a number; a node outside of the tree has rack −1. */
export interface PlacementTree {
  readonly rackCount: number;
  /** Numbers of the racks that exist, in a stable order. */
  racks(): readonly number[];
  rackOf(node: NodeSlot): number;
  /** −1 = there is no such rack. */
  rackAt(location: string): number;
}
