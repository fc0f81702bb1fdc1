import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeStatistics } from "../../../../../engine/cluster/nodes/node-statistics.js";
import {
  failedVolumeCount,
  fileSystemUsage,
  usageOf,
  utilisation,
} from "../../../../../engine/cluster/nodes/node-usage.js";
import { NODE_HEALTH, OPERATIONAL_STATE } from "../../../../../engine/core/enums.js";
import { uuidHalves } from "../../../../../engine/core/uuid.js";
import { NODE_ROW } from "../../../../../workers/shared/node-layout.js";
import { uuidOf } from "../../../../support/cluster/builders.js";
import { DEAD_MS, NodeRig, nodeReport, STALE_MS, volume } from "../../../../support/cluster/node-rig.js";

test("nodes are listed in uuid order, page by page, by any filter", () => {
  const rig = new NodeRig();
  for (const number of [5, 1, 4, 2, 3]) rig.accept(number);
  rig.manager.applyIntent(uuidOf(2), { operationalState: "DECOMMISSIONING", expirySeconds: 0 });
  const numbers = (page: { readonly slots: readonly Parameters<typeof rig.manager.uuidOf>[0][] }) =>
    page.slots.map((slot) => rig.manager.uuidOf(slot));
  const first = rig.manager.list({}, undefined, 2);
  assert.deepEqual([numbers(first), first.more], [[uuidOf(1), uuidOf(2)], true]);
  const second = rig.manager.list({}, uuidOf(2), 3);
  assert.deepEqual([numbers(second), second.more], [[uuidOf(3), uuidOf(4), uuidOf(5)], false]);
  assert.deepEqual(numbers(rig.manager.list({}, uuidOf(0), 1)), [uuidOf(1)]);
  const leaving = rig.manager.list({ operationalState: "DECOMMISSIONING", health: "HEALTHY" }, undefined, 9);
  assert.deepEqual(numbers(leaving), [uuidOf(2)]);
  assert.deepEqual(numbers(rig.manager.list({ health: "DEAD" }, undefined, 9)), []);
});

test("a node is found by text in any case, by the halves of its id, and by its addresses", () => {
  const rig = new NodeRig();
  const slot = rig.accept(0xab);
  const { index } = rig.manager;
  const uuid = uuidOf(0xab);
  assert.equal(index.byText(uuid.toUpperCase())?.slot, slot);
  assert.equal(index.byText("no uuid"), undefined);
  const { mostSignificant, leastSignificant } = uuidHalves(uuid);
  assert.equal(index.byHalves(mostSignificant, leastSignificant)?.slot, slot);
  assert.equal(index.byHalves(mostSignificant, BigInt.asIntN(64, leastSignificant))?.slot, slot);
  assert.deepEqual(
    index.atAddress("dn171.example.org").map((node) => node.slot),
    [slot],
  );
  rig.accept(0xab, { details: { ipAddress: "10.0.0.9", hostName: "moved" } });
  assert.deepEqual(index.atAddress("dn171.example.org"), []);
  rig.accept(2, { details: { ipAddress: "10.0.0.9" } });
  assert.equal(index.atAddress("10.0.0.9").length, 2);
  assert.equal(index.atAddress("moved").length, 1);
});

test("details have a version that moves when they change, not with every heartbeat", () => {
  const rig = new NodeRig();
  rig.accept(1);
  const version = () => rig.manager.index.get(uuidOf(1))?.detailsVersion ?? 0;
  const before = version();
  rig.beat(1);
  assert.equal(version(), before);
  rig.beat(1, { persistedOpState: "DECOMMISSIONED" });
  assert.equal(version(), before + 1);
  rig.accept(1, { details: { version: "3" } });
  assert.equal(version(), before + 2);
});

test("usage is the sum over all volumes, failed ones included", () => {
  const report = nodeReport(volume(), volume({ failed: true, capacity: 500 }));
  assert.deepEqual(usageOf(report), {
    capacity: 1500,
    scmUsed: 200,
    remaining: 1600,
    committed: 100,
    freeSpaceToSpare: 40,
    reserved: 20,
  });
  assert.equal(failedVolumeCount(report), 1);
  assert.equal(failedVolumeCount(undefined), 0);
  assert.equal(utilisation(usageOf(nodeReport(volume()))), 0.2);
  assert.equal(utilisation(usageOf(undefined)), 0);
});

test("file system usage is the sum over sound volumes that tell both figures", () => {
  assert.equal(fileSystemUsage(nodeReport(volume())), undefined);
  const report = nodeReport(
    volume({ fsCapacity: 10, fsAvailable: 5 }),
    volume({ fsCapacity: 20, fsAvailable: 6 }),
    volume({ fsCapacity: 40 }),
    volume({ fsCapacity: 80, fsAvailable: 7, failed: true }),
  );
  assert.deepEqual(fileSystemUsage(report), { fsCapacity: 30, fsAvailable: 11 });
});

test("statistics count every pair of states, and the space of all nodes that are not dead", () => {
  const rig = new NodeRig();
  for (const number of [1, 2, 3]) rig.accept(number);
  rig.accept(4, { report: nodeReport(volume({ failed: true })) });
  rig.manager.applyIntent(uuidOf(2), { operationalState: "DECOMMISSIONING", expirySeconds: 0 });
  rig.run(DEAD_MS - STALE_MS, [1, 2, 4]);
  rig.run(STALE_MS + 5000, [1, 2]);
  const statistics = nodeStatistics(rig.manager);
  assert.equal(statistics.countByState.size, 4 * 5);
  assert.equal(statistics.countByState.get("IN_SERVICE HEALTHY"), 1);
  assert.equal(statistics.countByState.get("DECOMMISSIONING HEALTHY"), 1);
  assert.equal(statistics.countByState.get("IN_SERVICE DEAD"), 1);
  assert.equal(statistics.countByState.get("IN_SERVICE STALE"), 1);
  assert.equal(statistics.countByHealth.get("HEALTHY"), 2);
  assert.equal(statistics.countByHealth.get("HEALTHY_READONLY"), 0);
  assert.equal(statistics.usage.capacity, 3000);
  assert.equal(statistics.failedVolumeCount, 1);
});

test("each node's row in shared memory shows it as it is", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1, { report: nodeReport(volume(), volume({ failed: true })) });
  rig.manager.applyIntent(uuidOf(1), { operationalState: "IN_MAINTENANCE", expirySeconds: 77 });
  rig.queue(1, { type: "refreshVolumeUsageInfo", deadlineMs: 0 });
  const view = new DataView(rig.manager.rows, slot * NODE_ROW.rowBytes, NODE_ROW.rowBytes);
  const at = NODE_ROW.fields;
  assert.equal(view.getInt32(at.version.offset, true) % 2, 0);
  assert.equal(view.getUint8(at.health.offset), NODE_HEALTH.HEALTHY);
  assert.equal(view.getUint8(at.operationalState.offset), OPERATIONAL_STATE.IN_MAINTENANCE);
  assert.equal(view.getUint8(at.persistedOperationalState.offset), OPERATIONAL_STATE.IN_SERVICE);
  assert.equal(view.getFloat64(at.operationalStateExpiry.offset, true), 77);
  assert.equal(view.getUint16(at.healthyVolumeCount.offset, true), 1);
  assert.equal(view.getUint16(at.failedVolumeCount.offset, true), 1);
  assert.equal(view.getFloat64(at.capacity.offset, true), 2000);
  assert.equal(view.getFloat64(at.reserved.offset, true), 20);
  assert.equal(view.getUint32(at.queuedCommandCount.offset, true), 1);
  rig.nowMs += 1234;
  rig.beat(1, { commandCounts: [{ type: "deleteContainerCommand", count: 4 }] });
  assert.equal(view.getUint32(at.queuedCommandCount.offset, true), 0);
  assert.equal(view.getUint32(at.reportedCommandCount.offset, true), 6);
  assert.equal(view.getFloat64(at.lastHeartbeatMs.offset, true), rig.nowMs);
  rig.run(STALE_MS + 5000);
  assert.equal(view.getUint8(at.health.offset), NODE_HEALTH.STALE);
});
