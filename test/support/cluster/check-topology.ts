import type { NodeManager } from "../../../engine/cluster/nodes/node-manager.js";
import { NONE } from "../../../engine/cluster/topology/topology.js";
import { assert } from "../../../engine/core/assert.js";

/** The tree holds every datanode that is not DEAD, where its record says, and no other; who may get
 * containers is healthy and in service (spec 03 §12.2, §13.4). */
export function checkTopology({ index, topology }: Pick<NodeManager, "index" | "topology">): void {
  let aliveCount = 0;
  const racks = new Set<string>();
  for (const { slot, uuid, health, operationalState, details } of index.all()) {
    const isAlive = health !== "DEAD";
    const location = topology.locationOf(slot);
    assert((location !== undefined) === isAlive, `${uuid} is ${health}, and in the tree at ${location}`);
    const isFit = health === "HEALTHY" && operationalState === "IN_SERVICE";
    assert(!topology.isEligible(slot) || isFit, `${uuid} may get containers: ${health}, ${operationalState}`);
    if (location === undefined) continue;
    assert(location === details.networkLocation, `${uuid} is at ${location}, not ${details.networkLocation}`);
    aliveCount++;
    racks.add(location);
  }
  assert(
    topology.leafCountTotal === aliveCount,
    `${topology.leafCountTotal} leaves of ${aliveCount} datanodes`,
  );
  assert(topology.rackCount === racks.size, `${topology.rackCount} racks, there are ${racks.size}`);
  let eligibleCount = 0;
  for (const rack of topology.racks()) {
    for (let place = 0; place < topology.leafCount(rack); place++) {
      const slot = topology.leafAt(rack, place);
      assert(topology.rackOf(slot) === rack, `slot ${slot} stands on two racks`);
      const isInFront = place < topology.eligibleCount(rack);
      assert(topology.isEligible(slot) === isInFront, `slot ${slot} stands at the wrong place`);
      if (isInFront) eligibleCount++;
    }
  }
  assert(topology.eligibleCountTotal === eligibleCount, "the sum of eligible leaves differs");
  assert(topology.rackAt("") === NONE, "the root is no rack");
}
