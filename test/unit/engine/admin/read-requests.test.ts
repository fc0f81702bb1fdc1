import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseReplication,
  ratis,
  standAlone,
} from "../../../../engine/cluster/containers/replication-config.js";
import {
  NODE_HEALTH,
  type NodeHealth,
  OPERATIONAL_STATE,
  type OperationalState,
} from "../../../../engine/core/enums.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import { type LocatedContainer, locatedContainers } from "../../../../protocol/client/located-containers.js";
import { FRAME_BYTES_MAX } from "../../../../protocol/schema/messages.js";
import type { ContainerRecord } from "../../../../protocol/schema/records.js";
import {
  containerRecord,
  datanodeDetails,
  pipelineRecord,
  uuidOf,
} from "../../../support/cluster/builders.js";
import { ContainerRig, factsOf } from "../../../support/cluster/container-rig.js";
import { eachSeed } from "../../../support/each-seed.js";

const EC = parseReplication("rs-3-2-1024k");
const PIPELINE = pipelineRecord(1);
const OPEN = { state: "OPEN", pipelineId: PIPELINE.pipelineId } as const;

function located(rig: ContainerRig, containerIds: readonly number[], existingOnly = false) {
  const answer = rig.answer("getContainersWithPipelines", { containerIds, existingOnly });
  return { answer, containers: locatedContainers(answer) };
}

function refusal(rig: ContainerRig, ...containerIds: readonly number[]): string | undefined {
  return rig.refusal("getContainersWithPipelines", { containerIds, existingOnly: false })?.split(":")[0];
}

/** Datanode numbers of the members, with their indexes where they have any. */
function membersOf({ location }: LocatedContainer): string[] {
  return location.members.map(({ details, replicaIndex }) => {
    const number = Number.parseInt(details.uuid.slice(-12), 16);
    return replicaIndex === 0 ? `${number}` : `${number}/${replicaIndex}`;
  });
}

test("containers that are open or closing have their own pipeline, each once, while it exists", () => {
  const rig = new ContainerRig();
  const gone = { state: "CLOSING", pipelineId: uuidOf(9) } as const;
  rig.add(
    [
      containerRecord(1, OPEN),
      containerRecord(2, { ...OPEN, state: "CLOSING" }),
      containerRecord(3, gone),
      containerRecord(4, { ...OPEN, state: "CLOSED" }),
      containerRecord(5, { ...OPEN, state: "QUASI_CLOSED" }),
    ],
    [PIPELINE],
  );
  for (let id = 1; id <= 5; id++) rig.report(id, factsOf(4, "OPEN"), factsOf(2, "OPEN"));
  const { answer, containers } = located(rig, [4, 1, 3, 2, 5, 1]);
  assert.deepEqual(
    containers.map(({ container, location }) => [container.containerId, location.pipelineId]),
    [
      [4, undefined],
      [1, PIPELINE.pipelineId],
      [3, undefined],
      [2, PIPELINE.pipelineId],
      [5, undefined],
      [1, PIPELINE.pipelineId],
    ],
  );
  assert.deepEqual(containers.map(membersOf)[0], ["4", "2"]);
  assert.deepEqual([answer.pipelines.length, answer.datanodes.length, answer.coveredCount], [1, 2, 6]);
  assert.deepEqual(answer.pipelines, [PIPELINE]);
});

test("the record of a container is the one that getContainer answers", () => {
  const rig = new ContainerRig();
  const large = { usedBytes: 2 ** 52, keyCount: 2 ** 40, sequenceId: 65_536, deleteTransactionId: 300 };
  rig.add(
    [
      containerRecord(1, OPEN),
      containerRecord(2, { ...large, replication: EC, suppressed: true, owner: "ö".repeat(100) }),
      containerRecord(70_000, { pipelineId: uuidOf(77), replication: standAlone(1), owner: "" }),
    ],
    [PIPELINE],
  );
  rig.live.set(1, { usedBytes: 5, keyCount: 6, sequenceId: 7 });
  const ids = [70_000, 1, 2];
  const singly = ids.map((containerId) => rig.answer("getContainer", { containerId }).container);
  assert.deepEqual(
    located(rig, ids).containers.map(({ container }) => container),
    singly,
  );
});

test("the first id that fails fails the batch, unless such are to be left out", () => {
  const rig = new ContainerRig();
  rig.add([containerRecord(1), containerRecord(3)]);
  const missing = { containerIds: [3, 9, 8, 1], existingOnly: false };
  assert.equal(
    rig.refusal("getContainersWithPipelines", missing),
    "CONTAINER_NOT_FOUND: container 9 does not exist",
  );
  const { answer, containers } = located(rig, [3, 9, 0, 1, 2], true);
  assert.deepEqual(
    containers.map(({ container }) => container.containerId),
    [3, 1],
  );
  assert.equal(answer.coveredCount, 5);
  assert.deepEqual(located(rig, []).containers, []);
});

test("a shard that cannot answer fails the batch", () => {
  const rig = new ContainerRig();
  rig.add([containerRecord(1), containerRecord(2)]);
  rig.facts.set(2, new StrataError("SHARD_UNAVAILABLE", { shard: 0 }));
  assert.equal(refusal(rig, 1, 2), "SHARD_UNAVAILABLE");
  assert.equal(located(rig, [1]).containers.length, 1);
});

test("in safe mode an open container needs all its replicas, closed ones and others do not", () => {
  const rig = new ContainerRig();
  rig.add([containerRecord(1, OPEN), containerRecord(2, OPEN), containerRecord(3)], [PIPELINE]);
  rig.report(1, factsOf(1, "OPEN"), factsOf(2, "OPEN"), factsOf(3, "OPEN"));
  rig.report(2, factsOf(1, "OPEN"), factsOf(2, "OPEN"));
  rig.context.safeMode = true;
  assert.equal(refusal(rig, 3, 1), undefined);
  assert.equal(refusal(rig, 1, 2), "SAFE_MODE_EXCEPTION");
  assert.equal(refusal(rig, 2, 9), "SAFE_MODE_EXCEPTION");
  assert.equal(refusal(rig, 1, 9, 2), "CONTAINER_NOT_FOUND");
  const { answer, containers } = located(rig, [2, 1, 2, 2, 3, 2], true);
  assert.deepEqual(
    containers.map(({ container, location }) => [container.containerId, location.pipelineId]),
    [
      [1, PIPELINE.pipelineId],
      [3, undefined],
    ],
  );
  assert.equal(answer.coveredCount, 6);
  rig.context.safeMode = false;
  assert.equal(refusal(rig, 1, 2), undefined);
});

test("a read pipeline is OPEN for STAND_ALONE, else ALLOCATED, and may be empty", () => {
  const rig = new ContainerRig();
  const configs = [standAlone(1), ratis(3), EC];
  rig.add(configs.map((replication, i) => containerRecord(i + 1, { replication })));
  rig.report(3, factsOf(7, "CLOSED", { replicaIndex: 5 }));
  const { containers } = located(rig, [1, 2, 3]);
  assert.deepEqual(
    containers.map(({ location }) => location.state),
    ["OPEN", "ALLOCATED", "ALLOCATED"],
  );
  assert.deepEqual(containers.map(membersOf), [[], [], ["7/5"]]);
});

test("what does not fit a frame is left to another request", () => {
  const rig = new ContainerRig();
  const ids = Array.from({ length: 256 }, (_, i) => i + 1);
  rig.add(ids.map((id) => containerRecord(id, { replication: EC })));
  for (const id of ids) {
    const holders = Array.from({ length: 14 }, (_, i) => factsOf(id * 14 + i, "CLOSED", { replicaIndex: 1 }));
    rig.report(id, ...holders);
  }
  const seen: LocatedContainer[] = [];
  let requestCount = 0;
  for (let rest = ids; rest.length > 0; requestCount++) {
    const { answer, containers } = located(rig, rest);
    assert.equal(answer.coveredCount, containers.length);
    seen.push(...containers);
    rest = rest.slice(answer.coveredCount);
  }
  assert.deepEqual(
    seen.map(({ container }) => container.containerId),
    ids,
  );
  assert.ok(seen.every(({ location }) => location.members.length === 14));
  const bytes = ids.length * 14 * JSON.stringify(datanodeDetails(1)).length;
  assert.ok(requestCount >= 2 && requestCount <= 2 * Math.ceil(bytes / FRAME_BYTES_MAX), `${requestCount}`);
});

test("replicas come with the details of their datanodes", () => {
  const rig = new ContainerRig();
  rig.add([containerRecord(1)]);
  rig.report(1, factsOf(5, "CLOSED"), factsOf(3, "CLOSED"));
  const { replicas, datanodes } = rig.answer("getContainerReplicas", { containerId: 1 });
  assert.deepEqual(
    replicas.map(({ datanode }) => datanode),
    [uuidOf(3), uuidOf(5)],
  );
  assert.deepEqual(datanodes, [datanodeDetails(3), datanodeDetails(5)]);
});

/** Spec 03 §6, in its words. */
function expectedMembers(rig: ContainerRig, { containerId, replication }: ContainerRecord): string[] {
  const found = rig.facts.get(containerId);
  if (found === undefined || found instanceof StrataError) return [];
  const states = (node: number) => ({
    health: "HEALTHY" as NodeHealth,
    operationalState: "IN_SERVICE" as OperationalState,
    ...rig.nodeStates.get(node),
  });
  const healthOrder = ["HEALTHY", "STALE", "DEAD"];
  const operationalOrder = [
    "IN_SERVICE",
    "ENTERING_MAINTENANCE",
    "IN_MAINTENANCE",
    "DECOMMISSIONING",
    "DECOMMISSIONED",
  ];
  const key = (node: number): number => {
    const { health, operationalState } = states(node);
    const healthy = health === "HEALTHY_READONLY" ? "HEALTHY" : health;
    return healthOrder.indexOf(healthy) * 10 + operationalOrder.indexOf(operationalState);
  };
  return found.replicas
    .filter(({ node }) => replication.type !== "EC" || states(node).health !== "DEAD")
    .toSorted((a, b) => key(a.node) - key(b.node))
    .map(({ node, replicaIndex }) => (replicaIndex === 0 ? `${node}` : `${node}/${replicaIndex}`));
}

test("read pipelines have the members that the rules give them, in their order", () =>
  eachSeed(40, async (random) => playReads(random)));

function playReads(random: SeededRandom): void {
  const rig = new ContainerRig();
  const containers = Array.from({ length: 30 }, (_, i) => {
    const replication = [ratis(1), ratis(3), standAlone(3), EC][random.below(4)] ?? EC;
    return containerRecord(i + 1, random.below(4) === 0 ? { ...OPEN, replication } : { replication });
  });
  rig.add(containers, [PIPELINE]);
  const pick = <K extends string>(names: Record<K, number>): K =>
    Object.keys(names)[random.below(Object.keys(names).length)] as K;
  for (let node = 0; node < 20; node++) {
    rig.nodeStates.set(node, { health: pick(NODE_HEALTH), operationalState: pick(OPERATIONAL_STATE) });
  }
  for (const { containerId, replication } of containers) {
    const nodes = Array.from({ length: 20 }, (_, node) => node).filter(() => random.below(5) === 0);
    const index = () => (replication.type === "EC" ? 1 + random.below(5) : 0);
    rig.report(containerId, ...nodes.map((node) => factsOf(node, "CLOSED", { replicaIndex: index() })));
  }
  for (let round = 0; round < 5; round++) {
    const ids = Array.from({ length: random.below(60) }, () => 1 + random.below(30));
    const answer = located(rig, ids).containers;
    assert.equal(answer.length, ids.length);
    for (const [i, one] of answer.entries()) {
      const container = containers[(ids[i] as number) - 1] as ContainerRecord;
      assert.equal(one.container.containerId, container.containerId);
      if (container.state === "OPEN") assert.equal(one.location.pipelineId, PIPELINE.pipelineId);
      else assert.deepEqual(membersOf(one), expectedMembers(rig, container));
    }
  }
}
