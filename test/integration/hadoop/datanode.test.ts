import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Uuid } from "../../../engine/core/uuid.js";
import type { AdminClient } from "../../../protocol/client/admin-client.js";
import { createAdminClient } from "../../../protocol/client/index.js";
import {
  type ContainerReplicaProtoSchema,
  ContainerReplicaProto_State as State,
  SCMCommandProto_Type as Type,
} from "../../../protocol/hadoop/generated/datanode_pb.js";
import { HadoopError } from "../../support/hadoop/hadoop-client.js";
import { detailsOf, HadoopDatanode } from "../../support/hadoop/hadoop-datanode.js";
import { freePort, LOOPBACK, ScmHome } from "../../support/process/scm-home.js";
import { soon } from "../../support/wait.js";

/** A whole SCM in its process, and datanodes that speak Hadoop RPC by the generated code. */

const LIMIT_MS = 20_000;

let home: ScmHome;
let admin: AdminClient;
let port = 0;

before(async () => {
  port = await freePort();
  home = await ScmHome.create([
    "strata.hadoop.enabled=true",
    `ozone.scm.datanode.bind.host=${LOOPBACK}`,
    `ozone.scm.datanode.port=${port}`,
    `ozone.scm.client.port=${await freePort()}`,
    `ozone.scm.block.client.port=${await freePort()}`,
  ]);
  await home.start();
  admin = createAdminClient({ endpoints: [home.endpoint], clientName: "datanode test" });
});

after(() => {
  admin.close();
  home.remove();
});

type Replica = MessageInitShape<typeof ContainerReplicaProtoSchema>;

function replica(id: number, state: State = State.CLOSED): Replica {
  return { containerID: BigInt(id), state, used: 5n, keyCount: 1n, blockCommitSequenceId: 3n };
}

/** Ids of the containers that the SCM believes a datanode to hold. */
async function held(datanode: HadoopDatanode): Promise<readonly number[]> {
  const uuid = datanode.uuid as Uuid;
  const { containers } = await admin.listNodeContainers({ uuid, startContainerId: 0, countMax: 4096 });
  return containers.map(({ containerId }) => containerId);
}

async function holds(datanode: HadoopDatanode, expected: readonly number[]): Promise<void> {
  const wanted = JSON.stringify(expected);
  const check = async (): Promise<true | undefined> =>
    JSON.stringify(await held(datanode)) === wanted ? true : undefined;
  await soon(`${datanode.uuid} holds ${wanted}`, check, LIMIT_MS);
}

test("a datanode learns whom it talks to, registers, beats", async () => {
  const datanode = new HadoopDatanode(port);
  const { clusterId, scmId } = await admin.scmInfo();
  assert.deepEqual(
    [...(await datanode.getVersion())],
    [
      ["clusterID", clusterId],
      ["scmUuid", scmId],
    ],
  );
  const { $typeName: _, ...registered } = await datanode.register();
  assert.deepEqual(registered, {
    errorCode: 1,
    datanodeUUID: datanode.uuid,
    clusterID: clusterId,
    hostname: "localhost",
    ipAddress: LOOPBACK,
    networkName: datanode.uuid,
    networkLocation: "/default-rack",
  });
  const { term } = await admin.scmRoles();
  const { $typeName: __, ...answer } = await datanode.heartbeat();
  assert.deepEqual(answer, { datanodeUUID: datanode.uuid, commands: [], term: BigInt(term ?? 0) });
  await datanode.close();
});

test("the SCM records every field of a datanode's details as it came", async () => {
  const uuid = randomUUID();
  const datanode = new HadoopDatanode(port, uuid.toUpperCase(), {
    certSerialId: "123456789012345678901234567890",
    persistedOpState: 4,
    persistedOpStateExpiry: 77n,
    currentVersion: 2,
    ports: [
      { name: "RATIS", value: 1 },
      { name: "OF_A_LATER_RELEASE", value: 0 },
    ],
  });
  assert.equal((await datanode.register()).datanodeUUID, uuid);
  const { details } = (await admin.getNode({ uuid: uuid as Uuid })).node;
  assert.deepEqual(details, {
    uuid,
    ipAddress: LOOPBACK,
    hostName: "localhost",
    ports: [
      { name: "RATIS", value: 1 },
      { name: "OF_A_LATER_RELEASE", value: 0 },
    ],
    certSerialId: "123456789012345678901234567890",
    networkName: uuid,
    networkLocation: "/default-rack",
    level: 3,
    persistedOpState: "DECOMMISSIONING",
    persistedOpStateExpiry: 77,
    currentVersion: 2,
    version: "2.2.0",
    setupTime: 1_700_000_000_000,
    revision: "0123456789abcdef",
  });
  // Old details in a heartbeat change neither address nor ports (spec 12 §8.3 rule 4).
  const old = detailsOf(uuid, { ipAddress: "10.1.1.1", hostName: "elsewhere", ports: [] });
  await datanode.heartbeat({ datanodeDetails: old } as never);
  const { ipAddress, hostName, ports } = (await admin.getNode({ uuid: uuid as Uuid })).node.details;
  assert.deepEqual([ipAddress, hostName, ports.length], [LOOPBACK, "localhost", 2]);
  await datanode.close();
});

test("full and incremental reports make the SCM's table, whatever their order of ids", async () => {
  const datanode = new HadoopDatanode(port);
  await datanode.register({ containerReport: { reports: [replica(30), replica(10), replica(20)] } });
  await holds(datanode, [10, 20, 30]);
  await datanode.heartbeat({
    incrementalContainerReport: [
      { report: [replica(40)] },
      { report: [replica(10, State.DELETED), replica(50)] },
      { report: [replica(50, State.DELETED)] },
    ],
  });
  await holds(datanode, [20, 30, 40]);
  // In one heartbeat the full report comes first (spec 12 §7.1).
  await datanode.heartbeat({
    incrementalContainerReport: [{ report: [replica(70)] }, { report: [replica(60, State.DELETED)] }],
    containerReport: { reports: [replica(60), replica(80)] },
  });
  await holds(datanode, [70, 80]);
  await datanode.close();
});

test("a report of forty thousand replicas is merged while heartbeats go on", async () => {
  const datanode = new HadoopDatanode(port);
  const reports = Array.from({ length: 40_000 }, (_, at) => replica(((at * 7919) % 40_000) + 1));
  await datanode.register();
  const { reportRowCount: before } = await admin.scmInfo();
  await datanode.heartbeat({ containerReport: { reports } });
  await datanode.heartbeat({ incrementalContainerReport: [{ report: [replica(50_000)] }] });
  const merged = async (): Promise<true | undefined> => {
    await datanode.heartbeat();
    const { reportRowCount } = await admin.scmInfo();
    return reportRowCount - before >= 40_001 ? true : undefined;
  };
  await soon("all are merged", merged, LIMIT_MS);
  // None of these containers exists, and of such ones the SCM remembers the first 4,096 of a datanode.
  assert.deepEqual(
    await held(datanode),
    Array.from({ length: 4096 }, (_, at) => at + 1),
  );
  await datanode.close();
});

test("a datanode that the SCM does not know is told to register, and its reports do not count", async () => {
  const datanode = new HadoopDatanode(port);
  const answer = await datanode.heartbeat({ containerReport: { reports: [replica(1)] } });
  const { datanodeUUID, commands, term } = answer;
  assert.equal(datanodeUUID, datanode.uuid);
  assert.equal(term, BigInt((await admin.scmRoles()).term ?? 0));
  assert.deepEqual(
    commands.map((command) => [command.commandType, command.term]),
    [[Type.reregisterCommand, term]],
  );
  await datanode.register();
  await holds(datanode, []);
  await datanode.close();
});

test("commands of the core come with the answer's term, no token and no deadline", async () => {
  const datanode = new HadoopDatanode(port);
  await datanode.register();
  const uuid = datanode.uuid as Uuid;
  await admin.setNodeOperationalState({
    uuid,
    operationalState: "IN_MAINTENANCE",
    operationalStateExpiry: 99,
  });
  const { commands, term } = await datanode.heartbeat();
  assert.equal(commands.length, 1);
  const [command] = commands;
  assert.deepEqual(
    [command?.commandType, command?.term, command?.encodedToken, command?.deadlineMsSinceEpoch],
    [Type.setNodeOperationalStateCommand, term, "", 0n],
  );
  const body = command?.setNodeOperationalStateCommandProto;
  assert.deepEqual([body?.nodeOperationalState, body?.stateExpiryEpochSeconds], [3, 99n]);
  assert((body?.cmdId ?? 0n) > 0n);
  await datanode.close();
});

test("a datanode with another layout is refused, with its own names in the answer", async () => {
  const datanode = new HadoopDatanode(port);
  const layout = { metadataLayoutVersion: 9, softwareLayoutVersion: 9 };
  const { errorCode, datanodeUUID, hostname } = await datanode.register({ dataNodeLayoutVersion: layout });
  assert.deepEqual([errorCode, datanodeUUID, hostname], [2, datanode.uuid, "localhost"]);
  await datanode.close();
});

test("what cannot be read is refused by an exception, and the connection lives on", async () => {
  const datanode = new HadoopDatanode(port);
  await datanode.register();
  const refusal = async (hex: string): Promise<unknown> => {
    try {
      await datanode.client.call("submitRequest", Buffer.from(hex, "hex"));
      return "answered";
    } catch (error) {
      assert(error instanceof HadoopError);
      return `${error.className}: ${error.message}`;
    }
  };
  const invalid = "com.google.protobuf.InvalidProtocolBufferException";
  assert.equal(
    await refusal("10"),
    `${invalid}: SCMDatanodeRequest is not valid protobuf: a varint is cut off`,
  );
  assert.equal(await refusal(""), `${invalid}: Message missing required fields: cmdType`);
  assert.equal(
    await refusal("0803 2a02 1a00".replaceAll(" ", "")),
    `${invalid}: Message missing required fields: sendHeartbeatRequest.datanodeDetails`,
  );
  assert.equal(await refusal("0803"), `${invalid}: Message missing required fields: sendHeartbeatRequest`);
  assert.equal((await datanode.heartbeat()).datanodeUUID, datanode.uuid);
  await datanode.close();
});
