import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseReplication,
  type ReplicationConfig,
  ratis,
  requiredNodes,
  standAlone,
} from "../../../../../engine/cluster/containers/replication-config.js";
import type {
  ContainerFigures,
  CreatePipeline,
  NewPipeline,
  Operation,
} from "../../../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../../../engine/cluster/operation.js";
import { readCreatedPipeline } from "../../../../../engine/cluster/operation-result.js";
import type { SettablePipelineState } from "../../../../../engine/cluster/pipelines/pipeline-state.js";
import type { PipelineState } from "../../../../../engine/core/enums.js";
import type { Uuid } from "../../../../../engine/core/uuid.js";
import { AppliedState, flush, MemoryStateStore } from "../../../../support/cluster/applied-state.js";
import {
  containerRecord,
  datanodeDetails,
  importBatch,
  pipelineRecord,
  seedCluster,
  uuidOf,
} from "../../../../support/cluster/builders.js";

const EC = parseReplication("rs-3-2-1024k");
const ID = pipelineRecord(1).pipelineId;

function newPipeline(number: number, replication: ReplicationConfig = ratis(3)): NewPipeline {
  const members = Array.from({ length: requiredNodes(replication) }, (_, at) => ({
    details: datanodeDetails(at + 1),
    replicaIndex: replication.type === "EC" ? at + 1 : 0,
  }));
  return { pipelineId: uuidOf(1_000_000 + number), replication, members };
}

function create(pipeline: NewPipeline, containerOwner?: string): CreatePipeline {
  const owner = containerOwner === undefined ? {} : { containerOwner };
  return { kind: OPERATION.createPipeline, session: NO_SESSION, pipeline, ...owner };
}

function setState(state: SettablePipelineState, pipelineId: Uuid = ID, leaderId?: Uuid): Operation {
  const leader = leaderId === undefined ? {} : { leaderId };
  return { kind: OPERATION.setPipelineState, session: NO_SESSION, pipelineId, state, ...leader };
}

function close(pipelineId: Uuid = ID, containers: readonly ContainerFigures[] = []): Operation {
  return { kind: OPERATION.closePipeline, session: NO_SESSION, pipelineId, containers };
}

function remove(pipelineId: Uuid = ID): Operation {
  return { kind: OPERATION.removePipeline, session: NO_SESSION, pipelineId };
}

function cluster(): AppliedState {
  const applied = new AppliedState();
  applied.done(seedCluster());
  return applied;
}

function stateOf({ state }: AppliedState, id: Uuid = ID): string | undefined {
  return state.pipelines.get(id)?.state;
}

/** With a pipeline in this state. */
function clusterWith(state: PipelineState): AppliedState {
  const applied = cluster();
  applied.done(importBatch([], [pipelineRecord(1, { state })]));
  return applied;
}

test("a pipeline begins ALLOCATED, a STAND_ALONE one OPEN, with the times of the entry", () => {
  const applied = cluster();
  const cases: [ReplicationConfig, PipelineState][] = [
    [ratis(1), "ALLOCATED"],
    [ratis(3), "ALLOCATED"],
    [EC, "ALLOCATED"],
    [standAlone(1), "OPEN"],
    [standAlone(3), "OPEN"],
  ];
  for (const [number, [replication, state]] of cases.entries()) {
    applied.nowMs += 1000;
    const pipeline = { ...newPipeline(number, replication), suggestedLeaderId: uuidOf(1) };
    const { pipelineId } = pipeline;
    assert.deepEqual(readCreatedPipeline(applied.done(create(pipeline))), { pipelineId, containerId: 0 });
    const times = { creationTimeMs: applied.nowMs, stateEnterTimeMs: applied.nowMs };
    assert.deepEqual(applied.state.pipelines.get(pipelineId), { ...pipeline, state, ...times });
    assert.equal(applied.changedPipelines.pop(), pipelineId);
  }
  applied.state.checkInvariants();
});

test("a pipeline that exists, or has the wrong members, is refused", () => {
  const applied = cluster();
  applied.done(create(newPipeline(1)));
  assert.equal(applied.refused(create(newPipeline(1))), "DUPLICATED_PIPELINE_ID");
  const pipeline = newPipeline(2);
  const two = { ...pipeline, members: pipeline.members.slice(1) };
  const twice = { ...pipeline, members: [...two.members, ...two.members.slice(1)] };
  for (const wrong of [two, twice]) assert.equal(applied.refused(create(wrong)), "INVALID_ARGUMENT");
  assert.equal(applied.state.pipelines.count, 1);
});

test("an EC pipeline is open at once with its first container, or neither is there", () => {
  const applied = cluster();
  applied.done({ kind: OPERATION.reserveSequence, session: NO_SESSION, sequence: "containerId", count: 41 });
  const { pipelineId } = newPipeline(1, EC);
  const result = readCreatedPipeline(applied.done(create(newPipeline(1, EC), "om1")));
  assert.deepEqual(result, { pipelineId, containerId: 42 });
  assert.equal(stateOf(applied), "OPEN");
  const { owner, state, usedBytes, replication } = applied.state.containers.get(42) ?? {};
  assert.deepEqual(
    { owner, state, usedBytes, replication },
    { owner: "om1", state: "OPEN", usedBytes: 0, replication: EC },
  );
  assert.deepEqual(applied.state.containers.open.of(pipelineId), [42]);
  assert.equal(applied.state.sequences.last("containerId"), 42n);
  assert.equal(applied.refused(create(newPipeline(2, ratis(3)), "om1")), "INVALID_ARGUMENT");
  const rest = Number.MAX_SAFE_INTEGER - 42;
  const skipped = { localId: 0, delTxnId: 0, containerId: rest, CertificateId: 0 };
  applied.done({
    kind: OPERATION.newGroup,
    session: NO_SESSION,
    skipped,
    skippedSessionIds: 0,
    skippedNodeIds: 0,
  });
  assert.equal(applied.refused(create(newPipeline(3, EC), "om1")), "SEQUENCE_EXHAUSTED");
  assert.equal(applied.state.pipelines.count, 1);
  applied.state.checkInvariants();
});

test("a pipeline opens once its members have it, rests and wakes, and does nothing else", () => {
  const cases: [PipelineState, SettablePipelineState, PipelineState | undefined][] = [
    ["ALLOCATED", "OPEN", "OPEN"],
    ["ALLOCATED", "DORMANT", undefined],
    ["OPEN", "OPEN", "OPEN"],
    ["OPEN", "DORMANT", "DORMANT"],
    ["DORMANT", "OPEN", "OPEN"],
    ["DORMANT", "DORMANT", "DORMANT"],
    ["CLOSED", "OPEN", undefined],
    ["CLOSED", "DORMANT", undefined],
  ];
  for (const [from, to, end] of cases) {
    const applied = clusterWith(from);
    const before = applied.state.pipelines.get(ID);
    if (end === undefined) assert.equal(applied.refused(setState(to)), "INVALID_PIPELINE_STATE");
    else applied.done(setState(to));
    assert.equal(stateOf(applied), end ?? from, `${from} ${to}`);
    const isMoved = end !== undefined && end !== from;
    const after = applied.state.pipelines.get(ID);
    assert.equal(after?.stateEnterTimeMs, isMoved ? applied.nowMs : before?.stateEnterTimeMs);
    assert.equal(after?.creationTimeMs, before?.creationTimeMs);
    applied.state.checkInvariants();
  }
  assert.equal(cluster().refused(setState("OPEN")), "PIPELINE_NOT_FOUND");
});

test("the leader that was reported is stored when the pipeline opens, and kept after", () => {
  const applied = clusterWith("ALLOCATED");
  applied.done(setState("OPEN", ID, uuidOf(2)));
  applied.done(setState("DORMANT"));
  assert.equal(applied.state.pipelines.get(ID)?.leaderId, uuidOf(2));
});

test("a pipeline closes together with all its open containers, with the leader's figures", () => {
  const applied = clusterWith("OPEN");
  const on = { pipelineId: ID } as const;
  applied.done(
    importBatch([
      containerRecord(1, { ...on, state: "OPEN" }),
      containerRecord(2, { ...on, state: "OPEN" }),
      containerRecord(3, { ...on, state: "CLOSED" }),
      containerRecord(4, { state: "OPEN" }),
      containerRecord(5, { ...on, state: "OPEN" }),
    ]),
  );
  assert.deepEqual(applied.state.containers.open.of(ID), [1, 2, 5]);
  applied.nowMs += 5000;
  const figures = { sequenceId: 50, usedBytes: 999, keyCount: 3 };
  const told = [1, 3, 4].map((containerId) => ({ containerId, ...figures }));
  applied.done(close(ID, [...told, { containerId: 2, ...figures, sequenceId: 500 }]));
  const seen = [1, 2, 3, 4, 5].map((id) => {
    const { state, usedBytes, sequenceId } = applied.state.containers.get(id) ?? {};
    return [state, usedBytes, sequenceId];
  });
  assert.deepEqual(seen, [
    ["CLOSING", 999, 100],
    ["CLOSING", 999, 500],
    ["CLOSED", 1003, 100],
    ["OPEN", 1004, 100],
    ["CLOSING", 1005, 100],
  ]);
  assert.deepEqual(applied.state.containers.open.of(ID), []);
  const closed = applied.state.pipelines.get(ID);
  assert.deepEqual([closed?.state, closed?.stateEnterTimeMs], ["CLOSED", applied.nowMs]);
  applied.nowMs += 5000;
  applied.done(close());
  assert.equal(applied.state.pipelines.get(ID), closed, "closing again changes nothing");
  applied.state.checkInvariants();
});

test("only a closed pipeline is removed, from its row on disk too", () => {
  const applied = cluster();
  const store = new MemoryStateStore();
  for (const state of ["ALLOCATED", "OPEN", "DORMANT"] as const) {
    assert.equal(clusterWith(state).refused(remove()), "INVALID_PIPELINE_STATE");
  }
  applied.done(create(newPipeline(1)));
  applied.done(create(newPipeline(2)));
  applied.done(close());
  flush(applied.state, store);
  applied.done(remove());
  assert.equal(applied.refused(remove()), "PIPELINE_NOT_FOUND");
  assert.deepEqual(
    applied.state.pipelines.list(undefined, 9).map(({ pipelineId }) => pipelineId),
    [uuidOf(1_000_002)],
  );
  flush(applied.state, store);
  const loaded = store.load();
  assert.equal(loaded.state.pipelines.count, 1);
  assert.equal(loaded.state.hash(), applied.state.hash());
  loaded.state.checkInvariants();
});

test("times survive a restart, and open pipelines keep their order", () => {
  const applied = cluster();
  for (const number of [3, 1, 2]) {
    applied.nowMs += 1000;
    applied.done(create(newPipeline(number)));
  }
  for (const number of [2, 3, 1]) {
    applied.nowMs += 1000;
    applied.done(setState("OPEN", uuidOf(1_000_000 + number)));
  }
  const order = ({ state }: AppliedState): Uuid[] =>
    state.pipelines.index.openOf(ratis(3)).map(({ pipelineId }) => pipelineId);
  assert.deepEqual(
    order(applied),
    [2, 3, 1].map((number) => uuidOf(1_000_000 + number)),
  );
  const store = new MemoryStateStore();
  flush(applied.state, store);
  const loaded = store.load();
  assert.deepEqual(order(loaded), order(applied));
  assert.deepEqual(loaded.state.pipelines.get(ID), applied.state.pipelines.get(ID));
  store.reload(applied);
  assert.deepEqual(order(applied), order(loaded));
  assert.equal(applied.changedPipelines.at(-1), undefined);
});

test("members, counts and suggested leaders are found without looking at every pipeline", () => {
  const applied = cluster();
  const suggested = { suggestedLeaderId: uuidOf(1) };
  applied.done(create({ ...newPipeline(1), ...suggested }));
  applied.done(create({ ...newPipeline(2), ...suggested }));
  applied.done(create(newPipeline(3, ratis(1))));
  applied.done(create(newPipeline(4, EC), "om"));
  applied.done(setState("OPEN", uuidOf(1_000_002)));
  applied.done(close(ID));
  const { index } = applied.state.pipelines;
  assert.deepEqual(index.counts, { ALLOCATED: 1, OPEN: 2, DORMANT: 0, CLOSED: 1 });
  assert.deepEqual(index.countsOf(ratis(3)), { ALLOCATED: 0, OPEN: 1, DORMANT: 0, CLOSED: 1 });
  assert.deepEqual(index.countsOf(standAlone(1)), { ALLOCATED: 0, OPEN: 0, DORMANT: 0, CLOSED: 0 });
  const figures = [1, 2, 5].map((number) => {
    const node = uuidOf(number);
    const { size } = index.idsOfNode(node);
    return [size, index.activeCountOf(node), index.ratisThreeCountOf(node), index.suggestedCountOf(node)];
  });
  assert.deepEqual(figures, [
    [4, 3, 1, 1],
    [3, 2, 1, 0],
    [1, 1, 0, 0],
  ]);
  applied.state.checkInvariants();
});
