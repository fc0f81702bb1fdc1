import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { parseReplication, ratis } from "../../../../engine/cluster/containers/replication-config.js";
import { OPERATION } from "../../../../engine/cluster/operation.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { datanodeDetails, pipelineRecord, uuidOf } from "../../../support/cluster/builders.js";
import { PipelineRig } from "../../../support/services/pipeline-rig.js";

const OPEN = pipelineRecord(1);
const ID = OPEN.pipelineId;

function commandsOf(rig: PipelineRig, datanode: number): string[] {
  return rig.commandsOf(datanode).map(({ type, pipelineId }) => `${type} ${pipelineId}`);
}

function actionOn(pipelineId: Uuid) {
  return [{ pipelineId, reason: "PIPELINE_FAILED", detailedReason: "disk" }] as const;
}

test("a pipeline opens when all its members have reported it and one of them leads", () => {
  const rig = PipelineRig.of(3);
  const { pipelineId } = rig.created(ratis(3));
  rig.report(pipelineId, 2);
  rig.report(pipelineId, 2, 1);
  equal(rig.stateOf(pipelineId), "ALLOCATED");
  rig.report(pipelineId, 2, 3);
  equal(rig.stateOf(pipelineId), "OPEN");
  equal(rig.applied.state.pipelines.get(pipelineId)?.leaderId, uuidOf(2));
  equal(rig.manager.counters.numPipelineCreated, 1);
  const alone = rig.created(ratis(1));
  rig.events.reported(uuidOf(1), [{ pipelineId: alone.pipelineId, isLeader: false, bytesWritten: 0 }]);
  equal(rig.waiting.length, 1);
  rig.events.reported(uuidOf(1), [{ pipelineId: alone.pipelineId, isLeader: false, bytesWritten: 0 }]);
  equal(rig.waiting.length, 1, "once");
  rig.settle();
  equal(rig.stateOf(alone.pipelineId), "OPEN");
  rig.report(alone.pipelineId, 1);
  equal(rig.manager.counters.numPipelineCreated, 2, "reports of an open pipeline change nothing");
});

test("an opening without answer is tried again with the next report", () => {
  const rig = PipelineRig.of(3);
  const { pipelineId } = rig.created(ratis(1));
  const report = (): void => {
    rig.events.reported(uuidOf(1), [{ pipelineId, isLeader: true, bytesWritten: 0 }]);
  };
  report();
  rig.fail();
  equal(rig.stateOf(pipelineId), "ALLOCATED");
  report();
  rig.settle();
  equal(rig.stateOf(pipelineId), "OPEN");
});

test("what members told a follower counts when it leads", () => {
  const rig = PipelineRig.of(3);
  rig.lead(false);
  rig.add(pipelineRecord(2, { state: "ALLOCATED" }), OPEN);
  const { pipelineId } = pipelineRecord(2);
  for (const id of [pipelineId, uuidOf(77)]) rig.report(id, 1, 2, 3);
  deepEqual([rig.waiting.length, commandsOf(rig, 1)], [0, []], "a follower does nothing");
  rig.lead();
  rig.settle();
  equal(rig.stateOf(pipelineId), "OPEN");
});

test("reports of closed pipelines and of DORMANT ones do not open them", () => {
  const rig = PipelineRig.of(3);
  rig.add(pipelineRecord(1, { state: "CLOSED" }), pipelineRecord(2, { state: "DORMANT" }));
  for (const id of [ID, pipelineRecord(2).pipelineId]) rig.report(id, 1, 2, 3);
  deepEqual([rig.stateOf(ID), rig.stateOf(pipelineRecord(2).pipelineId)], ["CLOSED", "DORMANT"]);
});

test("who reports a pipeline that does not exist is told to drop it; other entries count", () => {
  const rig = PipelineRig.of(3);
  rig.add(pipelineRecord(1, { state: "ALLOCATED" })).endImport();
  const known = { pipelineId: ID, isLeader: true, bytesWritten: 0 };
  for (const number of [1, 2, 3]) {
    rig.events.reported(uuidOf(number), [{ ...known, pipelineId: uuidOf(77) }, known]);
  }
  rig.settle();
  equal(rig.stateOf(ID), "OPEN");
  deepEqual(commandsOf(rig, 2), [`closePipelineCommand ${uuidOf(77)}`]);
});

test("while pipelines may be imported, nobody is told to drop one that is not known", () => {
  const rig = PipelineRig.of(3);
  rig.report(ID, 1, 2);
  rig.events.asked(uuidOf(3), actionOn(ID));
  for (const datanode of [1, 2, 3]) deepEqual(commandsOf(rig, datanode), []);
  deepEqual([rig.events.counters.unknownKept, rig.log.length], [3, 1]);
  rig.add(OPEN);
  rig.report(ID, 1, 2, 3);
  equal(rig.stateOf(ID), "OPEN");
  rig.report(uuidOf(77), 1);
  rig.endImport();
  deepEqual(commandsOf(rig, 1), [], "nor is it told for what it said before");
  for (const id of [ID, uuidOf(77)]) rig.report(id, 1);
  deepEqual(commandsOf(rig, 1), [`closePipelineCommand ${uuidOf(77)}`]);
  equal(rig.events.counters.unknownKept, 4);
});

test("strangers are counted, told in the log, and open nothing", () => {
  const rig = PipelineRig.of(4);
  rig.add(pipelineRecord(1, { state: "ALLOCATED" }));
  rig.report(ID, 4, 1, 2);
  rig.report(ID, 4);
  equal(rig.stateOf(ID), "ALLOCATED");
  deepEqual(rig.events.counters.numPipelineReportProcessingFailed, 2);
  equal(rig.events.counters.numPipelineReportProcessed, 2);
  equal(rig.log.length, 1, "one line a minute");
});

test("a datanode's action closes the pipeline, on the leader alone", () => {
  const rig = PipelineRig.of(3);
  rig.add(OPEN).endImport();
  rig.lead(false);
  rig.events.asked(uuidOf(1), actionOn(ID));
  deepEqual([rig.waiting.length, rig.events.counters.actions, rig.log], [0, 0, []]);
  rig.lead();
  rig.events.asked(uuidOf(1), actionOn(ID));
  rig.events.asked(uuidOf(2), actionOn(ID));
  deepEqual(
    rig.waiting.map(({ kind }) => kind),
    [OPERATION.closePipeline],
  );
  rig.settle();
  equal(rig.stateOf(ID), "CLOSED");
  rig.events.asked(uuidOf(3), actionOn(ID));
  rig.events.asked(uuidOf(3), actionOn(uuidOf(77)));
  equal(rig.waiting.length, 0, "not deleted at once");
  deepEqual(commandsOf(rig, 3), [`closePipelineCommand ${uuidOf(77)}`]);
});

test("pipelines of a STALE datanode are closed and kept: its reports do not open them again", () => {
  const rig = PipelineRig.of(6);
  rig.add(
    OPEN,
    pipelineRecord(2, { members: [4, 5, 6].map((n) => ({ details: datanodeDetails(n), replicaIndex: 0 })) }),
  );
  rig.silence("STALE", [2]);
  equal(rig.stateOf(ID), "CLOSED");
  equal(rig.stateOf(pipelineRecord(2).pipelineId), "OPEN");
  rig.nodes.beat(2);
  rig.nodes.manager.tick(rig.nodes.nowMs);
  rig.report(ID, 1, 2, 3);
  equal(rig.stateOf(ID), "CLOSED");
});

test("pipelines of a DEAD datanode are closed and removed", () => {
  const rig = PipelineRig.of(3);
  rig.add(OPEN, pipelineRecord(2, { state: "CLOSED" }), pipelineRecord(3, { state: "DORMANT" }));
  rig.silence("DEAD", [2]);
  equal(rig.applied.state.pipelines.count, 0);
  ok(commandsOf(rig, 1).includes(`closePipelineCommand ${ID}`));
});

test("a datanode that leaves service has its pipelines closed", () => {
  for (const state of ["DECOMMISSIONING", "ENTERING_MAINTENANCE"] as const) {
    const rig = PipelineRig.of(3);
    rig.add(OPEN);
    rig.nodes.manager.applyIntent(uuidOf(3), { operationalState: state, expirySeconds: 0 });
    rig.settle();
    equal(rig.stateOf(ID), "CLOSED", state);
  }
});

test("what should have ended and found no room in the log ends when there is", () => {
  const rig = PipelineRig.of(3);
  rig.add(OPEN);
  rig.nodes.manager.applyIntent(uuidOf(3), { operationalState: "DECOMMISSIONING", expirySeconds: 0 });
  rig.time.turn();
  equal(rig.waiting.length, 1);
  rig.fail("OVERLOADED");
  rig.time.advance(1000);
  rig.settle();
  equal(rig.stateOf(ID), "CLOSED");
});

test("a datanode whose layout is behind has its pipelines closed; when it has caught up it is usable", () => {
  const rig = PipelineRig.of(3);
  rig.add(OPEN);
  const before = rig.usableCount;
  rig.nodes.beat(1, { layout: { metadata: 9, software: 10 } });
  rig.nodes.manager.tick(rig.nodes.nowMs);
  rig.settle();
  equal(rig.nodes.manager.index.at(rig.slotOf(1)).health, "HEALTHY_READONLY");
  equal(rig.stateOf(ID), "CLOSED");
  equal(rig.usableCount, before);
  rig.nodes.beat(1, { layout: { metadata: 10, software: 10 } });
  rig.nodes.manager.tick(rig.nodes.nowMs);
  rig.settle();
  equal(rig.usableCount, before + 1);
});

test("a datanode found elsewhere ends the pipelines that know its old address, and is usable", () => {
  const rig = PipelineRig.of(3);
  rig.add(OPEN);
  rig.nodes.accept(2);
  rig.settle();
  equal(rig.stateOf(ID), "OPEN");
  const before = rig.usableCount;
  rig.nodes.accept(2, { details: { ipAddress: "10.0.9.9" } });
  rig.settle();
  equal(rig.stateOf(ID), "none");
  equal(rig.usableCount, before + 1);
  deepEqual(commandsOf(rig, 3), [`closePipelineCommand ${ID}`]);
});

test("a datanode known by a pipeline of before its start, found elsewhere now, ends it", () => {
  const rig = PipelineRig.of(2);
  rig.add(OPEN);
  rig.nodes.accept(3, { details: { hostName: "elsewhere.example.org" } });
  rig.settle();
  equal(rig.stateOf(ID), "none");
});

test("what happened to datanodes while nobody led is made up for by the new leader", () => {
  const rig = PipelineRig.of(6);
  const other = [4, 5, 6].map((n) => ({ details: datanodeDetails(n), replicaIndex: 0 }));
  rig.add(OPEN, pipelineRecord(2, { members: other }));
  rig.lead(false);
  rig.silence("STALE", [3]);
  rig.nodes.manager.applyIntent(uuidOf(4), { operationalState: "DECOMMISSIONING", expirySeconds: 0 });
  rig.settle();
  deepEqual([rig.stateOf(ID), rig.stateOf(pipelineRecord(2).pipelineId)], ["OPEN", "OPEN"]);
  rig.lead();
  rig.settle();
  deepEqual([rig.stateOf(ID), rig.stateOf(pipelineRecord(2).pipelineId)], ["CLOSED", "CLOSED"]);
});

test("a member that goes while its pipeline is on the way into the log takes it along", () => {
  const replication = parseReplication("rs-3-2-1024k");
  const rig = PipelineRig.of(5);
  rig.manager.create({ replication, containerOwner: "om" }, () => {});
  rig.nodes.manager.applyIntent(uuidOf(3), { operationalState: "DECOMMISSIONING", expirySeconds: 0 });
  rig.settle();
  deepEqual(rig.applied.state.pipelines.index.counts, { ALLOCATED: 0, OPEN: 0, DORMANT: 0, CLOSED: 1 });
});
