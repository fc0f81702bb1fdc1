import assert from "node:assert/strict";
import { test } from "node:test";
import type { Placement } from "../../../../../engine/cluster/placement/placement.js";
import { DEFAULT_SCHEMA } from "../../../../../engine/cluster/topology/schema.js";
import { Topology } from "../../../../../engine/cluster/topology/topology.js";
import { nodeSlot } from "../../../../../engine/core/ids.js";
import { uuidOf } from "../../../../support/cluster/builders.js";
import {
  DEAD_MS,
  NodeRig,
  nodeReport,
  PROCESS_MS,
  STALE_MS,
  volume,
} from "../../../../support/cluster/node-rig.js";
import { CONTAINER_BYTES, placementOf } from "../../../../support/placement/placement-rig.js";

const ROOMY = nodeReport(volume({ remaining: 10 * CONTAINER_BYTES }));
const FULL = nodeReport(volume({ remaining: CONTAINER_BYTES - 1 }));
const at = (networkLocation: string) => ({ peer: { ipAddress: "10.0.0.1", networkLocation } });

/** A node manager that tells placement of its nodes, as in an SCM. */
function world(): { rig: NodeRig; placement: Placement; tree: Topology } {
  const tree = new Topology(DEFAULT_SCHEMA, 100);
  const rig = new NodeRig({
    topology: tree,
    listener: {
      onEvent: () => undefined,
      onPurge: () => undefined,
      onNodeChanged: (node) => placement.nodeChanged(node),
    },
  });
  const placement = placementOf({ index: rig.manager.index, tree, slotCountMax: 100 });
  return { rig, placement, tree };
}

test("a datanode may be chosen as long as the node manager thinks well of it", () => {
  const { rig, tree } = world();
  const slot = rig.accept(1, { report: ROOMY, ...at("/rack1") });
  assert.equal(tree.isEligible(slot), true, "registered");
  rig.beat(1, { nodeReport: FULL });
  assert.equal(tree.isEligible(slot), false, "full");
  rig.beat(1, { nodeReport: ROOMY });
  assert.equal(tree.isEligible(slot), true, "emptied");
  rig.manager.applyIntent(uuidOf(1), { operationalState: "DECOMMISSIONING", expirySeconds: 0 });
  assert.equal(tree.isEligible(slot), false, "decommissioning");
  rig.manager.applyIntent(uuidOf(1), { operationalState: "IN_SERVICE", expirySeconds: 0 });
  assert.equal(tree.isEligible(slot), true, "recommissioned");
  rig.run(STALE_MS + 2 * PROCESS_MS);
  assert.equal(rig.health(1), "STALE");
  assert.equal(tree.isEligible(slot), false, "stale");
  rig.run(DEAD_MS);
  assert.equal(tree.rackOf(slot), -1, "dead");
  rig.run(PROCESS_MS, [1]);
  assert.equal(rig.health(1), "HEALTHY_READONLY");
  assert.equal(tree.isEligible(slot), false, "back, and not yet to be written to");
  rig.run(PROCESS_MS, [1]);
  assert.equal(tree.isEligible(slot), true, "healthy again");
});

test("a datanode that moves to another rack is chosen there", () => {
  const { rig, placement, tree } = world();
  const slot = rig.accept(1, { report: ROOMY, ...at("/rack1") });
  rig.accept(2, { report: ROOMY, ...at("/rack1") });
  rig.accept(1, { report: ROOMY, ...at("/rack10") });
  assert.equal(tree.locationOf(slot), "/rack10");
  const chosen = placement.ec.choose({ required: 2, metadataBytes: 0 });
  assert.equal(placement.ec.validate(chosen, 2).isSatisfied, true);
  assert.equal(placement.ec.validate(chosen, 2).rackCount, 2);
});

test("a replica on a datanode that is down for maintenance counts for its rack (spec 03 §16)", () => {
  const { rig, placement } = world();
  const nodes = [1, 2, 3].map((number) =>
    rig.accept(number, { report: ROOMY, ...at(number < 3 ? "/rack1" : "/rack2") }),
  );
  rig.accept(4, { report: ROOMY, ...at("/rack2") });
  const beating = [1, 2, 4];
  assert.equal(placement.containers.validate(nodes, 3).isSatisfied, true);
  rig.manager.applyIntent(uuidOf(3), { operationalState: "IN_MAINTENANCE", expirySeconds: 0 });
  rig.run(2 * DEAD_MS, beating);
  assert.equal(rig.health(3), "DEAD");
  assert.equal(placement.containers.validate(nodes, 3).isSatisfied, true);
  rig.manager.applyIntent(uuidOf(3), { operationalState: "DECOMMISSIONED", expirySeconds: 0 });
  assert.equal(placement.containers.validate(nodes, 3).isSatisfied, false);
  assert.equal(placement.containers.validate([...nodes, nodeSlot(99)], 3).isSatisfied, false);
});
