import assert from "node:assert/strict";
import { test } from "node:test";
import { Exclusions } from "../../../../engine/cluster/blocks/exclusions.js";
import { parseReplication, ratis } from "../../../../engine/cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { WORK_PER_STEP } from "../../../../engine/services/block-waiters.js";
import { datanodeDetails, pipelineRecord, uuidOf } from "../../../support/cluster/builders.js";
import {
  type Block,
  BlockRig,
  CONTAINER_BYTES,
  type Outcome,
  WAIT_MS,
} from "../../../support/services/block-rig.js";

const EC = parseReplication("rs-3-2-1024k");

function idOf(pipeline: number): Uuid {
  return uuidOf(1_000_000 + pipeline);
}

function blocksOf(outcomes: readonly Outcome[]): readonly Block[] {
  const [outcome] = outcomes;
  assert.ok(outcome !== undefined, "the request has its outcome");
  assert.ok("blocks" in outcome, "error" in outcome ? outcome.error.message : "");
  return outcome.blocks;
}

function errorOf(outcomes: readonly Outcome[]): StrataError {
  const [outcome] = outcomes;
  assert.ok(outcome !== undefined && "error" in outcome, "the request is refused");
  return outcome.error;
}

/** Leads, with these open pipelines and their containers. */
function ready(...pipelines: number[]): BlockRig {
  const rig = new BlockRig().addPipelines(pipelines).lead();
  rig.settle();
  for (const _ of pipelines) {
    rig.request({ count: 4 });
    rig.settle();
  }
  return rig;
}

test("the first request waits for its container, the next ones are answered in the call", () => {
  const rig = new BlockRig().addPipelines([1]).lead().settle();
  const first = rig.request();
  assert.equal(first.length, 0);
  rig.settle();
  assert.equal(blocksOf(first).length, 1);
  const second = rig.allocate();
  assert.ok(second !== "waits");
  assert.equal(second[0]?.pipelineId, idOf(1));
  assert.equal(rig.openRoomCount, 0, "rooms are bound to containers, or given back");
});

test("containers are created up to the limit, and used in turn", () => {
  const rig = ready(1);
  const used = [1, 2, 3, 4].map(() => (rig.allocate() as readonly Block[])[0]?.containerId);
  assert.deepEqual(new Set(used).size, rig.containerLimit);
  assert.equal(used[0], used[2]);
  assert.equal(used[1], used[3]);
  rig.settle();
  assert.equal(rig.applied.state.containers.counts().byState.OPEN, rig.containerLimit);
});

test("no id is given out twice, in one call or in many", () => {
  const rig = ready(1, 2, 3);
  const seen = new Set<bigint>();
  let count = 0;
  for (const wanted of [1, 32, 700, 1, 4096, 5]) {
    const outcomes = rig.request({ count: wanted });
    rig.settle();
    for (const { localId } of blocksOf(outcomes)) seen.add(localId);
    count += wanted;
    assert.equal(seen.size, count);
  }
});

test("sizes: 0 and the container's are legal, below and above are refused", () => {
  const rig = ready(1);
  assert.ok(rig.allocate({ size: 0 }) !== "waits");
  assert.ok(rig.allocate({ size: CONTAINER_BYTES }) !== "waits");
  assert.equal(errorOf(rig.request({ size: CONTAINER_BYTES + 1 })).code, "INVALID_BLOCK_SIZE");
  assert.equal(errorOf(rig.request({ size: -1 })).code, "INVALID_BLOCK_SIZE");
});

test("no blocks, too many and nobody's are refused, and the text says what may be asked for", () => {
  const rig = ready(1);
  for (const count of [0, 4097, 1_000_000]) {
    const error = errorOf(rig.request({ count }));
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.message, /1 to 4096/);
  }
  assert.match(errorOf(rig.request({ owner: "" })).message, /owner/);
});

test("a configuration that makes no sense or is not allowed is refused", () => {
  const allowed = /^((STANDALONE|RATIS)\/(ONE|THREE))|(EC\/(3-2|6-3|10-4)-(512|1024|2048|4096)k)$/;
  const rig = new BlockRig({ allowed }).lead().settle();
  const refused = errorOf(rig.request({ replication: parseReplication("rs-2-1-1024k") }));
  assert.match(refused.message, /EC\/2-1-1024k.*allowed-configs/);
  assert.match(errorOf(rig.request({ replication: { ...ratis(3), factor: 2 } })).message, /factor 2/);
  // The codec is not part of the tested text.
  assert.equal(rig.request({ replication: parseReplication("xor-3-2-1024k") }).length, 0);
});

test("who does not lead, and who is in safe mode, gives nothing out", () => {
  const rig = ready(1);
  rig.context.safeMode = true;
  assert.equal(errorOf(rig.request()).code, "SAFE_MODE_EXCEPTION");
  rig.context.safeMode = false;
  rig.lead(false);
  assert.equal(errorOf(rig.request()).code, "NOT_LEADER");
});

test("a container without room is passed over by what is reported", () => {
  const rig = ready(1);
  const [first, second] = rig.applied.state.containers.open.of(pipelineRecord(1).pipelineId);
  rig.used.set(first as number, CONTAINER_BYTES - 9);
  for (let i = 0; i < 4; i++) {
    assert.equal((rig.allocate({ size: 10 }) as readonly Block[])[0]?.containerId, second);
  }
  const small = [1, 2].map(() => (rig.allocate({ size: 9 }) as readonly Block[])[0]?.containerId);
  assert.deepEqual(new Set(small), new Set([first, second]));
});

test("when all containers are full another one comes, also above the limit", () => {
  const rig = ready(1);
  for (const id of rig.applied.state.containers.open.of(pipelineRecord(1).pipelineId)) {
    rig.used.set(id, CONTAINER_BYTES);
  }
  const outcomes = rig.request({ size: 1 });
  rig.settle();
  const [block] = blocksOf(outcomes);
  assert.ok(block !== undefined && !rig.used.has(block.containerId));
  const open = rig.applied.state.containers.counts().byState.OPEN;
  assert.equal(open, rig.containerLimit + 1, "one more, not one for each that asks");
});

test("a closed container is not given out any more", () => {
  const rig = ready(1);
  const [first] = rig.applied.state.containers.open.of(pipelineRecord(1).pipelineId);
  const figures = { sequenceId: 0, usedBytes: 0, keyCount: 0 };
  const kind = OPERATION.transitionContainer;
  rig.apply({ kind, session: NO_SESSION, containerId: first as number, event: "FINALIZE", ...figures });
  for (let i = 0; i < 4; i++) {
    assert.notEqual((rig.allocate() as readonly Block[])[0]?.containerId, first);
  }
});

test("a closed pipeline is not given out any more", () => {
  const rig = ready(1, 2);
  const { pipelineId } = pipelineRecord(1);
  rig.apply({ kind: OPERATION.closePipeline, session: NO_SESSION, pipelineId, containers: [] });
  for (let i = 0; i < 20; i++) {
    assert.equal((rig.allocate() as readonly Block[])[0]?.pipelineId, idOf(2));
  }
});

test("owners never share a container", () => {
  const rig = ready(1);
  const of = (owner: string): Set<number> => {
    const outcomes = rig.request({ owner, count: 8 });
    rig.settle();
    return new Set(blocksOf(outcomes).map(({ containerId }) => containerId));
  };
  const [ours, theirs] = [of("om"), of("other")];
  for (const id of theirs) assert.ok(!ours.has(id));
  for (const id of theirs) assert.equal(rig.applied.state.containers.get(id)?.owner, "other");
});

test("an owner that asks all the time is kept ready, however many others there are", () => {
  const rig = ready(1);
  const group = rig.groups.of(ratis(3), "om");
  for (let i = 0; i < 200; i++) {
    rig.groups.of(ratis(3), `other${i}`);
    assert.equal(rig.groups.of(ratis(3), "om"), group);
  }
  let count = 0;
  rig.groups.visit(() => {
    count++;
  });
  assert.equal(count, 64);
});

test("names of owners cannot fill the memory: where there are many pipelines, fewer owners are kept", () => {
  const rig = new BlockRig().addPipelines(Array.from({ length: 8192 }, (_, i) => i + 1)).lead();
  const group = rig.groups.of(ratis(3), "om");
  for (let i = 0; i < 40; i++) {
    rig.groups.of(ratis(3), `other${i}`);
    assert.equal(rig.groups.of(ratis(3), "om"), group);
  }
  let pipelineCount = 0;
  rig.groups.visit(({ pipelines }) => {
    pipelineCount += pipelines.length;
  });
  assert.equal(pipelineCount, 16 * 8192);
});

test("blocks are spread evenly over the pipelines, whatever the batch", () => {
  for (const count of [1, 3, 32]) {
    const pipelines = [1, 2, 3, 4, 5, 6, 7, 8];
    const rig = ready(...pipelines);
    const blocksOn = new Map<string, number>();
    const total = 40_000;
    for (let given = 0; given < total; given += count) {
      const outcomes = rig.request({ count });
      rig.settle();
      for (const { pipelineId } of blocksOf(outcomes)) {
        blocksOn.set(pipelineId, (blocksOn.get(pipelineId) ?? 0) + 1);
      }
    }
    for (const pipeline of pipelines) {
      const share = (blocksOn.get(idOf(pipeline)) ?? 0) / (total / pipelines.length);
      assert.ok(Math.abs(share - 1) < 0.1, `${count} a call: pipeline ${pipeline} got ${share} of its share`);
    }
  }
});

test("excluded pipelines, datanodes and containers are avoided", () => {
  const rig = ready(1, 2);
  const other = { members: [4, 5, 6].map((node) => ({ details: datanodeDetails(node), replicaIndex: 0 })) };
  rig.addPipelines([3], other);
  rig.request({ excluded: { datanodes: [uuidOf(1)], containerIds: [], pipelineIds: [] } });
  rig.settle();
  for (let i = 0; i < 20; i++) {
    const excluded = { datanodes: [uuidOf(2)], containerIds: [], pipelineIds: [] };
    assert.equal((rig.allocate({ excluded }) as readonly Block[])[0]?.pipelineId, idOf(3));
  }
  const pipelineIds = [pipelineRecord(1).pipelineId, pipelineRecord(3).pipelineId];
  const [first] = rig.applied.state.containers.open.of(pipelineRecord(2).pipelineId);
  for (let i = 0; i < 20; i++) {
    const excluded = { datanodes: [], containerIds: [first as number], pipelineIds };
    const [block] = rig.allocate({ excluded }) as readonly Block[];
    assert.equal(block?.pipelineId, idOf(2));
    assert.notEqual(block?.containerId, first);
  }
});

test("with everything excluded the request still succeeds, and unknown ids change nothing", () => {
  const rig = ready(1, 2);
  const all = { datanodes: [uuidOf(1)], containerIds: [], pipelineIds: [] };
  assert.ok(rig.allocate({ excluded: all, count: 3 }) !== "waits");
  const unknown = { datanodes: [uuidOf(77)], containerIds: [999_999], pipelineIds: [uuidOf(78)] };
  assert.ok(rig.allocate({ excluded: unknown }) !== "waits");
});

test("with all containers of a pipeline excluded another one is created", () => {
  const rig = ready(1);
  const containerIds = rig.applied.state.containers.open.of(pipelineRecord(1).pipelineId).slice();
  const outcomes = rig.request({ excluded: { datanodes: [], containerIds, pipelineIds: [] } });
  rig.settle();
  const [block] = blocksOf(outcomes);
  assert.ok(block !== undefined && !containerIds.includes(block.containerId));
});

test("without room on any datanode a pipeline is asked for; when there is none, the text says why", () => {
  const rig = new BlockRig().addPipelines([1]).lead().settle();
  rig.full.add(idOf(1));
  const outcomes = rig.request();
  assert.equal(rig.asked.length, 1);
  rig.asked[0]?.[1](new StrataError("OVERLOADED", { reason: "no datanode is free" }));
  rig.time.turn();
  const error = errorOf(outcomes);
  assert.equal(error.code, "FAILED_TO_ALLOCATE_ENOUGH_BLOCKS");
  assert.match(error.message, /no datanode is free/);
  assert.equal(rig.applied.state.containers.counts().total, 0, "no container where there is no room");
});

test("a request waits for a new pipeline, and is answered when that opens", () => {
  const rig = new BlockRig().lead().settle();
  const outcomes = rig.request();
  assert.equal(rig.asked.length, 1);
  rig.asked[0]?.[1](pipelineRecord(5, { state: "ALLOCATED" }));
  rig.time.turn();
  assert.equal(outcomes.length, 0);
  rig.addPipelines([5]);
  rig.time.turn();
  rig.settle();
  assert.equal(blocksOf(outcomes)[0]?.pipelineId, idOf(5));
});

test("who waits too long is told so", () => {
  const rig = new BlockRig().lead().settle();
  const outcomes = rig.request();
  rig.time.advance(WAIT_MS + 200);
  assert.match(errorOf(outcomes).message, /within 60000 ms/);
  assert.equal(rig.service.waitingCount, 0);
});

test("who waits is given up when its connection has closed, and gets no blocks", () => {
  const rig = ready(1);
  rig.full.add(idOf(1));
  const [gone, stays] = [rig.request({ owner: "late" }), rig.request({ owner: "late" })];
  rig.hasLeft = (outcomes) => outcomes === gone;
  rig.time.advance(200);
  assert.equal(errorOf(gone).code, "CONNECTION_LOST");
  assert.deepEqual([stays.length, rig.service.waitingCount], [0, 1]);
  const { blocksAllocated } = rig.service.counters;
  rig.full.clear();
  rig.time.advance(2000);
  rig.settle();
  assert.equal(blocksOf(stays).length, 1);
  assert.equal(rig.service.counters.blocksAllocated, blocksAllocated + 1);
});

test("ten thousand that want much avoided hold nobody up: what they cost in a turn is bounded", (t) => {
  const pipelines = Array.from({ length: 100 }, (_, i) => i + 1);
  const rig = ready(...pipelines);
  for (const number of pipelines) rig.full.add(idOf(number));
  // All pipelines but one are avoided, and that one is full.
  const excluded = { datanodes: [], containerIds: [], pipelineIds: pipelines.slice(0, -1).map(idOf) };
  for (const id of rig.applied.state.containers.open.of(idOf(100))) rig.used.set(id, CONTAINER_BYTES);
  const waiting = Array.from({ length: 10_000 }, () => rig.request({ excluded }));
  assert.equal(rig.service.waitingCount, 10_000);
  const { hasPipeline } = Exclusions.prototype;
  t.after(() => Object.assign(Exclusions.prototype, { hasPipeline }));
  let [lookCount, lookCountMax] = [0, 0];
  Exclusions.prototype.hasPipeline = function (this: Exclusions, pipeline) {
    lookCount++;
    return hasPipeline.call(this, pipeline);
  };
  const advance = (ms: number): void => {
    for (let passedMs = 0; passedMs < ms; passedMs++) {
      lookCount = 0;
      rig.time.advance(1);
      lookCountMax = Math.max(lookCountMax, lookCount);
    }
  };
  for (const _ of [1, 2, 3]) {
    rig.service.roomChanged();
    advance(50);
  }
  assert.ok(lookCountMax > 0 && lookCountMax < 5 * WORK_PER_STEP, `${lookCountMax} looks in a turn`);
  // Room comes: everybody gets a block in the end.
  rig.used.clear();
  while (rig.service.waitingCount > 0) {
    advance(20);
    rig.settle();
  }
  assert.ok(waiting.every((outcomes) => blocksOf(outcomes).length === 1));
});

test("who waits for ids in vain is told why there are none", () => {
  const rig = ready(1);
  rig.refusal = new StrataError("SEQUENCE_EXHAUSTED", { name: "localId" });
  const outcomes = rig.request({ count: 4096 });
  rig.time.advance(WAIT_MS + 1000);
  assert.match(errorOf(outcomes).message, /localId/);
});

test("the end of a term ends those who wait, and what was reserved", () => {
  const rig = ready(1);
  const before = blocksOf(rig.request()).map(({ localId }) => localId);
  rig.full.add(idOf(1));
  const outcomes = rig.request({ owner: "late" });
  rig.lead(false);
  assert.equal(errorOf(outcomes).code, "NOT_LEADER");
  rig.lead();
  assert.equal(rig.request().length, 0, "ids of the earlier term are not used");
  rig.settle();
  const after = blocksOf(rig.request()).map(({ localId }) => localId);
  assert.ok((after[0] as bigint) > (before[0] as bigint));
});

test("all or none, unless less is allowed; no id is taken for nothing", () => {
  const rig = ready(1);
  rig.containerLimit = 1;
  const open = rig.applied.state.containers.open.of(pipelineRecord(1).pipelineId);
  for (const id of open) rig.used.set(id, CONTAINER_BYTES);
  const first = (rig.allocate({ size: 0 }) as readonly Block[])[0]?.localId as bigint;
  assert.equal(rig.allocate({ size: 1, count: 2 }), "waits");
  assert.equal(rig.allocate({ size: 1, count: 2, allowLess: true }), "waits", "nothing is not less");
  const next = (rig.allocate({ size: 0 }) as readonly Block[])[0]?.localId as bigint;
  assert.equal(next - first, 1n);
});

test("EC: pipelines are opened beside the requests up to the limit, each with the owner's container", () => {
  const rig = new BlockRig().lead().settle();
  rig.healthyNodeCount = 10;
  const outcomes = rig.request({ replication: EC });
  assert.equal(rig.asked.length, 1);
  assert.equal(rig.asked[0]?.[0].containerOwner, "om");
  openEc(rig, 1);
  rig.asked[0]?.[1](ecPipeline(1));
  rig.time.turn();
  rig.settle();
  assert.equal(blocksOf(outcomes)[0]?.pipelineId, idOf(1));
  assert.ok(rig.allocate({ replication: EC }) !== "waits", "answered while the next one is created");
  assert.equal(rig.asked.length, 2);
  openEc(rig, 2);
  rig.asked[1]?.[1](ecPipeline(2));
  rig.time.turn();
  for (let i = 0; i < 20; i++) rig.allocate({ replication: EC });
  assert.equal(rig.asked.length, 2, "the least number is reached, and there are no volumes for more");
});

test("EC: a full container ends its pipeline, an excluded one does not", () => {
  const rig = new BlockRig().lead().settle();
  openEc(rig, 1);
  openEc(rig, 2);
  rig.request({ replication: EC });
  rig.settle();
  const [full] = rig.applied.state.containers.open.of(ecPipeline(1).pipelineId);
  const [other] = rig.applied.state.containers.open.of(ecPipeline(2).pipelineId);
  const excluded = { datanodes: [], containerIds: [other as number], pipelineIds: [] };
  for (let i = 0; i < 20; i++) {
    const [block] = rig.allocate({ replication: EC, excluded }) as readonly Block[];
    assert.equal(block?.containerId, full);
  }
  assert.deepEqual(rig.closed, []);
  rig.used.set(full as number, CONTAINER_BYTES);
  for (let i = 0; i < 20; i++) rig.allocate({ replication: EC });
  assert.deepEqual(rig.closed, [idOf(1)], "once, until that has ended");
  rig.endClosing(new StrataError("OVERLOADED", { reason: "test" }));
  for (let i = 0; i < 20; i++) rig.allocate({ replication: EC });
  assert.deepEqual(rig.closed, [idOf(1), idOf(1)], "a refusal is tried again");
});

test("EC: with all pipelines full and the limit reached those that end make room for others", () => {
  const rig = new BlockRig().lead().settle();
  for (const number of [1, 2]) openEc(rig, number);
  rig.request({ replication: EC });
  rig.settle();
  for (const number of [1, 2]) rig.used.set(containerOf(rig, number), CONTAINER_BYTES);
  const outcomes = rig.request({ replication: EC });
  assert.deepEqual([new Set(rig.closed), outcomes.length], [new Set([idOf(1), idOf(2)]), 0]);
  rig.endClosing();
  assert.equal(rig.asked.length, 1);
  openEc(rig, 3);
  rig.asked[0]?.[1](ecPipeline(3));
  rig.time.turn();
  assert.equal(blocksOf(outcomes)[0]?.pipelineId, idOf(3));
});

test("EC: pipelines whose containers were closed do not stand in the way of others", () => {
  const rig = new BlockRig().lead().settle();
  for (const number of [1, 2]) openEc(rig, number);
  rig.request({ replication: EC });
  rig.settle();
  for (const number of [1, 2]) {
    const figures = { sequenceId: 0, usedBytes: 0, keyCount: 0 };
    const containerId = containerOf(rig, number);
    const kind = OPERATION.transitionContainer;
    rig.apply({ kind, session: NO_SESSION, containerId, event: "FINALIZE", ...figures });
  }
  const outcomes = rig.request({ replication: EC });
  assert.deepEqual([new Set(rig.closed), outcomes.length], [new Set([idOf(1), idOf(2)]), 0]);
  rig.endClosing();
  assert.equal(rig.asked.length, 1);
});

test("EC: whom a writer that avoids many datanodes cannot have, others can", () => {
  const rig = new BlockRig().lead().settle();
  rig.healthyNodeCount = 10;
  for (const number of [1, 2]) openEc(rig, number);
  rig.request({ replication: EC });
  rig.settle();
  const excluded = { datanodes: [uuidOf(1)], containerIds: [], pipelineIds: [] };
  rig.noPipeline = new StrataError("FAILED_TO_FIND_SUITABLE_NODE", { required: 5, reason: "test" });
  assert.match(errorOf(rig.request({ replication: EC, excluded })).message, /test/);
  rig.noPipeline = undefined;
  for (const number of [1, 2]) rig.used.set(containerOf(rig, number), CONTAINER_BYTES);
  assert.equal(rig.request({ replication: EC }).length, 0, "waits for a pipeline");
  assert.equal(rig.asked.length, 2);
});

test("EC: with all pipelines excluded and the limit reached the limit is that of the datanodes", () => {
  const rig = new BlockRig().lead().settle();
  rig.healthyNodeCount = 3;
  openEc(rig, 1);
  openEc(rig, 2);
  const excluded = { datanodes: [uuidOf(1)], containerIds: [], pipelineIds: [] };
  rig.request({ replication: EC, excluded });
  assert.equal(rig.asked.length, 1);
  openEc(rig, 3);
  rig.asked[0]?.[1](ecPipeline(3));
  rig.time.turn();
  rig.healthyNodeCount = 2;
  assert.match(errorOf(rig.request({ replication: EC, excluded })).message, /limit of 2 pipelines/);
});

function ecPipeline(number: number): ReturnType<typeof pipelineRecord> {
  const members = [1, 2, 3, 4, 5].map((node) => ({ details: datanodeDetails(node), replicaIndex: node }));
  return pipelineRecord(number, { replication: EC, members });
}

function containerOf(rig: BlockRig, pipeline: number): number {
  return rig.applied.state.containers.open.of(ecPipeline(pipeline).pipelineId)[0] as number;
}

function openEc(rig: BlockRig, number: number): void {
  const { pipelineId, replication, members } = ecPipeline(number);
  rig.apply({
    kind: OPERATION.createPipeline,
    session: NO_SESSION,
    pipeline: { pipelineId, replication, members },
    containerOwner: "om",
  });
}
