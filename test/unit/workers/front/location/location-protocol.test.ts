import assert from "node:assert/strict";
import { test } from "node:test";
import { isFieldSet } from "@bufbuild/protobuf";
import { DatanodeUsageInfoProtoSchema } from "../../../../../protocol/hadoop/generated/hdds_pb.js";
import { Type } from "../../../../../protocol/hadoop/generated/location_pb.js";
import { LocationProtocol } from "../../../../../workers/front/location/location-protocol.js";
import { callOf, contextOf, remoteError } from "../../../../support/front/fake-main.js";
import { pipelineOf, type Request, SCM_EXCEPTION, setUp } from "../../../../support/front/location-world.js";
import { nodeOf, uuidOf, volumeOf } from "../../../../support/records.js";

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
