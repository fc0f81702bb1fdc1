import assert from "node:assert/strict";
import { test } from "node:test";
import { healthSteps } from "../../../../../engine/cluster/nodes/node-health.js";
import type { NodeHealth } from "../../../../../engine/core/enums.js";
import { uuidOf } from "../../../../support/cluster/builders.js";
import { DEAD_MS, LAYOUT, NodeRig, PROCESS_MS, STALE_MS } from "../../../../support/cluster/node-rig.js";

const AGES = { fresh: [true, false], late: [false, false], gone: [false, true] } as const;
const LAYOUTS = {
  match: [true, true],
  mismatch: [false, true],
  "mismatch uncounted": [false, false],
} as const;

/** Spec 01 §7.2 for every state, age and layout: the states entered, in order. */
const TABLE: [NodeHealth, keyof typeof AGES, keyof typeof LAYOUTS, NodeHealth[]][] = [
  ["HEALTHY", "fresh", "match", []],
  ["HEALTHY", "fresh", "mismatch", ["HEALTHY_READONLY"]],
  ["HEALTHY", "fresh", "mismatch uncounted", []],
  ["HEALTHY", "late", "match", ["STALE"]],
  ["HEALTHY", "late", "mismatch", ["HEALTHY_READONLY", "STALE"]],
  ["HEALTHY", "late", "mismatch uncounted", ["STALE"]],
  ["HEALTHY", "gone", "match", ["STALE"]],
  ["HEALTHY", "gone", "mismatch", ["HEALTHY_READONLY", "STALE"]],
  ["HEALTHY", "gone", "mismatch uncounted", ["STALE"]],
  ["HEALTHY_READONLY", "fresh", "match", ["HEALTHY"]],
  ["HEALTHY_READONLY", "fresh", "mismatch", []],
  ["HEALTHY_READONLY", "fresh", "mismatch uncounted", []],
  ["HEALTHY_READONLY", "late", "match", ["HEALTHY", "STALE"]],
  ["HEALTHY_READONLY", "late", "mismatch", ["STALE"]],
  ["HEALTHY_READONLY", "late", "mismatch uncounted", ["STALE"]],
  ["HEALTHY_READONLY", "gone", "match", ["HEALTHY", "STALE"]],
  ["HEALTHY_READONLY", "gone", "mismatch", ["STALE"]],
  ["HEALTHY_READONLY", "gone", "mismatch uncounted", ["STALE"]],
  ...(["match", "mismatch", "mismatch uncounted"] as const).flatMap(
    (layout): [NodeHealth, keyof typeof AGES, keyof typeof LAYOUTS, NodeHealth[]][] => [
      ["STALE", "fresh", layout, ["HEALTHY_READONLY"]],
      ["STALE", "late", layout, []],
      ["STALE", "gone", layout, ["DEAD"]],
      ["DEAD", "fresh", layout, ["HEALTHY_READONLY"]],
      ["DEAD", "late", layout, []],
      ["DEAD", "gone", layout, []],
    ],
  ),
];
const EVENT: Readonly<Record<NodeHealth, string>> = {
  HEALTHY: "READ_ONLY_HEALTHY_TO_HEALTHY_NODE",
  HEALTHY_READONLY: "HEALTHY_READONLY_NODE",
  STALE: "STALE_NODE",
  DEAD: "DEAD_NODE",
};

test("one tick takes the steps of the specification's table, in every combination", () => {
  assert.equal(TABLE.length, 4 * 3 * 3);
  for (const [health, age, layout, expected] of TABLE) {
    const [isFresh, isGone] = AGES[age];
    const [layoutsMatch, mismatchCounts] = LAYOUTS[layout];
    const steps = healthSteps(health, { isFresh, isGone, layoutsMatch, mismatchCounts });
    assert.deepEqual(
      steps.map(({ to, event }) => [to, event]),
      expected.map((to) => [to, EVENT[to]]),
      `${health} ${age} ${layout}`,
    );
  }
});

test("a silent node is stale after the stale interval and dead after the dead interval", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.takeEvents();
  rig.run(STALE_MS);
  assert.equal(rig.health(1), "HEALTHY");
  rig.run(PROCESS_MS);
  assert.equal(rig.health(1), "STALE");
  rig.run(DEAD_MS - STALE_MS - PROCESS_MS);
  assert.equal(rig.health(1), "STALE");
  rig.run(PROCESS_MS);
  assert.equal(rig.health(1), "DEAD");
  assert.deepEqual(rig.takeEvents(), ["STALE_NODE 1", "DEAD_NODE 1", "PURGE 1"]);
});

test("a node that returns is read-only for one tick, then healthy, with both events", () => {
  for (const silenceMs of [STALE_MS + 5000, DEAD_MS + 5000]) {
    const rig = new NodeRig();
    rig.accept(1);
    rig.run(silenceMs);
    rig.takeEvents();
    rig.run(PROCESS_MS, [1]);
    assert.equal(rig.health(1), "HEALTHY_READONLY");
    rig.run(PROCESS_MS, [1]);
    assert.equal(rig.health(1), "HEALTHY");
    assert.deepEqual(rig.takeEvents(), ["HEALTHY_READONLY_NODE 1", "READ_ONLY_HEALTHY_TO_HEALTHY_NODE 1"]);
  }
});

test("a node with another layout stays read-only until it has this one", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.beat(1, { layout: { metadata: 9, software: 10 } });
  rig.run(2 * PROCESS_MS, [1]);
  assert.equal(rig.health(1), "HEALTHY_READONLY");
  rig.beat(1, { layout: LAYOUT });
  rig.run(PROCESS_MS, [1]);
  assert.equal(rig.health(1), "HEALTHY");
});

test("a pause of this process is no silence of the datanodes, however long it was", () => {
  for (const pauseMs of [2 * PROCESS_MS, STALE_MS - 1000, STALE_MS, DEAD_MS, 100 * DEAD_MS]) {
    const rig = new NodeRig();
    rig.accept(1);
    rig.accept(2);
    rig.run(STALE_MS - 60_000, [1]);
    rig.nowMs += pauseMs + PROCESS_MS;
    rig.manager.tick(rig.nowMs);
    rig.run(50_000);
    assert.deepEqual([rig.health(1), rig.health(2)], ["HEALTHY", "HEALTHY"], `${pauseMs}`);
    assert.equal(rig.manager.counters.pauseCount, 1);
    rig.run(15_000);
    assert.deepEqual([rig.health(1), rig.health(2)], ["HEALTHY", "STALE"], `${pauseMs}`);
  }
});

test("a heartbeat that came during the pause is not moved into the future", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.run(PROCESS_MS, [1]);
  rig.nowMs += 100_000;
  rig.beat(1);
  rig.nowMs += 100_000;
  rig.manager.tick(rig.nowMs);
  assert.equal(rig.node(1).lastHeartbeatAgoMs, 0);
  rig.run(STALE_MS);
  assert.equal(rig.health(1), "HEALTHY");
  rig.run(PROCESS_MS);
  assert.equal(rig.health(1), "STALE");
});

test("a tick that is a little late is no pause", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.run(PROCESS_MS);
  rig.nowMs += 2 * PROCESS_MS - 1;
  rig.manager.tick(rig.nowMs);
  assert.equal(rig.manager.counters.pauseCount, 0);
});

test("a dead node loses its commands and its replicas no longer count", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1);
  rig.manager.fullReportComplete(slot);
  rig.queue(1, { type: "refreshVolumeUsageInfo", deadlineMs: 0 });
  rig.run(DEAD_MS + 5000);
  assert.ok(rig.takeEvents().includes("PURGE 1"));
  assert.equal(rig.node(1).fullReportComplete, false);
  assert.deepEqual(rig.beat(1).commands, []);
});

test("a node that died and returns is asked for a full report", () => {
  const rig = new NodeRig();
  rig.manager.fullReportComplete(rig.accept(1));
  rig.run(DEAD_MS + 5000);
  assert.equal(rig.beat(1).fullReportWanted, false);
  rig.run(PROCESS_MS, [1]);
  assert.equal(rig.beat(1).fullReportWanted, true);
  const stale = new NodeRig();
  stale.accept(1);
  stale.run(STALE_MS + 5000);
  stale.run(2 * PROCESS_MS, [1]);
  assert.equal(stale.health(1), "HEALTHY");
  assert.equal(stale.beat(1).fullReportWanted, false);
});

test("only a node in maintenance keeps its replicas when it dies, until it is in service again", () => {
  const rig = new NodeRig();
  const states = ["IN_MAINTENANCE", "ENTERING_MAINTENANCE", "DECOMMISSIONED"] as const;
  for (const [index, operationalState] of states.entries()) {
    rig.manager.applyIntent(uuidOf(index + 1), { operationalState, expirySeconds: 0 });
    rig.manager.fullReportComplete(rig.accept(index + 1));
  }
  rig.takeEvents();
  rig.run(DEAD_MS + 5000);
  const purged = rig.takeEvents().filter((event) => event.startsWith("PURGE"));
  assert.deepEqual(purged, ["PURGE 2", "PURGE 3"]);
  assert.equal(rig.node(1).fullReportComplete, true);
  rig.manager.applyIntent(uuidOf(1), { operationalState: "IN_SERVICE", expirySeconds: 0 });
  assert.deepEqual(rig.takeEvents(), ["DEAD_NODE 1", "PURGE 1"]);
});

test("intervals that do not fit each other are a mistake of ours", () => {
  assert.throws(() => new NodeRig({ processIntervalMs: 0 }), /process interval/);
  assert.throws(() => new NodeRig({ staleIntervalMs: PROCESS_MS }), /stale interval/);
  assert.throws(() => new NodeRig({ deadIntervalMs: STALE_MS }), /dead interval/);
});
