import assert from "node:assert/strict";
import { test } from "node:test";
import type { RegistrationCase } from "../../../../../engine/cluster/nodes/node-types.js";
import type { NodeHealth } from "../../../../../engine/core/enums.js";
import type { DatanodeDetails } from "../../../../../protocol/schema/records.js";
import { uuidOf } from "../../../../support/cluster/builders.js";
import { DEAD_MS, NodeRig, nodeReport, volume } from "../../../../support/cluster/node-rig.js";

test("a datanode with another software layout is refused and nothing of it is recorded", () => {
  const rig = new NodeRig();
  const outcome = rig.register(1, { layout: { metadata: 10, software: 11 } });
  assert.deepEqual(outcome, {
    kind: "refused",
    code: "DATANODE_LAYOUT_NOT_PERMITTED",
    details: { given: 11, expected: 10 },
  });
  assert.equal(rig.manager.nodeCount, 0);
  assert.deepEqual(rig.events, []);
});

test("a datanode with another metadata layout is admitted, read-only once the SCM is finalized", () => {
  const finalized = new NodeRig();
  finalized.accept(1, { layout: { metadata: 8, software: 10 } });
  assert.equal(finalized.health(1), "HEALTHY_READONLY");
  const before = new NodeRig({ layout: { metadata: 9, software: 10 } });
  before.accept(1, { layout: { metadata: 8, software: 10 } });
  assert.equal(before.health(1), "HEALTHY");
});

test("the address is the one that the transport sees, the host name what the look-up says", () => {
  const named = new NodeRig();
  named.accept(1, { peer: { ipAddress: "10.0.1.9", hostName: "seen.example.org" } });
  assert.equal(named.node(1).details.ipAddress, "10.0.1.9");
  assert.equal(named.node(1).details.hostName, "seen.example.org");
  named.accept(2, { peer: { ipAddress: "10.0.1.8" } });
  assert.equal(named.node(2).details.hostName, "dn2.example.org");
  named.accept(3);
  assert.equal(named.node(3).details.ipAddress, "10.0.0.3");
  const byHostName = new NodeRig({ useDatanodeHostname: true });
  byHostName.accept(1, { peer: { ipAddress: "10.0.1.9", hostName: "seen.example.org" } });
  assert.equal(byHostName.node(1).details.ipAddress, "10.0.1.9");
  assert.equal(byHostName.node(1).details.hostName, "dn1.example.org");
});

test("network name is the uuid, location what was looked up, else what the datanode says", () => {
  const rig = new NodeRig();
  rig.accept(1, { peer: { ipAddress: "10.0.0.1", networkLocation: "/rack1" } });
  rig.accept(2);
  rig.accept(3, { details: { networkLocation: "/old/" } });
  assert.deepEqual(
    [1, 2, 3].map((number) => rig.node(number).details.networkLocation),
    ["/rack1", "/default-rack", "/old"],
  );
  assert.equal(rig.node(1).details.networkName, uuidOf(1));
  assert.equal(rig.node(1).details.level, 3);
});

test("every other field of the details is kept verbatim, absent ones stay absent", () => {
  const rig = new NodeRig();
  const details: Partial<DatanodeDetails> = {
    ports: [{ name: "SOMETHING_NEW", value: 7 }],
    certSerialId: "0012",
    persistedOpState: "DECOMMISSIONED",
    persistedOpStateExpiry: -5,
    currentVersion: 99,
    version: "2.2.0-x",
    setupTime: 5,
    revision: "abc",
  };
  rig.accept(1, { details });
  const recorded = rig.node(1).details;
  for (const [name, value] of Object.entries(details)) {
    assert.deepEqual(recorded[name as keyof DatanodeDetails], value, name);
  }
  rig.accept(2);
  const absent = ["certSerialId", "persistedOpState", "currentVersion", "setupTime", "revision"];
  for (const name of absent) assert.ok(!(name in rig.node(2).details), name);
});

const OTHER_PORTS = [{ name: "RATIS", value: 1 }];
/** Spec 01 §3.2 step 4: the first match wins. */
const CASES: [RegistrationCase, Partial<DatanodeDetails>, string[]][] = [
  ["moved", { ipAddress: "10.9.9.9" }, ["NODE_ADDRESS_UPDATE 1"]],
  ["moved", { hostName: "other" }, ["NODE_ADDRESS_UPDATE 1"]],
  ["moved", { hostName: "other", version: "3", ports: OTHER_PORTS }, ["NODE_ADDRESS_UPDATE 1"]],
  ["upgraded", { version: "3" }, []],
  ["upgraded", { version: "3", ports: OTHER_PORTS }, []],
  ["ports", { ports: OTHER_PORTS }, []],
  [
    "same",
    {
      ports: [
        { name: "STANDALONE", value: 9859 },
        { name: "RATIS", value: 9858 },
      ],
    },
    [],
  ],
  ["same", { certSerialId: "77" }, []],
];

test("a new datanode gets the next slot and is announced", () => {
  const rig = new NodeRig();
  const first = rig.register(7);
  const second = rig.register(3);
  assert.ok(first.kind === "accepted" && second.kind === "accepted");
  assert.deepEqual([first.slot, second.slot], [0, 1]);
  assert.deepEqual([first.case, second.case], ["new", "new"]);
  assert.deepEqual(rig.events, ["NEW_NODE 7", "NEW_NODE 3"]);
  assert.equal(rig.health(7), "HEALTHY");
});

for (const [expected, details, events] of CASES) {
  test(`case ${expected}: a known datanode with ${JSON.stringify(details)} is updated in place`, () => {
    const rig = new NodeRig();
    const slot = rig.accept(1);
    rig.queue(1, { type: "refreshVolumeUsageInfo", deadlineMs: 0 });
    rig.manager.fullReportComplete(slot);
    rig.takeEvents();
    rig.nowMs += 5000;
    const outcome = rig.register(1, { details, report: nodeReport(volume({ capacity: 7 })) });
    assert.ok(outcome.kind === "accepted");
    assert.equal(outcome.case, expected);
    assert.equal(outcome.slot, slot);
    assert.deepEqual(rig.takeEvents(), events);
    const node = rig.node(1);
    for (const [name, value] of Object.entries(details)) {
      assert.deepEqual(node.details[name as keyof DatanodeDetails], value);
    }
    assert.equal(node.report?.storageReports[0]?.capacity, 7);
    assert.equal(node.lastHeartbeatAgoMs, 0);
    assert.equal(node.fullReportComplete, false);
    assert.equal(rig.beat(1).commands.length, 1);
  });
}

test("a registration that brings changes starts healthy without an event, the same one does not", () => {
  const rows: [Partial<DatanodeDetails>, NodeHealth][] = [
    [{ hostName: "other" }, "HEALTHY"],
    [{ version: "3" }, "HEALTHY"],
    [{ ports: OTHER_PORTS }, "HEALTHY"],
    [{}, "DEAD"],
  ];
  for (const [details, health] of rows) {
    const rig = new NodeRig();
    rig.accept(1);
    rig.run(DEAD_MS + 10_000);
    assert.equal(rig.health(1), "DEAD");
    rig.takeEvents();
    rig.register(1, { details });
    assert.equal(rig.health(1), health);
    assert.deepEqual(
      rig.takeEvents().filter((event) => !event.startsWith("NODE_ADDRESS")),
      [],
    );
  }
});

test("at registration the datanode is the source of its operational state", () => {
  const rig = new NodeRig();
  rig.accept(1, { details: { persistedOpState: "IN_MAINTENANCE", persistedOpStateExpiry: 99 } });
  assert.equal(rig.node(1).operationalState, "IN_MAINTENANCE");
  assert.equal(rig.node(1).operationalStateExpiry, 99);
  rig.accept(1, { details: { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 99 } });
  assert.equal(rig.node(1).operationalState, "IN_SERVICE");
  assert.equal(rig.node(1).operationalStateExpiry, 0);
  rig.accept(1);
  assert.equal(rig.node(1).operationalState, "IN_SERVICE");
});

test("an intent is shown alike before and after a registration, with its expiry", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.manager.applyIntent(uuidOf(1), { operationalState: "IN_SERVICE", expirySeconds: 77 });
  const before = rig.node(1).operationalStateExpiry;
  rig.accept(1);
  assert.equal(rig.node(1).operationalStateExpiry, before);
});

test("an operator's intent wins at registration, also when it was known before the datanode", () => {
  const rig = new NodeRig();
  rig.manager.applyIntent(uuidOf(1), { operationalState: "DECOMMISSIONING", expirySeconds: 0 });
  rig.accept(1, { details: { persistedOpState: "IN_MAINTENANCE", persistedOpStateExpiry: 99 } });
  assert.equal(rig.node(1).operationalState, "DECOMMISSIONING");
  assert.equal(rig.node(1).operationalStateExpiry, 0);
  assert.equal(rig.node(1).details.persistedOpState, "IN_MAINTENANCE");
});

test("beyond the limit of datanodes a new one is refused, a known one is not", () => {
  const rig = new NodeRig({ nodeCountMax: 2 });
  rig.accept(1);
  rig.accept(2);
  const outcome = rig.register(3);
  assert.deepEqual(outcome, { kind: "refused", code: "NODE_LIMIT", details: { limit: 2 } });
  rig.accept(1);
});
