import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReplication, ratis } from "../../../../engine/cluster/containers/replication-config.js";
import { CONTAINER_STATE, type ContainerState } from "../../../../engine/core/enums.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { OperationName, RequestOf } from "../../../../protocol/schema/messages.js";
import type { ContainerRecord } from "../../../../protocol/schema/records.js";
import { containerRecord, pipelineRecord, uuidOf } from "../../../support/cluster/builders.js";
import { ContainerRig, factsOf } from "../../../support/cluster/container-rig.js";

const EC = parseReplication("rs-3-2-1024k");

/** Containers 1 … 30; every third is OPEN, every tenth of type EC and suppressed. */
function rigOfThirty(containerListCountMax?: number): ContainerRig {
  const rig = new ContainerRig(containerListCountMax);
  const containers = Array.from({ length: 30 }, (_, i) =>
    containerRecord(i + 1, {
      state: (i + 1) % 3 === 0 ? "OPEN" : "CLOSED",
      replication: (i + 1) % 10 === 0 ? EC : ratis(3),
      suppressed: (i + 1) % 10 === 0,
    }),
  );
  rig.add(containers);
  return rig;
}

/** Ids over all pages. */
function listed(rig: ContainerRig, filter: Partial<RequestOf<"listContainers">>, countMax: number): number[] {
  const ids: number[] = [];
  let startContainerId = filter.startContainerId ?? 0;
  do {
    const page = rig.answer("listContainers", { ...filter, startContainerId, countMax });
    assert.ok(page.containers.length <= countMax);
    ids.push(...page.containers.map(({ containerId }) => containerId));
    startContainerId = page.nextContainerId;
  } while (startContainerId !== 0);
  return ids;
}

function idsWhere(matches: (id: number) => boolean): number[] {
  return Array.from({ length: 30 }, (_, i) => i + 1).filter(matches);
}

test("a listing goes from page to page by id and knows how many match", () => {
  const rig = rigOfThirty();
  for (const countMax of [1, 7, 29, 30, 1024])
    assert.deepEqual(
      listed(rig, {}, countMax),
      idsWhere(() => true),
    );
  assert.deepEqual(
    listed(rig, { startContainerId: 10, state: "OPEN" }, 2),
    idsWhere((id) => id >= 10 && id % 3 === 0),
  );
  assert.deepEqual(
    listed(rig, { replicationType: "EC" }, 2),
    idsWhere((id) => id % 10 === 0),
  );
  assert.deepEqual(
    listed(rig, { suppressed: false }, 20),
    idsWhere((id) => id % 10 !== 0),
  );
  const { totalCount, matchCount } = rig.answer("listContainers", { startContainerId: 0, countMax: 1 });
  assert.deepEqual([totalCount, matchCount], [30, 30]);
});

test("a listing by a configuration takes exactly that one", () => {
  const rig = new ContainerRig();
  const configs = ["rs-3-2-1024k", "rs-6-3-1024k", "rs-3-2-512k", "RATIS/THREE", "rs-3-2-1024k"];
  rig.add(configs.map((text, i) => containerRecord(i + 1, { replication: parseReplication(text) })));
  assert.deepEqual(listed(rig, { replication: EC }, 10), [1, 5]);
  assert.deepEqual(listed(rig, { replication: ratis(3) }, 10), [4]);
  assert.deepEqual(listed(rig, { replication: ratis(1) }, 10), []);
});

test("a page has no more containers than the operator allows", () => {
  const rig = rigOfThirty(4);
  const page = rig.answer("listContainers", { startContainerId: 1, countMax: 1024 });
  assert.deepEqual([page.containers.length, page.nextContainerId], [4, 5]);
});

test("listings are counted", () => {
  const rig = rigOfThirty();
  rig.answer("listContainers", { startContainerId: 1, countMax: 1 });
  rig.answer("listContainerIds", { startContainerId: 1, countMax: 1 });
  assert.equal(rig.counters.listContainerOps, 2);
});

test("ids alone go from page to page, of one state or all", () => {
  const rig = rigOfThirty();
  const ids = (startContainerId: number, countMax: number, state?: ContainerState) => {
    const page = rig.answer("listContainerIds", { startContainerId, countMax, ...(state && { state }) });
    return [page.containerIds, page.nextContainerId];
  };
  assert.deepEqual(ids(0, 3), [[1, 2, 3], 4]);
  assert.deepEqual(ids(28, 8192), [[28, 29, 30], 0]);
  const [open] = ids(4, 2, "OPEN");
  assert.deepEqual(open, [6, 9]);
});

test("a container is answered with the pipeline that it was created on, while there is one", () => {
  const rig = new ContainerRig();
  const pipeline = pipelineRecord(1);
  rig.add(
    [
      containerRecord(1, { state: "OPEN", pipelineId: pipeline.pipelineId }),
      containerRecord(2, { pipelineId: uuidOf(99) }),
    ],
    [pipeline],
  );
  assert.equal(rig.answer("getContainer", { containerId: 1 }).pipeline?.pipelineId, pipeline.pipelineId);
  const closed = rig.answer("getContainer", { containerId: 2 });
  assert.deepEqual([closed.container.pipelineId, closed.pipeline], [uuidOf(99), undefined]);
});

test("several containers come in the order asked for, each pipeline once", () => {
  const rig = new ContainerRig();
  const { pipelineId } = pipelineRecord(1);
  rig.add(
    [1, 2, 3].map((id) => containerRecord(id, id < 3 ? { state: "OPEN", pipelineId } : {})),
    [pipelineRecord(1)],
  );
  const get = (existingOnly: boolean, ...containerIds: number[]) => {
    const answer = rig.answer("getContainers", { containerIds, existingOnly });
    return [answer.containers.map(({ containerId }) => containerId), answer.pipelines.length];
  };
  assert.deepEqual(get(false, 3, 1, 2, 1), [[3, 1, 2, 1], 1]);
  assert.deepEqual(get(true, 9, 3, 0), [[3], 0]);
  const missing = { containerIds: [1, 9, 8], existingOnly: false };
  assert.equal(rig.refusal("getContainers", missing), "CONTAINER_NOT_FOUND: container 9 does not exist");
  assert.deepEqual(get(false), [[], 0]);
});

test("containers are counted by state and in all", () => {
  const rig = rigOfThirty();
  assert.equal(rig.answer("getContainerCount", {}).containerCount, 30);
  assert.equal(rig.answer("getContainerCount", { state: "OPEN" }).containerCount, 10);
  assert.equal(rig.answer("getContainerCount", { state: "DELETED" }).containerCount, 0);
});

test("the report counts every state, and knows no health before the replication manager has run", () => {
  const { states, ...rest } = rigOfThirty().answer("containerReport", {});
  assert.deepEqual(
    states.map(({ state, containerCount }) => [state, containerCount]),
    Object.keys(CONTAINER_STATE).map((state) => [state, { OPEN: 10, CLOSED: 20 }[state] ?? 0]),
  );
  assert.deepEqual(rest, { timeMs: 0, sampleCountMax: 100, suppressedCount: 3, healths: [] });
});

test("containers have the figures that their replicas tell, where there are any", () => {
  const rig = new ContainerRig();
  rig.add([containerRecord(1, { state: "OPEN" }), containerRecord(2)]);
  rig.live.set(1, { usedBytes: 7, keyCount: 8, sequenceId: 101 });
  const expected = [
    [1, 7, 8, 101],
    [2, 1002, 10, 100],
  ];
  const shown = (containers: readonly ContainerRecord[]) =>
    containers.map((each) => [each.containerId, each.usedBytes, each.keyCount, each.sequenceId]);
  const list = rig.answer("listContainers", { startContainerId: 1, countMax: 9 });
  assert.deepEqual(shown(list.containers), expected);
  const many = rig.answer("getContainers", { containerIds: [1, 2], existingOnly: false });
  assert.deepEqual(shown(many.containers), expected);
  const each = [1, 2].map((id) => rig.answer("getContainer", { containerId: id }).container);
  assert.deepEqual(shown(each), expected);
});

test("replicas that are older than what the container has committed are marked", () => {
  const rig = new ContainerRig();
  rig.add([containerRecord(1, { state: "CLOSING" })]);
  rig.live.set(1, { usedBytes: 7, keyCount: 8, sequenceId: 101 });
  rig.report(1, factsOf(3, "CLOSED", { sequenceId: 101 }), factsOf(2, "CLOSED"));
  const { replicas } = rig.answer("getContainerReplicas", { containerId: 1 });
  assert.deepEqual(
    replicas.map(({ datanode, isStale }) => [datanode, isStale]),
    [
      [uuidOf(2), true],
      [uuidOf(3), undefined],
    ],
  );
});

test("replicas of a container that the SCM does not know are shown", () => {
  const rig = new ContainerRig();
  rig.report(77, factsOf(1, "OPEN"));
  assert.equal(rig.answer("getContainerReplicas", { containerId: 77 }).replicas.length, 1);
});

test("a datanode's containers go from page to page, with the states that the SCM knows", () => {
  const rig = new ContainerRig();
  rig.add([containerRecord(1), containerRecord(5, { state: "OPEN" })]);
  rig.nodeContainers.set(2, [1, 5, 900]);
  const uuid = uuidOf(2);
  assert.deepEqual(rig.answer("listNodeContainers", { uuid, startContainerId: 0, countMax: 2 }), {
    containers: [
      { containerId: 1, state: "CLOSED" },
      { containerId: 5, state: "OPEN" },
    ],
    nextContainerId: 900,
    totalCount: 3,
  });
  const last = rig.answer("listNodeContainers", { uuid, startContainerId: 900, countMax: 2 });
  assert.deepEqual(last, {
    containers: [{ containerId: 900 }],
    nextContainerId: 0,
    totalCount: 3,
  });
});

test("wrong requests are refused, each with its reason", () => {
  const rig = rigOfThirty();
  const refused = (name: OperationName, request: object) => rig.refusal(name, request) ?? "answered";
  const outOf = (max: number, is: number) => `INVALID_ARGUMENT: countMax: must be 1 to ${max}, is ${is}`;
  assert.equal(refused("listContainers", { startContainerId: 1, countMax: 0 }), outOf(1024, 0));
  assert.equal(refused("listContainers", { startContainerId: 1, countMax: 1025 }), outOf(1024, 1025));
  assert.equal(refused("listContainerIds", { startContainerId: 1, countMax: 0 }), outOf(8192, 0));
  assert.equal(refused("listContainerIds", { startContainerId: 1, countMax: 8193 }), outOf(8192, 8193));
  const node = { uuid: uuidOf(1), startContainerId: 1 };
  assert.equal(refused("listNodeContainers", { ...node, countMax: 4097 }), outOf(4096, 4097));
  assert.match(refused("listNodeContainers", { ...node, countMax: 1 }), /^NO_SUCH_DATANODE/);
  assert.match(refused("getContainer", { containerId: 31 }), /^CONTAINER_NOT_FOUND/);
  assert.match(refused("getContainer", { containerId: 0 }), /^CONTAINER_NOT_FOUND/);
  assert.match(refused("getContainerReplicas", { containerId: 0 }), /^INVALID_ARGUMENT: containerId/);
});

test("a shard that is being rebuilt says so", () => {
  const rig = new ContainerRig();
  rig.facts.set(1, new StrataError("SHARD_UNAVAILABLE", { shard: 0 }));
  assert.match(rig.refusal("getContainerReplicas", { containerId: 1 }) ?? "", /^SHARD_UNAVAILABLE/);
});
