import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS_PER_TYPE_MAX } from "../../../../../engine/cluster/nodes/command-queue.js";
import type { NodeCommand } from "../../../../../engine/cluster/nodes/node-types.js";
import { uuidOf } from "../../../../support/cluster/builders.js";
import { DEAD_MS, NodeRig, nodeReport, STALE_MS, volume } from "../../../../support/cluster/node-rig.js";

function deleteContainer(containerId: number, force = false): NodeCommand {
  return { type: "deleteContainerCommand", deadlineMs: 0, containerId, force, replicaIndex: 0 };
}

function closeContainer(containerId: number): NodeCommand {
  return { type: "closeContainerCommand", deadlineMs: 0, containerId, force: false };
}

test("an unknown datanode is told to register and nothing of its heartbeat is taken", () => {
  const rig = new NodeRig();
  const outcome = rig.beat(1, { nodeReport: nodeReport(volume()) });
  assert.equal(outcome.isKnown, false);
  assert.deepEqual(outcome.commands, [
    { type: "reregisterCommand", commandId: 1000, deadlineMs: 0, term: 0 },
  ]);
  assert.equal(rig.manager.nodeCount, 0);
  assert.equal(rig.manager.counters.unknownHeartbeatCount, 1);
  rig.leader = { isLeader: false, term: 5 };
  assert.equal(rig.beat(1).commands[0]?.type, "reregisterCommand");
});

test("the leader's answer carries its term and the whole queue in order, each command with that term", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.leader = { isLeader: true, term: 8 };
  for (const id of [30, 10, 20]) assert.ok(rig.queue(1, deleteContainer(id)));
  const outcome = rig.beat(1);
  assert.equal(outcome.term, 8);
  assert.deepEqual(
    outcome.commands.map(({ containerId, term }) => [containerId, term]),
    [
      [30, 8],
      [10, 8],
      [20, 8],
    ],
  );
  assert.deepEqual(rig.beat(1).commands, []);
});

test("a follower sends neither term nor commands", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.queue(1, deleteContainer(1));
  rig.leader = { isLeader: false, term: 8 };
  assert.deepEqual(rig.beat(1), { isKnown: true, term: 0, commands: [], fullReportWanted: false });
});

test("commands of an earlier term are dropped when leadership changes", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1);
  rig.become({ isLeader: true, term: 5 });
  rig.queue(1, deleteContainer(1));
  rig.become({ isLeader: true, term: 5 });
  assert.equal(rig.manager.totalCommandCount(slot, "deleteContainerCommand"), 1);
  rig.become({ isLeader: false, term: 6 });
  assert.equal(rig.manager.totalCommandCount(slot, "deleteContainerCommand"), 0);
  rig.become({ isLeader: true, term: 7 });
  assert.deepEqual(rig.beat(1).commands, []);
});

test("a command of another term than the answer's is never sent, however it got into the queue", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.queue(1, deleteContainer(1));
  const { commands } = rig.beat(1);
  rig.become({ isLeader: true, term: 8 });
  rig.manager.takeBack(uuidOf(1), commands);
  rig.queue(1, deleteContainer(2));
  assert.deepEqual(
    rig.beat(1).commands.map(({ containerId, term }) => [containerId, term]),
    [[2, 8]],
  );
  assert.deepEqual(rig.beat(1).commands, []);
});

test("who does not lead queues no command", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1);
  rig.leader = { isLeader: false, term: 5 };
  assert.equal(rig.queue(1, closeContainer(1)), false);
  assert.equal(rig.manager.totalCommandCount(slot, "closeContainerCommand"), 0);
});

test("a new leader may delete a replica when its holders are free of earlier deletes", () => {
  const rig = new NodeRig();
  const holders = [rig.accept(1), rig.accept(2)];
  const mayDelete = (): boolean => rig.manager.deleteFence.mayDelete(holders, rig.nowMs);
  const deletes = (count: number) => [{ type: "deleteContainerCommand", count } as const];
  rig.become({ isLeader: true, term: 8 });
  rig.beat(1, { termSeen: 8, commandCounts: [] });
  rig.beat(2, { termSeen: 8, commandCounts: deletes(1) });
  assert.equal(mayDelete(), false);
  rig.beat(2, { termSeen: 7, commandCounts: deletes(0) });
  rig.beat(2, { termSeen: 8 });
  assert.equal(mayDelete(), false);
  rig.beat(2, { termSeen: 8, commandCounts: deletes(0) });
  assert.equal(mayDelete(), true);
  rig.accept(2);
  assert.equal(mayDelete(), false);
});

test("command ids rise by one, but a close command has its container's", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.queue(1, deleteContainer(7));
  rig.queue(1, closeContainer(7));
  rig.queue(1, { type: "reconcileContainerCommand", deadlineMs: 0, containerId: 8 });
  rig.queue(1, { type: "refreshVolumeUsageInfo", deadlineMs: 0 });
  assert.deepEqual(
    rig.beat(1).commands.map(({ commandId }) => commandId),
    [1000, 7, 8, 1001],
  );
});

test("a command for what waits already takes its place", () => {
  const rig = new NodeRig();
  rig.accept(1);
  for (const command of [
    deleteContainer(1),
    deleteContainer(2),
    closeContainer(1),
    deleteContainer(1, true),
  ]) {
    rig.queue(1, command);
  }
  assert.deepEqual(
    rig.beat(1).commands.map(({ type, containerId, force }) => [type, containerId, force]),
    [
      ["deleteContainerCommand", 1, true],
      ["deleteContainerCommand", 2, false],
      ["closeContainerCommand", 1, false],
    ],
  );
});

test("a queue holds so many commands of a type, and no more", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1);
  for (let id = 1; id <= COMMANDS_PER_TYPE_MAX; id++) {
    assert.ok(rig.queue(1, deleteContainer(id)));
  }
  assert.equal(rig.queue(1, deleteContainer(0)), false);
  assert.ok(rig.queue(1, deleteContainer(5, true)));
  assert.ok(rig.queue(1, closeContainer(1)));
  assert.equal(rig.manager.counters.refusedCommandCount, 1);
  assert.equal(rig.manager.totalCommandCount(slot, "deleteContainerCommand"), COMMANDS_PER_TYPE_MAX);
  assert.equal(rig.queue(9, closeContainer(1)), false);
});

test("commands of an answer that was not sent go back to the front, unless they were queued anew", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1);
  for (const id of [1, 2, 3]) rig.queue(1, deleteContainer(id));
  const { commands } = rig.beat(1);
  rig.queue(1, deleteContainer(4));
  rig.queue(1, deleteContainer(2, true));
  rig.manager.takeBack(uuidOf(1), commands);
  assert.equal(rig.manager.totalCommandCount(slot, "deleteContainerCommand"), 4);
  assert.deepEqual(
    rig.beat(1).commands.map(({ containerId, force }) => [containerId, force]),
    [
      [1, false],
      [3, false],
      [4, false],
      [2, true],
    ],
  );
  rig.manager.takeBack(uuidOf(9), commands);
});

test("a long queue leaves in several answers", () => {
  const rig = new NodeRig();
  rig.accept(1);
  for (let id = 1; id <= 1000; id++) {
    rig.queue(1, deleteContainer(id));
    rig.queue(1, closeContainer(id));
  }
  assert.deepEqual(
    [rig.beat(1).commands.length, rig.beat(1).commands.length, rig.beat(1).commands.length],
    [1024, 976, 0],
  );
});

test("a node report replaces the one before as a whole, its absence changes nothing", () => {
  const rig = new NodeRig();
  rig.accept(1, { report: nodeReport(volume(), volume({ storageUuid: "DS-2" })) });
  rig.beat(1);
  assert.equal(rig.node(1).report?.storageReports.length, 2);
  rig.beat(1, { nodeReport: nodeReport(volume({ capacity: 5 })) });
  assert.deepEqual(rig.node(1).report, nodeReport(volume({ capacity: 5 })));
});

test("a command queue report replaces all counts and adds what leaves in the same answer", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1);
  const reported = (type: Parameters<typeof rig.manager.reportedCommandCount>[1]): number =>
    rig.manager.reportedCommandCount(slot, type);
  assert.equal(reported("deleteContainerCommand"), -1);
  rig.queue(1, deleteContainer(1));
  rig.queue(1, deleteContainer(2));
  rig.queue(1, closeContainer(2));
  assert.equal(rig.manager.totalCommandCount(slot, "deleteContainerCommand"), 2);
  rig.beat(1, {
    commandCounts: [
      { type: "deleteContainerCommand", count: 5 },
      { type: "unknownScmCommand", count: 9 },
      { type: "replicateContainerCommand", count: 3 },
    ],
  });
  assert.equal(reported("deleteContainerCommand"), 7);
  assert.equal(reported("closeContainerCommand"), 1);
  assert.equal(reported("replicateContainerCommand"), 3);
  assert.equal(reported("unknownScmCommand"), -1);
  rig.queue(1, deleteContainer(3));
  rig.beat(1);
  assert.equal(reported("deleteContainerCommand"), 7);
  rig.beat(1, { commandCounts: [] });
  assert.equal(reported("deleteContainerCommand"), -1);
  assert.equal(reported("replicateContainerCommand"), -1);
});

test("a datanode that must finalize is asked with every heartbeat until it has", () => {
  const rig = new NodeRig();
  rig.accept(1, { layout: { metadata: 8, software: 10 } });
  const ask = (metadata: number) => rig.beat(1, { layout: { metadata, software: 10 } }).commands;
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(
      ask(8).map(({ type, layout }) => [type, layout]),
      [["finalizeNewLayoutVersionCommand", { metadata: 10, software: 10 }]],
    );
  }
  rig.leader = { isLeader: false, term: 5 };
  assert.deepEqual(ask(8), []);
  rig.leader = { isLeader: true, term: 5 };
  assert.deepEqual(ask(10), []);
  const notFinalized = new NodeRig({ layout: { metadata: 9, software: 10 } });
  notFinalized.accept(1, { layout: { metadata: 8, software: 10 } });
  assert.deepEqual(notFinalized.beat(1).commands, []);
});

test("the leader sends an intent with every heartbeat until the datanode reports it", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.manager.applyIntent(uuidOf(1), { operationalState: "ENTERING_MAINTENANCE", expirySeconds: 99 });
  assert.equal(rig.node(1).operationalState, "ENTERING_MAINTENANCE");
  assert.equal(rig.node(1).operationalStateExpiry, 99);
  const command = (outcome: ReturnType<typeof rig.beat>) =>
    outcome.commands.map(({ type, operationalState, operationalStateExpiry, term }) => [
      type,
      operationalState,
      operationalStateExpiry,
      term,
    ]);
  const expected = [["setNodeOperationalStateCommand", "ENTERING_MAINTENANCE", 99, 5]];
  assert.deepEqual(command(rig.beat(1)), expected);
  assert.deepEqual(command(rig.beat(1)), expected);
  const wrongExpiry = { persistedOpState: "ENTERING_MAINTENANCE", persistedOpStateExpiry: 98 } as const;
  assert.deepEqual(command(rig.beat(1, wrongExpiry)), expected);
  assert.equal(rig.node(1).operationalStateExpiry, 99);
  const persisted = { persistedOpState: "ENTERING_MAINTENANCE", persistedOpStateExpiry: 99 } as const;
  assert.deepEqual(command(rig.beat(1, persisted)), []);
  assert.deepEqual(rig.node(1).details.persistedOpState, "ENTERING_MAINTENANCE");
});

test("an intent that was recommissioned wins over the datanode's older state", () => {
  const rig = new NodeRig();
  rig.accept(1, { details: { persistedOpState: "DECOMMISSIONED" } });
  rig.manager.applyIntent(uuidOf(1), { operationalState: "IN_SERVICE", expirySeconds: 0 });
  const outcome = rig.beat(1, { persistedOpState: "DECOMMISSIONED" });
  assert.equal(rig.node(1).operationalState, "IN_SERVICE");
  assert.equal(outcome.commands[0]?.operationalState, "IN_SERVICE");
});

test("on a follower an intent wins as well, but no command is sent", () => {
  const rig = new NodeRig();
  rig.leader = { isLeader: false, term: 5 };
  const slot = rig.accept(1);
  rig.manager.applyIntent(uuidOf(1), { operationalState: "DECOMMISSIONING", expirySeconds: 0 });
  assert.deepEqual(rig.beat(1).commands, []);
  assert.equal(rig.manager.totalCommandCount(slot, "setNodeOperationalStateCommand"), 0);
  assert.equal(rig.node(1).operationalState, "DECOMMISSIONING");
});

test("without an intent the state on the datanode's disk counts, on leader and follower", () => {
  for (const isLeader of [true, false]) {
    const rig = new NodeRig();
    rig.leader = { isLeader, term: 5 };
    rig.accept(1);
    const outcome = rig.beat(1, { persistedOpState: "DECOMMISSIONED", persistedOpStateExpiry: 0 });
    assert.deepEqual(outcome.commands, []);
    assert.equal(rig.node(1).operationalState, "DECOMMISSIONED");
    assert.equal(rig.node(1).details.persistedOpState, "DECOMMISSIONED");
  }
});

test("a change of operational state tells again how the node is, a change of expiry alone does not", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.takeEvents();
  const intend = (expirySeconds: number, operationalState: "IN_MAINTENANCE" | "IN_SERVICE") =>
    rig.manager.applyIntent(uuidOf(1), { operationalState, expirySeconds });
  intend(5, "IN_MAINTENANCE");
  assert.deepEqual(rig.takeEvents(), ["READ_ONLY_HEALTHY_TO_HEALTHY_NODE 1"]);
  intend(6, "IN_MAINTENANCE");
  assert.deepEqual(rig.takeEvents(), []);
  rig.run(STALE_MS + 5000);
  rig.takeEvents();
  intend(0, "IN_SERVICE");
  assert.deepEqual(rig.takeEvents(), ["STALE_NODE 1"]);
  rig.run(DEAD_MS);
  rig.takeEvents();
  intend(0, "IN_MAINTENANCE");
  assert.deepEqual(rig.takeEvents(), ["DEAD_NODE 1"]);
});

test("a heartbeat refreshes the time and never the health, and no address or port", () => {
  const rig = new NodeRig();
  rig.accept(1);
  rig.run(STALE_MS + 5000);
  assert.equal(rig.health(1), "STALE");
  rig.beat(1);
  assert.equal(rig.health(1), "STALE");
  assert.equal(rig.node(1).lastHeartbeatAgoMs, 0);
  assert.equal(rig.node(1).details.ipAddress, "10.0.0.1");
});

test("a full report is asked for until it begins, and complete until the datanode registers again", () => {
  const rig = new NodeRig();
  const slot = rig.accept(1);
  rig.manager.wantFullReport(slot);
  assert.equal(rig.beat(1).fullReportWanted, true);
  assert.equal(rig.beat(1).fullReportWanted, true);
  rig.manager.fullReportBegun(slot);
  assert.equal(rig.beat(1).fullReportWanted, false);
  assert.equal(rig.node(1).fullReportComplete, false);
  rig.manager.fullReportComplete(slot);
  assert.equal(rig.node(1).fullReportComplete, true);
  rig.accept(1);
  assert.equal(rig.node(1).fullReportComplete, false);
});
