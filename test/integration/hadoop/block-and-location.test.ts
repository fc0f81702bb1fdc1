import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Fleet } from "../../../bench/fleet/fleet.js";
import type { AdminClient } from "../../../protocol/client/admin-client.js";
import { createAdminClient } from "../../../protocol/client/index.js";
import {
  Type as BlockType,
  SCMBlockLocationRequestSchema,
  type SCMBlockLocationResponse,
  SCMBlockLocationResponseSchema,
  Status,
} from "../../../protocol/hadoop/generated/block_pb.js";
import type { ContainerInfoProto } from "../../../protocol/hadoop/generated/hdds_pb.js";
import {
  ScmContainerLocationRequestSchema,
  type ScmContainerLocationResponse,
  ScmContainerLocationResponseSchema,
  Type,
} from "../../../protocol/hadoop/generated/location_pb.js";
import { decodeMessage, encodeMessage } from "../../../protocol/hadoop/message.js";
import { BLOCKS_PER_REQUEST_MAX } from "../../../protocol/schema/block-messages.js";
import type { ContainerRecord } from "../../../protocol/schema/records.js";
import { HadoopClient } from "../../support/hadoop/hadoop-client.js";
import { freePort, LOOPBACK, ScmHome } from "../../support/process/scm-home.js";
import { soon } from "../../support/wait.js";

/** A whole SCM in its process with simulated datanodes. What a Hadoop client is told is compared with what a
 * client of Strata's own protocol is told. */

const BLOCK = "org.apache.hadoop.hdds.scm.protocol.ScmBlockLocationProtocol";
const LOCATION = "org.apache.hadoop.hdds.scm.protocol.StorageContainerLocationProtocol";
const LIMIT_MS = 30_000;

let home: ScmHome;
let fleet: Fleet;
let admin: AdminClient;
let om: HadoopClient;
let cli: HadoopClient;

before(async () => {
  const [client, block] = [await freePort(), await freePort()];
  home = await ScmHome.create([
    "strata.hadoop.enabled=true",
    `ozone.scm.client.address=${LOOPBACK}:${client}`,
    `ozone.scm.block.client.address=${LOOPBACK}:${block}`,
    `ozone.scm.datanode.address=${LOOPBACK}:${await freePort()}`,
  ]);
  await home.start();
  fleet = new Fleet({
    endpoints: [home.endpoint],
    plan: { nodeCount: 5, containersPerNode: 0, seed: 1 },
    firstNode: 0,
    nodeCount: 5,
    heartbeatIntervalMs: 200,
    incrementalIntervalMs: 0,
  });
  fleet.start();
  admin = createAdminClient({ endpoints: [home.endpoint], clientName: "hadoop test" });
  om = new HadoopClient({ port: block, protocol: BLOCK, user: "om" });
  cli = new HadoopClient({ port: client, protocol: LOCATION, user: "root" });
  const isOpen = async (): Promise<true | undefined> => {
    const { pipelines } = await admin.listPipelines({ countMax: 128, state: "OPEN" });
    return pipelines.some(({ replication }) => replication.factor === 3) ? true : undefined;
  };
  await soon("a pipeline is open", isOpen, LIMIT_MS);
});

after(async () => {
  await om?.close();
  await cli?.close();
  fleet?.stop();
  admin?.close();
  await home?.remove();
});

async function send(
  request: MessageInitShape<typeof SCMBlockLocationRequestSchema>,
): Promise<SCMBlockLocationResponse> {
  const body = encodeMessage(SCMBlockLocationRequestSchema, request);
  return decodeMessage(SCMBlockLocationResponseSchema, await om.call("send", body));
}

async function ask(
  cmdType: Type,
  request: Partial<MessageInitShape<typeof ScmContainerLocationRequestSchema>> = {},
): Promise<ScmContainerLocationResponse> {
  const message = { cmdType, traceID: "", version: 3, ...request };
  const body = encodeMessage(
    ScmContainerLocationRequestSchema,
    message as MessageInitShape<typeof ScmContainerLocationRequestSchema>,
  );
  return decodeMessage(ScmContainerLocationResponseSchema, await cli.call("submitRequest", body));
}

const ALLOCATION = {
  size: 1_048_576n,
  numBlocks: 1,
  type: 1,
  factor: 3,
  owner: "om1",
  excludeList: {},
} as const;

function allocate(changes: object = {}): Promise<SCMBlockLocationResponse> {
  const allocateScmBlockRequest = { ...ALLOCATION, ...changes };
  return send({ cmdType: BlockType.AllocateScmBlock, version: 3, allocateScmBlockRequest });
}

function sameContainer(info: ContainerInfoProto | undefined, record: ContainerRecord): void {
  assert.ok(info !== undefined);
  assert.equal(info.containerID, BigInt(record.containerId));
  assert.equal(info.owner, record.owner);
  assert.equal(info.usedBytes, BigInt(record.usedBytes));
  assert.equal(info.stateEnterTime, BigInt(record.stateEnterTimeMs));
  assert.equal(info.pipelineID?.id, record.pipelineId);
}

test("blocks of many calls at a time have ids that nobody else has", async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => allocate({ numBlocks: 1 + (i % 4) })),
  );
  const ids = new Set<bigint>();
  const open = await admin.listPipelines({ countMax: 128, state: "OPEN" });
  const pipelines = new Set<string>(open.pipelines.map(({ pipelineId }) => pipelineId));
  let count = 0;
  for (const { status, allocateScmBlockResponse } of answers) {
    assert.equal(status, Status.OK);
    for (const { containerBlockID, pipeline } of allocateScmBlockResponse?.blocks ?? []) {
      count++;
      ids.add(containerBlockID?.localID ?? 0n);
      assert.ok(pipelines.has(pipeline?.id?.id ?? ""));
      assert.equal(pipeline?.members.length, 3);
    }
  }
  assert.equal(count, 50 * (1 + 2 + 3 + 4));
  assert.equal(ids.size, count);
});

test("refusals of the SCM come in the envelope", async () => {
  assert.equal((await allocate({ size: 2n ** 45n })).status, Status.INVALID_BLOCK_SIZE);
  assert.equal((await allocate({ numBlocks: BLOCKS_PER_REQUEST_MAX + 1 })).status, Status.INTERNAL_ERROR);
  assert.equal((await allocate({ numBlocks: 1_000_000 })).status, Status.INTERNAL_ERROR);
  assert.equal((await allocate({ factor: 0 })).status, Status.INTERNAL_ERROR);
  assert.equal((await allocate({ owner: "" })).status, Status.INTERNAL_ERROR);
  assert.equal((await allocate({ numBlocks: 0 })).status, Status.OK);
  const ecReplicationConfig = { data: 10, parity: 4, codec: "rs", ecChunkSize: 1_048_576 };
  const { status, success } = await allocate({ type: 4, ecReplicationConfig });
  assert.equal(success, false);
  assert.notEqual(status, Status.OK, "five datanodes cannot hold it");
  assert.equal((await allocate()).status, Status.OK, "the connection goes on");
});

test("containers, pipelines and datanodes are those of Strata's own protocol", async () => {
  await allocate();
  // The SCM goes on creating containers by itself: those that were there before are looked at.
  const own = await admin.listContainers({ startContainerId: 0, countMax: 1024 });
  const listed = await ask(Type.ListContainer, { scmListContainerRequest: { count: 4096 } });
  const { containers = [], containerCount } = listed.scmListContainerResponse ?? {};
  assert.ok(own.containers.length > 0);
  assert.equal(containerCount, BigInt(containers.length));
  const containerIDs = own.containers.map(({ containerId }) => BigInt(containerId));
  const batch = await ask(Type.GetContainerWithPipelineBatch, {
    getContainerWithPipelineBatchRequest: { containerIDs },
  });
  const { containerWithPipelines = [] } = batch.getContainerWithPipelineBatchResponse ?? {};
  assert.equal(containerWithPipelines.length, own.containers.length);
  for (const [i, record] of own.containers.entries()) {
    sameContainer(containers[i], record);
    sameContainer(containerWithPipelines[i]?.containerInfo, record);
    assert.equal(containerWithPipelines[i]?.pipeline?.id?.id, record.pipelineId);
  }

  const pipelines = await admin.listPipelines({ countMax: 128 });
  const { listPipelineResponse } = await ask(Type.ListPipelines);
  assert.deepEqual(
    listPipelineResponse?.pipelines.map(({ id, leaderID }) => [id?.id, leaderID]),
    pipelines.pipelines.map(({ pipelineId, leaderId }) => [pipelineId, leaderId ?? ""]),
  );
  const nodes = await admin.listNodes({ countMax: 256 });
  const { nodeQueryResponse } = await ask(Type.QueryNode, { nodeQueryRequest: { scope: 1, poolName: "" } });
  assert.deepEqual(
    nodeQueryResponse?.datanodes.map(({ nodeID }) => [nodeID?.uuid, nodeID?.hostName, nodeID?.ports.length]),
    nodes.nodes.map(({ details }) => [details.uuid, details.hostName, details.ports.length]),
  );
  const tree = await send({ cmdType: BlockType.GetClusterTree, version: 3, getClusterTreeRequest: {} });
  assert.equal(tree.getClusterTreeResponse?.clusterTree?.numOfLeaves, 5);
});

test("a container is created, closed, and left out of the checks", async () => {
  const created = await ask(Type.AllocateContainer, {
    containerRequest: { replicationType: 1, replicationFactor: 3, owner: "OZONE" },
  });
  const containerID = created.containerResponse?.containerWithPipeline?.containerInfo?.containerID ?? 0n;
  assert.ok(containerID > 0n);
  const close = { scmCloseContainerRequest: { containerID } };
  assert.ok((await ask(Type.CloseContainer, close)).scmCloseContainerResponse !== undefined);
  assert.equal((await ask(Type.CloseContainer, close)).scmCloseContainerResponse?.status, 3);
  const { getContainerResponse } = await ask(Type.GetContainer, { getContainerRequest: { containerID } });
  assert.equal(getContainerResponse?.containerInfo?.state, 2);
  const suppress = { suppressContainerRequest: { containerIDs: [containerID, 10n ** 15n], suppress: true } };
  const { suppressContainerResponse } = await ask(Type.SuppressContainer, suppress);
  assert.deepEqual(suppressContainerResponse?.failedContainerIDs, [10n ** 15n]);
  const suppressed = await ask(Type.ListContainer, {
    scmListContainerRequest: { count: 10, suppressed: true },
  });
  assert.deepEqual(
    suppressed.scmListContainerResponse?.containers.map(({ containerID: id }) => id),
    [containerID],
  );
});

test("pipelines rest, are taken into use again, and are closed", async () => {
  const { listPipelineResponse } = await ask(Type.ListPipelines);
  const open = listPipelineResponse?.pipelines.find(({ state, factor }) => state === 2 && factor === 1);
  const pipelineID = { id: open?.id?.id ?? "" };
  const state = async (): Promise<number | undefined> =>
    (await ask(Type.GetPipeline, { getPipelineRequest: { pipelineID } })).getPipelineResponse?.pipeline
      ?.state;
  await ask(Type.ActivatePipeline, { activatePipelineRequest: { pipelineID } });
  assert.equal(await state(), 2, "one that is open stays open");
  await ask(Type.DeactivatePipeline, { deactivatePipelineRequest: { pipelineID } });
  assert.equal(await state(), 3);
  await ask(Type.ActivatePipeline, { activatePipelineRequest: { pipelineID } });
  assert.equal(await state(), 2);
  await ask(Type.ClosePipeline, { closePipelineRequest: { pipelineID } });
  assert.equal(await state(), 4);
  await assert.rejects(ask(Type.ActivatePipeline, { activatePipelineRequest: { pipelineID } }), {
    className: "org.apache.hadoop.hdds.scm.exceptions.SCMException",
    message: /^INVALID_PIPELINE_STATE: /,
  });
});

test("the SCM tells who it is, and that it serves", async () => {
  const { clusterId, scmId } = await admin.scmInfo();
  const { getScmInfoResponse } = await ask(Type.GetScmInfo);
  assert.equal(getScmInfoResponse?.clusterId, clusterId);
  assert.equal(getScmInfoResponse.scmId, scmId);
  const [role = ""] = getScmInfoResponse.peerRoles;
  assert.match(role, new RegExp(`^[^:]+:${home.raftPort}:LEADER:${scmId}:[0-9.]+$`));
  assert.equal((await ask(Type.InSafeMode)).inSafeModeResponse?.inSafeMode, false);
});
