import assert from "node:assert/strict";
import { test } from "node:test";
import { NODEGROUP_SCHEMA } from "../../../../../engine/cluster/topology/schema.js";
import { Topology } from "../../../../../engine/cluster/topology/topology.js";
import { uuidOf } from "../../../../support/cluster/builders.js";
import {
  DEAD_MS,
  NodeRig,
  nodeReport,
  PROCESS_MS,
  STALE_MS,
  volume,
} from "../../../../support/cluster/node-rig.js";

const at = (networkLocation: string) => ({ peer: { ipAddress: "10.0.0.1", networkLocation } });

test("a datanode whose location has not the depth of the topology is refused and not recorded", () => {
  const rig = new NodeRig({ topology: new Topology(NODEGROUP_SCHEMA, 100) });
  assert.deepEqual(rig.register(1), {
    kind: "refused",
    code: "TOPOLOGY_LOCATION",
    details: {
      uuid: uuidOf(1),
      location: "/default-rack",
      reason: "has 1 level(s), the topology 2: /<rack>/<nodegroup>",
    },
  });
  assert.equal(rig.manager.nodeCount, 0);
  const slot = rig.accept(1, at("/rack1/ng1"));
  assert.equal(rig.register(1, at("/rack1")).kind, "refused");
  assert.equal(rig.manager.topology.locationOf(slot), "/rack1/ng1");
  assert.equal(rig.node(1).details.networkLocation, "/rack1/ng1");
  assert.equal(rig.node(1).details.level, 4);
});

test("a dead datanode leaves the tree and comes back when it beats again", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1, at("/rack1"));
  rig.run(STALE_MS + 2 * PROCESS_MS);
  assert.equal(rig.health(1), "STALE");
  assert.equal(rig.manager.topology.locationOf(slot), "/rack1");
  rig.run(DEAD_MS);
  assert.equal(rig.health(1), "DEAD");
  assert.equal(rig.manager.topology.locationOf(slot), undefined);
  assert.equal(rig.manager.topology.rackCount, 0);
  rig.run(PROCESS_MS, [1]);
  assert.equal(rig.manager.topology.locationOf(slot), "/rack1");
});

test("a dead datanode that only moved to another rack comes back there with its next heartbeat", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1, at("/rack1"));
  rig.run(2 * DEAD_MS);
  rig.accept(1, at("/rack2"));
  assert.equal(rig.health(1), "DEAD");
  assert.equal(rig.manager.topology.locationOf(slot), undefined);
  rig.run(PROCESS_MS, [1]);
  assert.equal(rig.manager.topology.locationOf(slot), "/rack2");
});

test("a datanode that registers anew stands where it is now", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1, at("/rack1"));
  rig.accept(2, at("/rack1"));
  rig.accept(1, { peer: { ipAddress: "10.0.7.1", networkLocation: "/rack2" } });
  assert.equal(rig.manager.topology.locationOf(slot), "/rack2");
  assert.equal(rig.manager.topology.leafCountTotal, 2);
});

test("a datanode that is out of service stays in the tree", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1, at("/rack1"));
  rig.manager.applyIntent(uuidOf(1), { operationalState: "DECOMMISSIONED", expirySeconds: 0 });
  assert.equal(rig.manager.topology.locationOf(slot), "/rack1");
});

test("the listener hears of every change of health, state, details and report, and of nothing else", () => {
  const rig = new NodeRig();
  rig.accept(1, at("/rack1"));
  const heard = (act: () => void): number => {
    rig.changes.length = 0;
    act();
    return rig.changes.length;
  };
  assert.equal(
    heard(() => rig.accept(1, at("/rack2"))),
    1,
  );
  assert.equal(
    heard(() => rig.beat(1)),
    0,
  );
  assert.equal(
    heard(() => rig.beat(1, { commandCounts: [{ type: "closeContainerCommand", count: 3 }] })),
    0,
  );
  assert.equal(
    heard(() => rig.beat(1, { nodeReport: nodeReport(volume({ failed: true })) })),
    1,
  );
  assert.equal(
    heard(() => rig.beat(1, { persistedOpState: "IN_MAINTENANCE" })),
    1,
  );
  assert.equal(
    heard(() => rig.beat(1)),
    1,
  );
  const intent = { operationalState: "DECOMMISSIONING", expirySeconds: 0 } as const;
  assert.equal(
    heard(() => rig.manager.applyIntent(uuidOf(1), intent)),
    1,
  );
  assert.equal(
    heard(() => rig.run(STALE_MS - PROCESS_MS)),
    0,
  );
  assert.equal(
    heard(() => rig.run(2 * PROCESS_MS)),
    1,
  );
  assert.equal(
    heard(() => rig.run(DEAD_MS - STALE_MS)),
    1,
  );
  assert.equal(rig.changes[0]?.health, "DEAD");
  assert.equal(
    heard(() => rig.run(2 * PROCESS_MS, [1])),
    2,
  );
});
