import assert from "node:assert/strict";
import { test } from "node:test";
import { isFieldSet } from "@bufbuild/protobuf";
import { StrataError } from "../../../../../engine/core/errors.js";
import { ContainerInfoProtoSchema } from "../../../../../protocol/hadoop/generated/hdds_pb.js";
import {
  SCMCloseContainerResponseProtoSchema,
  SCMListContainerResponseProtoSchema,
  Type,
} from "../../../../../protocol/hadoop/generated/location_pb.js";
import { remoteError } from "../../../../support/front/fake-main.js";
import {
  containerOf,
  EC,
  pipelineOf,
  type Request,
  SCM_EXCEPTION,
  setUp,
} from "../../../../support/front/location-world.js";
import { nodeOf, RATIS_THREE, uuidOf } from "../../../../support/records.js";

test("a container has every field that the reference sets, and no other", async () => {
  const { main, answer } = setUp();
  main.answers.getContainer = ({ containerId }) => ({ container: containerOf(containerId), health: 0 });
  const { getContainerResponse } = await answer(Type.GetContainer, {
    getContainerRequest: { containerID: 7n },
  });
  const info = getContainerResponse?.containerInfo;
  assert.ok(info !== undefined);
  const present = Object.values(ContainerInfoProtoSchema.field)
    .filter((field) => isFieldSet(info, field))
    .map(({ number }) => number);
  assert.deepEqual(present, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assert.equal(info.containerID, 7n);
  assert.equal(info.stateEnterTime, 1_792_000_000_000n);
  assert.equal(info.pipelineID?.id, uuidOf(500));

  main.answers.getContainer = ({ containerId }) => {
    const { pipelineId: _, ...rest } = containerOf(containerId, { replication: EC, suppressed: true });
    return { container: rest, health: 0 };
  };
  const other = await answer(Type.GetContainer, { getContainerRequest: { containerID: 7n } });
  const ec = other.getContainerResponse?.containerInfo;
  assert.ok(ec !== undefined);
  const presentOfEc = Object.values(ContainerInfoProtoSchema.field)
    .filter((field) => isFieldSet(ec, field))
    .map(({ number }) => number);
  assert.deepEqual(presentOfEc, [1, 2, 4, 5, 6, 7, 8, 9, 11, 12, 13]);
  assert.equal(ec.ecReplicationConfig?.codec, "rs");
});

test("clients from before erasure coding get an error in place of it", async () => {
  const { main, refusal, answer } = setUp();
  main.answers.getContainer = ({ containerId }) => ({
    container: containerOf(containerId, { replication: EC }),
    health: 0,
  });
  main.answers.listPipelines = () => ({ pipelines: [pipelineOf(1, { replication: EC })], more: false });
  const wanted = { version: 1, getContainerRequest: { containerID: 7n } };
  assert.match(await refusal(Type.GetContainer, wanted), new RegExp(`^${SCM_EXCEPTION} .*erasure coding`));
  assert.match(await refusal(Type.ListPipelines, { version: 1 }), /erasure coding/);
  assert.equal((await answer(Type.ListPipelines, { version: 2 })).listPipelineResponse?.pipelines.length, 1);
});

test("containers come with their pipeline, or with one made of their replicas", async () => {
  const { main, answer } = setUp();
  const read = (datanodes: readonly number[], replicaIndexes: readonly number[]) =>
    datanodes.map((datanode, i) => ({ datanode, replicaIndex: replicaIndexes[i] ?? 0 }));
  main.answers.getContainersWithPipelines = ({ containerIds }) => ({
    containers: [
      containerOf(1),
      containerOf(2, { state: "CLOSED" }),
      containerOf(3, { state: "CLOSED", replication: EC }),
      containerOf(4, { state: "CLOSED" }),
    ],
    pipelineOf: [0, 1, 2, 3],
    pipelines: [pipelineOf(500)],
    readPipelines: [read([1, 0], []), read([0, 1], [4, 2]), []],
    datanodes: [nodeOf(8).details, nodeOf(9).details],
    coveredCount: containerIds.length,
  });
  const request = { getContainerWithPipelineBatchRequest: { containerIDs: [1n, 2n, 3n, 4n] } };
  const shape = async () => {
    const { getContainerWithPipelineBatchResponse } = await answer(
      Type.GetContainerWithPipelineBatch,
      request,
    );
    return getContainerWithPipelineBatchResponse?.containerWithPipelines ?? [];
  };
  const found = await shape();
  assert.deepEqual(
    found.map(({ containerInfo }) => containerInfo?.containerID),
    [1n, 2n, 3n, 4n],
  );
  const pipelines = found.map(({ pipeline }) => pipeline);
  assert.equal(pipelines[0]?.id?.id, uuidOf(500));
  assert.deepEqual(
    pipelines[0]?.members[0]?.ports.map(({ name }) => name),
    ["RATIS"],
    "ports for input and output",
  );
  assert.deepEqual(
    pipelines[1]?.members.map(({ uuid }) => uuid),
    [uuidOf(9), uuidOf(8)],
  );
  assert.equal(pipelines[1]?.type, 1);
  assert.equal(pipelines[1].factor, 3);
  assert.equal(pipelines[1].leaderID, "");
  assert.deepEqual(pipelines[2]?.memberReplicaIndexes, [4, 2]);
  assert.deepEqual(pipelines[3]?.members, []);
  const ids = pipelines.map((pipeline) => pipeline?.id?.id);
  assert.equal(new Set(ids).size, 4, "other members, other ids: clients keep connections by them");
  assert.deepEqual(
    (await shape()).map(({ pipeline }) => pipeline?.id?.id),
    ids,
    "the same members, the same id",
  );
});

test("a batch that is larger than an answer of main is put together from several", async () => {
  const { main, answer, refusal } = setUp();
  main.answers.getContainersWithPipelines = ({ containerIds, existingOnly }) => {
    const covered = containerIds.slice(0, 100);
    const known = existingOnly ? covered.filter((id) => id % 2 === 0) : covered;
    return {
      containers: known.map((id) => containerOf(id)),
      pipelineOf: known.map(() => 0),
      pipelines: [pipelineOf(500)],
      readPipelines: [],
      datanodes: [],
      coveredCount: covered.length,
    };
  };
  const containerIDs = Array.from({ length: 600 }, (_, i) => BigInt(i + 1));
  const all = await answer(Type.GetContainerWithPipelineBatch, {
    getContainerWithPipelineBatchRequest: { containerIDs },
  });
  assert.deepEqual(
    all.getContainerWithPipelineBatchResponse?.containerWithPipelines.map(
      ({ containerInfo }) => containerInfo?.containerID,
    ),
    containerIDs,
  );
  const existing = await answer(Type.GetExistContainerWithPipelinesInBatch, {
    getExistContainerWithPipelinesInBatchRequest: { containerIDs: [0n, -5n, ...containerIDs, 2n ** 62n] },
  });
  const { containerWithPipelines = [] } = existing.getExistContainerWithPipelinesInBatchResponse ?? {};
  assert.equal(containerWithPipelines.length, 300);
  const wrong = { getContainerWithPipelineBatchRequest: { containerIDs: [1n, -5n] } };
  assert.equal(
    await refusal(Type.GetContainerWithPipelineBatch, wrong),
    "org.apache.hadoop.hdds.scm.container.ContainerNotFoundException Container #-5 not found",
  );
});

test("what is not found has its own class and the reference's text, the rest a code in front", async () => {
  const { main, context, refusal } = setUp();
  const missing = new StrataError("CONTAINER_NOT_FOUND", { containerId: 77 });
  main.answers.closeContainer = () => remoteError("CONTAINER_NOT_FOUND", missing.message);
  const close = { scmCloseContainerRequest: { containerID: 77n } };
  assert.equal(
    await refusal(Type.CloseContainer, close),
    "org.apache.hadoop.hdds.scm.container.ContainerNotFoundException Container #77 not found",
  );
  const gone = new StrataError("PIPELINE_NOT_FOUND", { pipelineId: uuidOf(5) });
  main.answers.closePipeline = () => remoteError("PIPELINE_NOT_FOUND", gone.message);
  assert.equal(
    await refusal(Type.ClosePipeline, { closePipelineRequest: { pipelineID: { id: uuidOf(5) } } }),
    `org.apache.hadoop.hdds.scm.pipeline.PipelineNotFoundException Pipeline-${uuidOf(5)} not found`,
  );
  main.answers.closeContainer = () => remoteError("CONTAINER_STATE", "it is DELETED");
  assert.equal(
    await refusal(Type.CloseContainer, close),
    `${SCM_EXCEPTION} UNEXPECTED_CONTAINER_STATE: it is DELETED`,
  );
  main.answers.closeContainer = () => remoteError("OUTCOME_UNKNOWN", "lost");
  assert.match(await refusal(Type.CloseContainer, close), /SCMException OUTCOME_UNKNOWN: lost; .* applied/);
  main.answers.closeContainer = () => new TypeError("a bug") as never;
  assert.deepEqual(context.toldBugs, []);
  assert.match(await refusal(Type.CloseContainer, close), /SCMException INTERNAL_ERROR: a bug/);
  assert.deepEqual(
    context.toldBugs.map(({ protocol, type, failure: { message } }) => [protocol, type, message]),
    [["org.apache.hadoop.hdds.scm.protocol.StorageContainerLocationProtocol", "CloseContainer", "a bug"]],
  );
});

test("closing leaves OK out and tells what was closed before", async () => {
  const { main, answer } = setUp();
  const close = { scmCloseContainerRequest: { containerID: 7n } };
  const { status } = SCMCloseContainerResponseProtoSchema.field;
  main.answers.closeContainer = () => ({ status: "OK" });
  const ok = (await answer(Type.CloseContainer, close)).scmCloseContainerResponse;
  assert.ok(ok !== undefined && !isFieldSet(ok, status) && ok.$unknown === undefined);
  main.answers.closeContainer = () => ({ status: "CONTAINER_ALREADY_CLOSED" });
  assert.equal((await answer(Type.CloseContainer, close)).scmCloseContainerResponse?.status, 2);
  main.answers.closeContainer = () => ({ status: "CONTAINER_ALREADY_CLOSING" });
  assert.equal((await answer(Type.CloseContainer, close)).scmCloseContainerResponse?.status, 3);
  assert.deepEqual(main.requests[0]?.request, {
    sessionId: 0,
    sequence: 0,
    ackedSequence: 0,
    containerId: 7,
  });
});

test("a list is as long as it was asked for, whatever main's pages, and counts all matches", async () => {
  const { main, answer, refusal } = setUp();
  let total = 5000;
  main.answers.listContainers = ({ startContainerId, countMax, state }) => {
    const first = Math.max(1, startContainerId);
    const count = Math.max(0, Math.min(countMax, 700, total - first + 1));
    const next = first + count;
    return {
      containers: Array.from({ length: count }, (_, i) => containerOf(first + i)),
      nextContainerId: next > total ? 0 : next,
      totalCount: total,
      ...(state === undefined ? { matchCount: total - first + 1 } : {}),
    };
  };
  const listed = async (request: object): Promise<[number, bigint | undefined]> => {
    const { scmListContainerResponse } = await answer(Type.ListContainer, {
      scmListContainerRequest: request,
    } as Request);
    assert.ok(scmListContainerResponse !== undefined);
    const { containerCount } = SCMListContainerResponseProtoSchema.field;
    const { containers } = scmListContainerResponse;
    const first = containers[0]?.containerID ?? 0n;
    for (const [i, each] of containers.entries()) assert.equal(each.containerID, first + BigInt(i));
    const hasCount = isFieldSet(scmListContainerResponse, containerCount);
    return [containers.length, hasCount ? scmListContainerResponse.containerCount : undefined];
  };
  assert.deepEqual(await listed({ count: 4096 }), [4096, 5000n]);
  assert.deepEqual(await listed({ count: 2 ** 32 - 1, startContainerID: 4001n }), [1000, 1000n]);
  assert.deepEqual(await listed({ count: 0 }), [0, 5000n]);
  assert.deepEqual(await listed({ count: 1000, state: 4 }), [1000, undefined], "nobody has counted them");
  assert.deepEqual(await listed({ count: 6000, state: 4 }), [5000, 5000n], "these are all");
  total = 300_000;
  const tooMany = { scmListContainerRequest: { count: 300_000 } };
  assert.match(await refusal(Type.ListContainer, tooMany), /SCMException INVALID_ARGUMENT: count/);
});

test("a list's filters: a factor or type alone, both, erasure coding with and without numbers", async () => {
  const { main, answer, refusal } = setUp();
  main.answers.listContainers = () => ({ containers: [], nextContainerId: 0, totalCount: 0, matchCount: 0 });
  const ecReplicationConfig = { data: 3, parity: 2, codec: "RS", ecChunkSize: 1_048_576 };
  const cases: readonly (readonly [object, object])[] = [
    [{ factor: 3 }, { replicationFactor: 3 }],
    [{ type: 1 }, { replicationType: "RATIS" }],
    [{ type: 1, factor: 3 }, { replication: RATIS_THREE }],
    [{ type: 4 }, { replicationType: "EC" }],
    [{ type: 4, factor: 1, ecReplicationConfig }, { replication: EC }],
    [
      { suppressed: false, state: 1 },
      { suppressed: false, state: "OPEN" },
    ],
  ];
  for (const [filter, expected] of cases) {
    main.requests.length = 0;
    await answer(Type.ListContainer, { scmListContainerRequest: { count: 10, ...filter } } as Request);
    assert.deepEqual(main.requests[0]?.request, { startContainerId: 0, countMax: 10, ...expected });
  }
  const chained = { scmListContainerRequest: { count: 1, type: 3 } } as Request;
  assert.match(await refusal(Type.ListContainer, chained), /SCMException INVALID_ARGUMENT/);
});

test("ids and counts of containers", async () => {
  const { main, answer } = setUp();
  main.answers.listContainerIds = ({ startContainerId, countMax }) => ({
    containerIds: Array.from({ length: Math.min(countMax, 3) }, (_, i) => startContainerId + 10 + i),
    nextContainerId: startContainerId < 30 ? startContainerId + 13 : 0,
  });
  const { scmListContainerIDsResponse } = await answer(Type.ListContainerIDs, {
    scmListContainerIDsRequest: { count: 100, startContainerID: { id: 5n } },
  });
  assert.deepEqual(
    scmListContainerIDsResponse?.containerIDs.map(({ id }) => id),
    [15n, 16n, 17n, 28n, 29n, 30n, 41n, 42n, 43n],
  );
  main.answers.getContainerCount = ({ state }) => ({ containerCount: state === "CLOSED" ? 3 : 12 });
  assert.equal((await answer(Type.GetContainerCount)).getContainerCountResponse?.containerCount, 12n);
  const closed = { getContainerCountRequest: { state: 4 } } as const;
  assert.equal((await answer(Type.GetContainerCount, closed)).getContainerCountResponse?.containerCount, 3n);
  const { getContainerCountResponse } = await answer(Type.GetClosedContainerCount);
  assert.equal(getContainerCountResponse?.containerCount, 3n);
});

test("replicas have text for state and place of birth, and a checksum of all 64 bits", async () => {
  const { main, answer } = setUp();
  const replica = {
    containerId: 7,
    datanode: uuidOf(1),
    state: "QUASI_CLOSED",
    originNodeId: uuidOf(2),
    replicaIndex: 2,
    sequenceId: 9,
    keyCount: 4,
    usedBytes: 5,
    isEmpty: false,
    dataChecksum: 2n ** 64n - 2n,
  } as const;
  main.answers.getContainerReplicas = () => ({ replicas: [replica], datanodes: [nodeOf(1).details] });
  const { getContainerReplicasResponse } = await answer(Type.GetContainerReplicas, {
    getContainerReplicasRequest: { containerID: 7n },
  });
  const [found] = getContainerReplicasResponse?.containerReplica ?? [];
  assert.ok(found !== undefined);
  assert.equal(found.state, "QUASI_CLOSED");
  assert.equal(found.placeOfBirth, uuidOf(2));
  assert.equal(found.datanodeDetails?.uuid, uuidOf(1));
  assert.equal(found.dataChecksum, -2n);
  assert.equal(found.replicaIndex, 2n);
});

test("allocation, suppression and reconciliation of containers", async () => {
  const { main, answer, refusal } = setUp();
  main.answers.allocateContainer = ({ replication }) => ({
    container: containerOf(9, { replication }),
    pipeline: pipelineOf(500),
  });
  const request = { containerRequest: { replicationType: 1, replicationFactor: 3, owner: "OZONE" } } as const;
  const { containerResponse } = await answer(Type.AllocateContainer, request);
  assert.equal(containerResponse?.errorCode, 1);
  assert.equal(containerResponse.containerWithPipeline?.containerInfo?.containerID, 9n);
  assert.equal(containerResponse.containerWithPipeline.pipeline?.members[0]?.ports.length, 1);

  main.answers.suppressContainers = ({ containerIds }) => ({
    failedContainerIds: containerIds.filter((id) => id > 2000),
  });
  const containerIDs = [-1n, ...Array.from({ length: 2001 }, (_, i) => BigInt(i + 1))];
  const { suppressContainerResponse } = await answer(Type.SuppressContainer, {
    suppressContainerRequest: { containerIDs, suppress: true },
  });
  assert.deepEqual(suppressContainerResponse?.failedContainerIDs, [-1n, 2001n]);

  main.answers.reconcileContainer = () => ({ commandCount: 3 });
  await answer(Type.ReconcileContainer, { reconcileContainerRequest: { containerID: 7n } });
  main.answers.reconcileContainer = () => remoteError("CONTAINER_INELIGIBLE", "it has one replica");
  const reconcile = { reconcileContainerRequest: { containerID: 7n } };
  assert.match(
    await refusal(Type.ReconcileContainer, reconcile),
    /SCMException UNSUPPORTED_OPERATION: it has/,
  );
});
