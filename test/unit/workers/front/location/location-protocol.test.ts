import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import { StrataError } from "../../../../../engine/core/errors.js";
import {
  ContainerInfoProtoSchema,
  DatanodeUsageInfoProtoSchema,
} from "../../../../../protocol/hadoop/generated/hdds_pb.js";
import {
  SCMCloseContainerResponseProtoSchema,
  SCMListContainerResponseProtoSchema,
  ScmContainerLocationRequestSchema,
  type ScmContainerLocationResponse,
  ScmContainerLocationResponseSchema,
  Type,
} from "../../../../../protocol/hadoop/generated/location_pb.js";
import { decodeMessage, encodeMessage } from "../../../../../protocol/hadoop/message.js";
import type {
  ContainerRecord,
  PipelineRecord,
  ReplicationRecord,
} from "../../../../../protocol/schema/records.js";
import { LocationProtocol } from "../../../../../workers/front/location/location-protocol.js";
import type { CallOutcome } from "../../../../support/front/fake-main.js";
import { callOf, contextOf, FakeMain, remoteError } from "../../../../support/front/fake-main.js";
import { nodeOf, RATIS_THREE, uuidOf, volumeOf } from "../../../../support/records.js";

type Message = MessageInitShape<typeof ScmContainerLocationRequestSchema>;
type Request = Partial<Message>;

const SCM_EXCEPTION = "org.apache.hadoop.hdds.scm.exceptions.SCMException";
const EC: ReplicationRecord = {
  type: "EC",
  factor: 5,
  ecData: 3,
  ecParity: 2,
  ecChunkBytes: 1_048_576,
  ecCodec: "rs",
};

function containerOf(containerId: number, changes: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    containerId,
    state: "OPEN",
    replication: RATIS_THREE,
    pipelineId: uuidOf(500),
    owner: "om1",
    usedBytes: 10,
    keyCount: 2,
    sequenceId: 3,
    deleteTransactionId: 0,
    stateEnterTimeMs: 1_792_000_000_000,
    suppressed: false,
    ...changes,
  };
}

function pipelineOf(number: number, changes: Partial<PipelineRecord> = {}): PipelineRecord {
  const ports = [
    { name: "RATIS", value: 9858 },
    { name: "HTTP", value: 9882 },
  ];
  return {
    pipelineId: uuidOf(number),
    replication: RATIS_THREE,
    state: "OPEN",
    members: [1, 2, 3].map((node) => ({ details: { ...nodeOf(node).details, ports }, replicaIndex: 0 })),
    leaderId: uuidOf(1),
    creationTimeMs: 5,
    stateEnterTimeMs: 6,
    ...changes,
  };
}

interface SetUp {
  readonly main: FakeMain;
  outcome(type: Type, request?: Request): Promise<CallOutcome>;
  answer(type: Type, request?: Request): Promise<ScmContainerLocationResponse>;
  refusal(type: Type, request?: Request): Promise<string>;
}

function setUp(): SetUp {
  const main = new FakeMain();
  main.answers.findLeader = () => ({ term: 3, isLeader: true });
  const protocol = new LocationProtocol(contextOf(main));
  const outcome = (cmdType: Type, request: Request = {}): Promise<CallOutcome> => {
    const message = { cmdType, traceID: "", version: 3, ...request } as Message;
    const body = encodeMessage(ScmContainerLocationRequestSchema, message);
    return callOf(protocol, body, { method: "submitRequest" });
  };
  return {
    main,
    outcome,
    async answer(type, request) {
      const answered = await outcome(type, request);
      assert.ok("reply" in answered, JSON.stringify(answered));
      const message = decodeMessage(ScmContainerLocationResponseSchema, answered.reply);
      const { field } = ScmContainerLocationResponseSchema;
      assert.equal(message.cmdType, type);
      assert.equal(message.status, 1);
      for (const absent of [field.traceID, field.success, field.message]) {
        assert.equal(isFieldSet(message, absent), false, `${absent.name} is not sent`);
      }
      const bodies = Object.values(field).filter((each) => each.number > 5 && isFieldSet(message, each));
      const offset = type < 37 ? 5 : type === 37 ? 1 : 4;
      assert.deepEqual(
        bodies.map(({ number }) => number),
        [type + offset],
      );
      return message;
    },
    async refusal(type, request) {
      const refused = await outcome(type, request);
      assert.ok("className" in refused, "it was answered");
      return `${refused.className} ${refused.message}`;
    },
  };
}

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
  const { main, refusal } = setUp();
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
  assert.match(await refusal(Type.CloseContainer, close), /SCMException INTERNAL_ERROR: a bug/);
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

test("pipelines are listed over all pages with all ports, and changed by either form of id", async () => {
  const { main, answer } = setUp();
  main.answers.listPipelines = ({ after }) =>
    after === undefined
      ? { pipelines: [pipelineOf(1)], more: true, next: uuidOf(50) }
      : { pipelines: [pipelineOf(51, { state: "ALLOCATED" })], more: false };
  const { listPipelineResponse } = await answer(Type.ListPipelines);
  assert.deepEqual(
    listPipelineResponse?.pipelines.map(({ id, state }) => [id?.id, state]),
    [
      [uuidOf(1), 2],
      [uuidOf(51), 1],
    ],
  );
  assert.deepEqual(
    listPipelineResponse?.pipelines[0]?.members[0]?.ports.map(({ name }) => name),
    ["RATIS", "HTTP"],
  );
  main.answers.getPipeline = ({ pipelineId }) => ({ pipeline: { ...pipelineOf(1), pipelineId } });
  const asText = { pipelineID: { id: uuidOf(8) } };
  const asBits = { pipelineID: { uuid128: { mostSigBits: 0x4000n, leastSigBits: -(2n ** 63n) + 8n } } };
  for (const getPipelineRequest of [asText, asBits]) {
    const { getPipelineResponse } = await answer(Type.GetPipeline, { getPipelineRequest });
    assert.equal(getPipelineResponse?.pipeline?.id?.id, uuidOf(8));
  }
  for (const name of ["activatePipeline", "deactivatePipeline", "closePipeline"] as const) {
    main.answers[name] = () => ({});
  }
  await answer(Type.ActivatePipeline, { activatePipelineRequest: asText });
  await answer(Type.DeactivatePipeline, { deactivatePipelineRequest: asBits });
  await answer(Type.ClosePipeline, { closePipelineRequest: asText });
  main.answers.createPipeline = ({ replication }) => ({ pipeline: pipelineOf(3, { replication }) });
  const { pipelineResponse } = await answer(Type.AllocatePipeline, {
    pipelineRequest: { replicationType: 1, replicationFactor: 1 },
  });
  assert.equal(pipelineResponse?.errorCode, 1);
  assert.equal(pipelineResponse.pipeline?.factor, 1);
});

test("datanodes are found by health, state and id, with their volumes", async () => {
  const { main, answer, refusal } = setUp();
  const failed = volumeOf({ failed: true, storageLocation: "/data/2" });
  const report = { storageReports: [volumeOf(), failed], metadataStorageReports: [] };
  main.answers.listNodes = ({ after }) =>
    after === undefined
      ? { nodes: [nodeOf(1, { report }), nodeOf(2)], more: true }
      : { nodes: [nodeOf(3, { health: "DEAD" })], more: false };
  const nodeQueryRequest = { scope: 1, poolName: "", state: 1, opState: 4 } as const;
  const { nodeQueryResponse } = await answer(Type.QueryNode, { nodeQueryRequest });
  assert.deepEqual(main.requests[0]?.request, {
    health: "HEALTHY",
    operationalState: "DECOMMISSIONING",
    countMax: 64,
  });
  const [first, , third] = nodeQueryResponse?.datanodes ?? [];
  assert.deepEqual(first?.nodeStates, [1]);
  assert.deepEqual(first.nodeOperationalStates, [1]);
  assert.deepEqual(
    [first.totalVolumeCount, first.healthyVolumeCount, first.failedVolumes],
    [2, 1, ["/data/2"]],
  );
  assert.deepEqual(third?.nodeStates, [3]);
  const pool = { nodeQueryRequest: { scope: 2 } } as const;
  assert.match(await refusal(Type.QueryNode, pool), /SCMException INVALID_ARGUMENT: scope/);

  main.answers.getNode = ({ uuid }) =>
    uuid === uuidOf(1)
      ? { node: nodeOf(1) }
      : remoteError("NO_SUCH_DATANODE", `datanode ${uuid} is not known`);
  const bits = (low: bigint) => ({
    singleNodeQueryRequest: { uuid: { mostSigBits: 0x4000n, leastSigBits: -(2n ** 63n) + low } },
  });
  const { singleNodeQueryResponse } = await answer(Type.SingleNodeQuery, bits(1n));
  assert.equal(singleNodeQueryResponse?.datanode?.nodeID?.uuid, uuidOf(1));
  assert.match(await refusal(Type.SingleNodeQuery, bits(9n)), /SCMException NO_SUCH_DATANODE: /);
});

test("usage is told of one datanode, of those at an address, of the most and least used", async () => {
  const { main, answer, refusal } = setUp();
  const nodeWith = (number: number, remaining: number) => {
    const report = { storageReports: [volumeOf({ remaining })], metadataStorageReports: [] };
    return nodeOf(number, { report });
  };
  const nodes = [nodeWith(1, 500), nodeWith(2, 100), nodeWith(3, 900)];
  main.answers.listNodes = () => ({ nodes, more: false });
  main.answers.getNode = () => ({ node: nodes[0] as (typeof nodes)[number] });
  const usage = async (request: object): Promise<(string | undefined)[]> => {
    const { DatanodeUsageInfoResponse } = await answer(Type.DatanodeUsageInfo, {
      DatanodeUsageInfoRequest: request,
    } as Request);
    return DatanodeUsageInfoResponse?.info.map(({ node }) => node?.hostName) ?? [];
  };
  assert.deepEqual(await usage({ mostUsed: true, count: 2 }), ["dn2.example.com", "dn1.example.com"]);
  const least = ["dn3.example.com", "dn1.example.com", "dn2.example.com"];
  assert.deepEqual(await usage({ mostUsed: false, count: 2 ** 31 - 1 }), least);
  assert.deepEqual(main.requests.at(-1)?.request, {
    health: "HEALTHY",
    operationalState: "IN_SERVICE",
    countMax: 64,
  });
  assert.deepEqual(await usage({ ipaddress: "10.0.0.2" }), ["dn2.example.com"]);
  assert.deepEqual(await usage({ ipaddress: "dn3.example.com" }), ["dn3.example.com"]);
  assert.deepEqual(await usage({ ipaddress: "10.9.9.9" }), []);
  assert.deepEqual(await usage({ ipaddress: "10.0.0.2", uuid: uuidOf(1) }), ["dn1.example.com"]);
  assert.match(
    await refusal(Type.DatanodeUsageInfo, { DatanodeUsageInfoRequest: { mostUsed: true, count: 0 } }),
    /SCMException INVALID_ARGUMENT: count/,
  );
  const { DatanodeUsageInfoResponse } = await answer(Type.DatanodeUsageInfo, {
    DatanodeUsageInfoRequest: { uuid: uuidOf(1) },
  });
  const [info] = DatanodeUsageInfoResponse?.info ?? [];
  assert.ok(info !== undefined);
  const present = Object.values(DatanodeUsageInfoProtoSchema.field)
    .filter((field) => isFieldSet(info, field))
    .map(({ number }) => number);
  assert.deepEqual(present, [1, 2, 3, 4, 5, 6, 7, 8, 9], "no file system figures were reported");
});

test("roles are texts of five parts", async () => {
  const { main, answer } = setUp();
  const peer = { nodeId: 1, scmId: uuidOf(77), host: "scm1", ratisPort: 9894, address: "10.0.0.1" };
  main.answers.scmRoles = () => ({
    peers: [
      { ...peer, role: "LEADER" },
      { ...peer, nodeId: 2, scmId: uuidOf(78), host: "localhost", address: "", role: "FOLLOWER" },
      { ...peer, nodeId: 3, scmId: uuidOf(79), host: "no-such-host.invalid", address: "", role: "LEARNER" },
    ],
  });
  const { getScmInfoResponse } = await answer(Type.GetScmInfo);
  assert.equal(getScmInfoResponse?.clusterId, "CID-1");
  assert.equal(getScmInfoResponse.scmId, uuidOf(77));
  assert.deepEqual(getScmInfoResponse.peerRoles, [
    `scm1:9894:LEADER:${uuidOf(77)}:10.0.0.1`,
    `localhost:9894:FOLLOWER:${uuidOf(78)}:127.0.0.1`,
    `no-such-host.invalid:9894:FOLLOWER:${uuidOf(79)}:no-such-host.invalid`,
  ]);
});

test("the report has all keys of the reference, with zeros for what is not known", async () => {
  const { main, answer } = setUp();
  main.answers.containerReport = () => ({
    timeMs: 0,
    sampleCountMax: 100,
    states: [{ state: "CLOSED", containerCount: 12 }],
    suppressedCount: 0,
    healths: [],
  });
  const { getReplicationManagerReportResponse } = await answer(Type.GetReplicationManagerReport);
  const report = getReplicationManagerReportResponse?.report;
  assert.equal(report?.timestamp, 0n);
  assert.equal(report.sampleLimit, 100);
  const counts = Object.fromEntries(report.stat.map(({ key, value }) => [key, value]));
  const keys =
    "OPEN CLOSING QUASI_CLOSED CLOSED DELETING DELETED RECOVERING HEALTHY UNDER_REPLICATED MIS_REPLICATED " +
    "OVER_REPLICATED MISSING UNHEALTHY EMPTY OPEN_UNHEALTHY QUASI_CLOSED_STUCK OPEN_WITHOUT_PIPELINE " +
    "UNHEALTHY_UNDER_REPLICATED UNHEALTHY_OVER_REPLICATED MISSING_UNDER_REPLICATED " +
    "QUASI_CLOSED_STUCK_UNDER_REPLICATED QUASI_CLOSED_STUCK_OVER_REPLICATED QUASI_CLOSED_STUCK_MISSING";
  assert.deepEqual(Object.keys(counts).sort(), keys.split(" ").sort());
  assert.equal(counts["CLOSED"], 12n);
  assert.equal(counts["MISSING"], 0n);
});

test("what needs no leader is answered without main", async () => {
  const { main, answer } = setUp();
  main.answers.findLeader = () => ({ term: 3, isLeader: false });
  assert.equal((await answer(Type.InSafeMode)).inSafeModeResponse?.inSafeMode, false);
  assert.equal((await answer(Type.ForceExitSafeMode)).forceExitSafeModeResponse?.exitedSafeMode, true);
  const { getSafeModeRuleStatusesResponse } = await answer(Type.GetSafeModeRuleStatuses);
  assert.deepEqual(getSafeModeRuleStatusesResponse?.safeModeRuleStatusesProto, []);
  await answer(Type.StopReplicationManager);
  assert.equal(main.requests.length, 0);
});

test("a follower sends those away who need the leader", async () => {
  const { main, refusal } = setUp();
  main.answers.findLeader = () => ({ term: 3, isLeader: false });
  for (const type of [Type.GetScmInfo, Type.GetReplicationManagerStatus]) {
    assert.match(
      await refusal(type),
      /^org\.apache\.hadoop\.hdds\.ratis\.ServerNotLeaderException SCM Server:/,
    );
  }
});

test("leadership is handed over, and SCMs are removed with the refusal in the body", async () => {
  const { main, answer, refusal } = setUp();
  main.answers.transferLeadership = () => ({ scmId: uuidOf(78) });
  await answer(Type.TransferLeadership, { transferScmLeadershipRequest: { newLeaderId: "" } });
  await answer(Type.TransferLeadership, { transferScmLeadershipRequest: { newLeaderId: uuidOf(78) } });
  assert.deepEqual(
    main.requests.map(({ request }) => request),
    [{}, { scmId: uuidOf(78) }],
  );
  const wrong = { transferScmLeadershipRequest: { newLeaderId: "scm2" } };
  assert.match(await refusal(Type.TransferLeadership, wrong), /SCMException INVALID_ARGUMENT: newLeaderId/);

  const decommissionScmRequest = { scmId: uuidOf(78) };
  main.answers.decommissionScm = () => ({ configVersion: 4 });
  const done = await answer(Type.DecommissionScm, { decommissionScmRequest });
  assert.equal(done.decommissionScmResponse?.success, true);
  main.answers.decommissionScm = () => remoteError("CHANGE_REFUSED", "too few are left");
  const { decommissionScmResponse } = await answer(Type.DecommissionScm, { decommissionScmRequest });
  assert.equal(decommissionScmResponse?.success, false);
  assert.equal(decommissionScmResponse.errorMsg, "CHANGE_REFUSED: too few are left");
});

test("every other type says that it is not supported, by a class that ends the client at once", async () => {
  const { refusal } = setUp();
  const bodies: Partial<Record<keyof typeof Type, Request>> = {
    DeleteContainer: { scmDeleteContainerRequest: { containerID: 7n } },
    FinalizeScmUpgrade: { finalizeScmUpgradeRequest: { upgradeClientId: "c" } },
  };
  const types = [
    "DeleteContainer",
    "DecommissionNodes",
    "RecommissionNodes",
    "StartMaintenanceNodes",
    "GetContainerToken",
    "StartContainerBalancer",
    "StopContainerBalancer",
    "GetContainerBalancerStatus",
    "GetContainerBalancerStatusInfo",
    "FinalizeScmUpgrade",
    "QueryUpgradeFinalizationProgress",
    "GetContainersOnDecomNode",
    "GetMetrics",
    "StartReplicationManager",
    "GetDeletedBlocksTransactionSummary",
  ] as const;
  for (const type of types) {
    assert.equal(
      await refusal(Type[type], bodies[type]),
      `${SCM_EXCEPTION} UNSUPPORTED_OPERATION: ${type}: not supported yet by Strata`,
    );
  }
});

test("requests without body, of unknown types, and what is no message are errors of decoding", async () => {
  const { refusal, main } = setUp();
  const unreadable = "com.google.protobuf.InvalidProtocolBufferException";
  assert.equal(
    await refusal(Type.GetContainer),
    `${unreadable} Message missing required fields: getContainerRequest`,
  );
  const protocol = new LocationProtocol(contextOf(main));
  for (const hex of ["", "0863", "080", "08013200", "0801320908"]) {
    const outcome = await callOf(protocol, Buffer.from(hex, "hex"));
    assert.equal("className" in outcome && outcome.className, unreadable, hex);
  }
});

test("a request that is too long to be decoded fails at once", async () => {
  const protocol = new LocationProtocol(contextOf(setUp().main));
  const outcome = await callOf(protocol, Buffer.alloc(4 * 1024 * 1024 + 1));
  assert.match(JSON.stringify(outcome), /exceptions\.SCMException.*FRAME_TOO_LARGE/);
});
