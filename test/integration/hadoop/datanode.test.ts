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
    // No pipelines but those that a test asks for.
    "ozone.replication=none",
  ]);
  await home.start();
  admin = createAdminClient({ endpoints: [home.endpoint], clientName: "datanode test" });
});

after(async () => {
  admin.close();
  await home.remove();
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

test("a request that is cut off leaves nobody else behind, and its datanode is asked to report", async () => {
  const healthy = new HadoopDatanode(port);
  const datanode = new HadoopDatanode(port);
  await healthy.register();
  await datanode.register();
  const reports = Array.from({ length: 20_000 }, (_, at) => replica(at + 1));
  const whole = datanode.client.frameOf(
    "submitRequest",
    datanode.heartbeatBody({ containerReport: { reports } }),
  );
  datanode.client.write(whole.subarray(0, 100_000));
  await healthy.heartbeat();
  await datanode.close();
  const ordered = async (): Promise<true | undefined> => {
    const { commands } = await datanode.heartbeat();
    return commands.some(({ commandType }) => commandType === Type.reregisterCommand) ? true : undefined;
  };
  await soon("it is told to register anew", ordered, LIMIT_MS);
  await holds(datanode, []);
  await datanode.register({ containerReport: { reports: [replica(1)] } });
  await holds(datanode, [1]);
  await Promise.all([healthy.close(), datanode.close()]);
});

test("two connections of one datanode are served in turn, and end with what came last", async () => {
  const uuid = randomUUID();
  const pair = [new HadoopDatanode(port, uuid), new HadoopDatanode(port, uuid)] as const;
  const [first, second] = pair;
  await first.register();
  const calls: Promise<unknown>[] = [];
  for (let round = 0; round < 50; round++) {
    calls.push(first.heartbeat({ containerReport: { reports: [replica(1), replica(2)] } }));
    calls.push(second.register({ containerReport: { reports: [replica(3)] } }));
    await Promise.all(calls);
  }
  await first.heartbeat({ containerReport: { reports: [replica(7)] } });
  await holds(first, [7]);
  await Promise.all(pair.map((datanode) => datanode.close()));
});

test("numbers that cannot be keep nobody from registering, beating and reporting", async () => {
  const datanode = new HadoopDatanode(port);
  const storageReport = [
    {
      storageUuid: "DS",
      storageLocation: "/d",
      capacity: 2n ** 64n - 1n,
      remaining: 2n ** 63n,
      committed: 2n ** 60n,
    },
  ];
  await datanode.register({
    nodeReport: { storageReport },
    containerReport: {
      reports: [
        { containerID: 2n ** 53n, state: State.CLOSED },
        { containerID: -(2n ** 63n), state: State.CLOSED },
        {
          containerID: 4n,
          state: State.CLOSED,
          used: -1n,
          keyCount: -1n,
          blockCommitSequenceId: 2n ** 64n - 1n,
        },
      ],
    },
  });
  await holds(datanode, [4]);
  assert.equal((await datanode.heartbeat({ nodeReport: { storageReport } })).datanodeUUID, datanode.uuid);
  const { report } = (await admin.getNode({ uuid: datanode.uuid as Uuid })).node;
  const [volume] = report?.storageReports ?? [];
  assert.deepEqual([volume?.capacity, volume?.remaining, volume?.committed], [0, 0, Number.MAX_SAFE_INTEGER]);
  await datanode.close();
});

test("five thousand datanodes that come back at once are all served, and others meanwhile", async () => {
  const healthy = new HadoopDatanode(port);
  await healthy.register();
  const datanodes = Array.from({ length: 5000 }, () => new HadoopDatanode(port));
  let isOver = false;
  let beatCount = 0;
  const beats = (async () => {
    for (; !isOver; beatCount++) await healthy.heartbeat();
  })();
  // A datanode that gets no answer within 5 s begins again with a new connection (spec 12 §7.1).
  const each = async (call: (datanode: HadoopDatanode) => Promise<unknown>): Promise<void> => {
    await Promise.all(datanodes.map((datanode) => call(datanode)));
    await Promise.all(datanodes.map((datanode) => datanode.close()));
  };
  await each((datanode) => datanode.heartbeat());
  await each((datanode) => datanode.register({ containerReport: { reports: [replica(5)] } }));
  await each((datanode) => datanode.heartbeat());
  isOver = true;
  const { nodeCount } = await admin.scmInfo();
  assert(nodeCount >= 2001, `${nodeCount} datanodes are known`);
  await beats;
  assert(beatCount > 10, `${beatCount} heartbeats were answered meanwhile`);
  await healthy.close();
});
