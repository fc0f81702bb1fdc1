import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import type { ErrorCode } from "../../../../../engine/core/errors.js";
import {
  SCMBlockLocationRequestSchema,
  type SCMBlockLocationResponse,
  SCMBlockLocationResponseSchema,
  Status,
  Type,
} from "../../../../../protocol/hadoop/generated/block_pb.js";
import { DatanodeDetailsProtoSchema } from "../../../../../protocol/hadoop/generated/hdds_pb.js";
import { decodeMessage, encodeMessage } from "../../../../../protocol/hadoop/message.js";
import type { PipelineRecord, ScmAddress } from "../../../../../protocol/schema/records.js";
import { BlockProtocol } from "../../../../../workers/front/block/block-protocol.js";
import { callOf, contextOf, FakeMain, remoteError } from "../../../../support/front/fake-main.js";
import { nodeOf, RATIS_THREE, uuidOf } from "../../../../support/records.js";

type Request = MessageInitShape<typeof SCMBlockLocationRequestSchema>;

/** OM's usual request (spec 12 §6.1). */
const ALLOCATION = {
  size: 268_435_456n,
  numBlocks: 1,
  type: 1,
  factor: 3,
  owner: "om1",
  excludeList: {},
} as const;
const SEND: Request = {
  cmdType: Type.AllocateScmBlock,
  traceID: "trace",
  version: 3,
  allocateScmBlockRequest: ALLOCATION,
};

const PIPELINE: PipelineRecord = {
  pipelineId: uuidOf(500),
  replication: RATIS_THREE,
  state: "OPEN",
  members: [1, 2, 3].map((number) => ({
    details: {
      ...nodeOf(number).details,
      ports: [
        { name: "RATIS", value: 9858 },
        { name: "HTTP", value: 9882 },
      ],
    },
    replicaIndex: 0,
  })),
  creationTimeMs: 5,
  stateEnterTimeMs: 6,
};

function setUp(): { main: FakeMain; protocol: BlockProtocol; context: ReturnType<typeof contextOf> } {
  const main = new FakeMain();
  const context = contextOf(main);
  main.answers.findLeader = () => ({ term: 3, isLeader: true });
  return { main, context, protocol: new BlockProtocol(context) };
}

async function send(protocol: BlockProtocol, request: Request): Promise<SCMBlockLocationResponse> {
  const outcome = await callOf(protocol, encodeMessage(SCMBlockLocationRequestSchema, request));
  assert.ok("reply" in outcome, JSON.stringify(outcome));
  return decodeMessage(SCMBlockLocationResponseSchema, outcome.reply);
}

async function frameOf(
  protocol: BlockProtocol,
  body: Uint8Array,
): Promise<{ className: string; message: string }> {
  const outcome = await callOf(protocol, body);
  assert.ok("className" in outcome);
  return outcome;
}

test("blocks have exact ids, the reference's envelope, and ports for input and output", async () => {
  const { main, protocol } = setUp();
  const localId = 0x1234_5678_9abc_def1n;
  main.answers.allocateBlocks = ({ count }) => ({
    blocks: Array.from({ length: count }, (_, i) => ({
      containerId: i === 0 ? 2 ** 53 - 1 : 7,
      localId: localId + BigInt(i),
      pipeline: 0,
    })),
    pipelines: [PIPELINE],
  });
  for (const numBlocks of [1, 64, 1]) {
    const request = { ...SEND, allocateScmBlockRequest: { ...ALLOCATION, numBlocks } };
    const answer = await send(protocol, request);
    const { field } = SCMBlockLocationResponseSchema;
    assert.equal(answer.cmdType, Type.AllocateScmBlock);
    assert.equal(answer.traceID, "trace");
    assert.equal(answer.success, true, answer.message);
    assert.equal(isFieldSet(answer, field.success), true);
    assert.equal(isFieldSet(answer, field.message), false);
    assert.equal(answer.status, Status.OK);
    const blocks = answer.allocateScmBlockResponse?.blocks ?? [];
    assert.equal(blocks.length, numBlocks);
    assert.equal(blocks[0]?.containerBlockID?.containerID, 2n ** 53n - 1n);
    for (const [i, block] of blocks.entries()) {
      assert.equal(block.containerBlockID?.localID, localId + BigInt(i));
      assert.equal(block.pipeline?.id?.id, uuidOf(500));
      const ports = block.pipeline?.members[2]?.ports.map(({ name }) => name);
      assert.deepEqual(ports, ["RATIS"]);
      assert.deepEqual(block.pipeline?.memberOrders, []);
    }
  }
  assert.deepEqual(main.requests[0]?.request, {
    size: 268_435_456,
    count: 1,
    replication: RATIS_THREE,
    owner: "om1",
  });
  assert.deepEqual(main.opened, [{ path: "/admin", remoteAddress: "10.1.1.1", clientName: "om" }]);
});

test("members are in the order of distance when that is another than the pipeline's", async () => {
  const { main, protocol } = setUp();
  const other = { ...PIPELINE, pipelineId: uuidOf(501) };
  main.answers.allocateBlocks = () => ({
    blocks: [0, 1, 0].map((pipeline, i) => ({ containerId: 1, localId: BigInt(i), pipeline })),
    pipelines: [PIPELINE, other],
    orders: [
      [2, 0, 1],
      [0, 1, 2],
    ],
  });
  const allocateScmBlockRequest = { ...ALLOCATION, client: "10.0.0.3", numBlocks: 3 };
  const answer = await send(protocol, { ...SEND, allocateScmBlockRequest });
  const orders = answer.allocateScmBlockResponse?.blocks.map(({ pipeline }) => pipeline?.memberOrders);
  assert.deepEqual(orders, [[2, 0, 1], [], [2, 0, 1]]);
  assert.equal((main.requests[0]?.request as { client?: string } | undefined)?.client, "10.0.0.3");
});

test("what a writer wants avoided is handed on, from either form of a pipeline's id", async () => {
  const { main, protocol } = setUp();
  main.answers.allocateBlocks = () => ({ blocks: [], pipelines: [] });
  const excludeList = {
    datanodes: [uuidOf(1).toUpperCase()],
    containerIds: [5n, -1n, 2n ** 60n],
    pipelineIds: [{ id: uuidOf(9) }, { uuid128: { mostSigBits: 0x4000n, leastSigBits: -(2n ** 63n) + 8n } }],
  };
  await send(protocol, { ...SEND, allocateScmBlockRequest: { ...ALLOCATION, excludeList } });
  assert.deepEqual((main.requests[0]?.request as { excluded?: unknown } | undefined)?.excluded, {
    datanodes: [uuidOf(1)],
    containerIds: [5],
    pipelineIds: [uuidOf(9), uuidOf(8)],
  });
});

test("refusals are said in the envelope by the reference's codes, without a body", async () => {
  const cases: readonly (readonly [ErrorCode, keyof typeof Status])[] = [
    ["SAFE_MODE_EXCEPTION", "SAFE_MODE_EXCEPTION"],
    ["INVALID_BLOCK_SIZE", "INVALID_BLOCK_SIZE"],
    ["FAILED_TO_ALLOCATE_ENOUGH_BLOCKS", "FAILED_TO_ALLOCATE_ENOUGH_BLOCKS"],
    ["FAILED_TO_FIND_HEALTHY_NODES", "FAILED_TO_FIND_HEALTHY_NODES"],
    ["INVALID_ARGUMENT", "INTERNAL_ERROR"],
    ["PIPELINE_NOT_READY", "INTERNAL_ERROR"],
    ["OUTCOME_UNKNOWN", "TIMEOUT"],
  ];
  for (const [code, status] of cases) {
    const { main, protocol } = setUp();
    main.answers.allocateBlocks = () => remoteError(code, `because of ${code}`);
    const answer = await send(protocol, SEND);
    assert.equal(answer.success, false);
    assert.equal(answer.status, Status[status], code);
    assert.match(answer.message, new RegExp(`^because of ${code}`));
    assert.equal(answer.traceID, "trace");
    assert.equal(answer.allocateScmBlockResponse, undefined);
  }
});

test("requests that cannot be met are refused before main hears of them", async () => {
  const cases: readonly (readonly [Partial<Record<string, unknown>>, keyof typeof Status])[] = [
    [{ size: 2n ** 64n - 1n }, "INVALID_BLOCK_SIZE"],
    [{ type: 3 }, "INTERNAL_ERROR"],
    [{ type: -1 }, "INTERNAL_ERROR"],
    [{ type: 4 }, "INTERNAL_ERROR"],
    [
      { type: 4, ecReplicationConfig: { data: -1, parity: 2, codec: "rs", ecChunkSize: 1024 } },
      "INTERNAL_ERROR",
    ],
    [{ owner: "x".repeat(300) }, "INTERNAL_ERROR"],
    [{ excludeList: { datanodes: ["dn1"] } }, "INTERNAL_ERROR"],
    [{ excludeList: { pipelineIds: [{}] } }, "INTERNAL_ERROR"],
  ];
  for (const [changes, status] of cases) {
    const { main, protocol } = setUp();
    const request = { ...SEND, allocateScmBlockRequest: { ...ALLOCATION, ...changes } } as Request;
    const answer = await send(protocol, request);
    assert.equal(answer.status, Status[status], String(Object.keys(changes)));
    assert.equal(main.requests.length, 0);
  }
});

test("no blocks are an answer of the leader, without blocks", async () => {
  const { main, protocol } = setUp();
  const none = { ...SEND, allocateScmBlockRequest: { ...ALLOCATION, numBlocks: 0 } };
  const answer = await send(protocol, none);
  assert.equal(answer.status, Status.OK);
  assert.deepEqual(answer.allocateScmBlockResponse?.blocks, []);
  main.answers.findLeader = () => ({ term: 3, isLeader: false });
  const { className } = await frameOf(protocol, encodeMessage(SCMBlockLocationRequestSchema, none));
  assert.equal(className, "org.apache.hadoop.hdds.ratis.ServerNotLeaderException");
});

const LEADER: ScmAddress = {
  nodeId: 2,
  scmId: uuidOf(78),
  name: "scm2",
  host: "scm2.example.com",
  strataPort: 9865,
  raftPort: 9894,
  httpPort: 9876,
  clientPort: 19860,
  datanodePort: 19861,
  blockPort: 19863,
  securityPort: 0,
};

test("a follower names the leader's host and block port in the words that clients look for", async () => {
  const { main, protocol } = setUp();
  main.answers.allocateBlocks = () =>
    remoteError("NOT_LEADER", "not the leader", {
      leaderHint: "ws://scm2.example.com:9865",
      members: [{ ...LEADER, nodeId: 1, host: "scm1.example.com" }, LEADER],
    });
  const body = encodeMessage(SCMBlockLocationRequestSchema, SEND);
  const { className, message } = await frameOf(protocol, body);
  assert.equal(className, "org.apache.hadoop.hdds.ratis.ServerNotLeaderException");
  assert.equal(
    message,
    `SCM Server:${uuidOf(77)}(scm1.example.com) is not the leader. ` +
      "Suggested leader is Server:scm2.example.com:19863.",
  );
});

test("without a leader, or with one that clients could not be told of, none is suggested", async () => {
  const redirects = [
    {},
    { leaderHint: "ws://gone.example.com:1", members: [LEADER] },
    { leaderHint: "ws://scm2.example.com:9865", members: [{ ...LEADER, blockPort: 0 }] },
    { leaderHint: "ws://[::1]:9865", members: [{ ...LEADER, host: "::1" }] },
  ];
  for (const redirect of redirects) {
    const { main, protocol } = setUp();
    main.answers.allocateBlocks = () => remoteError("NOT_LEADER", "not the leader", redirect);
    const { message } = await frameOf(protocol, encodeMessage(SCMBlockLocationRequestSchema, SEND));
    assert.match(message, /^SCM Server:\S+\(scm1\.example\.com\) is not the leader\. Could not determine/);
  }
});

test("who is busy or starting suggests itself, so that the client comes back", async () => {
  for (const code of [
    "OVERLOADED",
    "NOT_READY",
    "AUDIT_FULL",
    "SHARD_UNAVAILABLE",
    "MEMBERSHIP_BUSY",
  ] as const) {
    const { main, protocol } = setUp();
    main.answers.allocateBlocks = () => remoteError(code, "later");
    const { className, message } = await frameOf(
      protocol,
      encodeMessage(SCMBlockLocationRequestSchema, SEND),
    );
    assert.equal(className, "org.apache.hadoop.hdds.ratis.ServerNotLeaderException");
    assert.match(message, /Suggested leader is Server:scm1\.example\.com:9863\.$/);
  }
});

test("a message that is none, or lacks what is required, is an error of decoding", async () => {
  const { protocol } = setUp();
  const unreadable = "com.google.protobuf.InvalidProtocolBufferException";
  const cases: readonly (readonly [string, string])[] = [
    ["", "Message missing required fields: cmdType"],
    ["0863", "Message missing required fields: cmdType"],
    ["080b5a00", "Message missing required fields: allocateScmBlockRequest.size"],
    ["080b", "Message missing required fields: allocateScmBlockRequest"],
    ["080e", "Message missing required fields: sortDatanodesRequest"],
    ["080b5aff", "SCMBlockLocationRequest is not valid protobuf"],
  ];
  for (const [hex, text] of cases) {
    const outcome = await callOf(protocol, Buffer.from(hex, "hex"));
    if ("reply" in outcome) assert.fail(`${hex} was answered`);
    assert.equal(outcome.className, unreadable, hex);
    assert.ok(outcome.message.startsWith(text), outcome.message);
  }
});

test("the SCM's identity has two fields and comes from the leader", async () => {
  const { main, protocol } = setUp();
  const request: Request = { cmdType: Type.GetScmInfo, traceID: "", version: 3, getScmInfoRequest: {} };
  const { getScmInfoResponse } = await send(protocol, request);
  assert.equal(getScmInfoResponse?.clusterId, "CID-1");
  assert.equal(getScmInfoResponse?.scmId, uuidOf(77));
  assert.deepEqual(getScmInfoResponse?.peerRoles, []);
  main.answers.findLeader = () => ({ term: 3, isLeader: false, leaderHint: "ws://scm2.example.com:9865" });
  const { message } = await frameOf(protocol, encodeMessage(SCMBlockLocationRequestSchema, request));
  assert.match(message, /is not the leader\. Could not determine the leader node\.$/);
});

test("datanodes are sorted by main, and a name that is no uuid is an error", async () => {
  const { main, protocol } = setUp();
  main.answers.sortDatanodes = ({ uuids }) => ({
    datanodes: [...uuids].reverse().map((uuid) => ({ ...nodeOf(1).details, uuid })),
  });
  const sortDatanodesRequest = { client: "10.0.0.1", nodeNetworkName: [uuidOf(1), uuidOf(2)] };
  const request: Request = { cmdType: Type.SortDatanodes, version: 3, sortDatanodesRequest };
  const { sortDatanodesResponse } = await send(protocol, request);
  assert.deepEqual(
    sortDatanodesResponse?.node.map(({ uuid }) => uuid),
    [uuidOf(2), uuidOf(1)],
  );
  const wrong = { ...request, sortDatanodesRequest: { client: "", nodeNetworkName: ["/rack/dn1"] } };
  assert.equal((await send(protocol, wrong)).status, Status.INTERNAL_ERROR);
});

test("a bug fails its call at once and is told, with where it was", async () => {
  const { main, protocol, context } = setUp();
  const request: Request = { cmdType: Type.GetClusterTree, version: 3, getClusterTreeRequest: {} };
  main.answers.getClusterTree = () => new TypeError("a bug") as never;
  const { status, message } = await send(protocol, request);
  assert.deepEqual([status, message], [Status.INTERNAL_ERROR, "a bug"]);
  const [told] = context.toldBugs;
  assert.deepEqual([told?.protocol, told?.type], [protocol.name, "GetClusterTree"]);
  assert.match(told?.failure.stack ?? "", /TypeError: a bug\n\s+at .*block-protocol.test/);
});

test("the cluster tree is that of the reference: root, racks, datanodes by uuid", async () => {
  const { main, protocol } = setUp();
  const levels = ["", "/rack", "/node"].map((prefix, i) => ({
    id: `${i}`,
    prefix,
    cost: i === 2 ? 0 : 1,
    defaultName: "",
  }));
  const datanodes = [1, 2].map((number) => ({ ...nodeOf(number).details, level: 3 }));
  main.answers.getClusterTree = ({ after }) =>
    after === undefined
      ? { levels, datanodes: datanodes.slice(0, 1), more: true }
      : { levels, datanodes: datanodes.slice(1), more: false };
  const { getClusterTreeResponse } = await send(protocol, { cmdType: Type.GetClusterTree, version: 3 });
  const root = getClusterTreeResponse?.clusterTree;
  const shape = ({ name, location, cost, level }: NonNullable<typeof root>["nodeTopology"] & object) => [
    name,
    location,
    cost,
    level,
  ];
  assert.ok(root?.nodeTopology !== undefined);
  assert.deepEqual(shape(root.nodeTopology), ["", "", 1, 1]);
  assert.equal(root.numOfLeaves, 2);
  const rack = root.childrenMap[0];
  assert.equal(rack?.networkName, "default-rack");
  assert.ok(rack.networkNode?.innerNode?.nodeTopology !== undefined);
  assert.deepEqual(shape(rack.networkNode.innerNode.nodeTopology), ["default-rack", "/", 1, 2]);
  const leaves = rack.networkNode.innerNode.childrenMap;
  assert.deepEqual(
    leaves.map(({ networkName, networkNode }) => [networkName, networkNode?.datanodeDetails?.level]),
    [
      [uuidOf(1), 3],
      [uuidOf(2), 3],
    ],
  );
});

test("the tree shows of datanodes what they have told, other answers their state always", async () => {
  const { main, protocol } = setUp();
  const level = { id: "", prefix: "", cost: 1, defaultName: "" };
  const datanodes = [{ ...nodeOf(1).details, level: 3 }];
  main.answers.getClusterTree = () => ({ levels: [level, level, level], datanodes, more: false });
  main.answers.sortDatanodes = () => ({ datanodes });
  const tree = await send(protocol, { cmdType: Type.GetClusterTree, version: 3 });
  const rack = tree.getClusterTreeResponse?.clusterTree?.childrenMap[0]?.networkNode?.innerNode;
  const leaf = rack?.childrenMap[0]?.networkNode?.datanodeDetails;
  const sorted = await send(protocol, {
    cmdType: Type.SortDatanodes,
    version: 3,
    sortDatanodesRequest: { client: "", nodeNetworkName: [uuidOf(1)] },
  });
  const [details] = sorted.sortDatanodesResponse?.node ?? [];
  const { persistedOpState } = DatanodeDetailsProtoSchema.field;
  assert.ok(leaf !== undefined && !isFieldSet(leaf, persistedOpState));
  assert.ok(details !== undefined && isFieldSet(details, persistedOpState));
  assert.equal(details.persistedOpState, 1);
});

test("what Strata cannot do yet says so at once, so that OM keeps the keys", async () => {
  const { protocol } = setUp();
  const keyBlocks = [{ key: "/v/b/k", blocks: [{ containerBlockID: { containerID: 1n, localID: 2n } }] }];
  const deletion: Request = { cmdType: Type.DeleteScmKeyBlocks, deleteScmKeyBlocksRequest: { keyBlocks } };
  const addition: Request = {
    cmdType: Type.AddScm,
    addScmRequestProto: { clusterId: "c", scmId: "s", ratisAddr: "a" },
  };
  for (const request of [deletion, addition]) {
    const answer = await send(protocol, request);
    assert.equal(answer.success, false);
    assert.equal(answer.status, Status.UNSUPPORTED_OPERATION);
    assert.match(answer.message, /not supported yet by Strata/);
    assert.equal(answer.deleteScmKeyBlocksResponse, undefined);
  }
});

test("a request to delete blocks is refused by its type, however long it is", async () => {
  const { protocol } = setUp();
  const keyBlocks = { key: "/v/b/k", blocks: [{ containerBlockID: { containerID: 1n, localID: 2n } }] };
  const request = { deleteScmKeyBlocksRequest: { keyBlocks: new Array(1000).fill(keyBlocks) } };
  const body = encodeMessage(SCMBlockLocationRequestSchema, {
    cmdType: Type.DeleteScmKeyBlocks,
    traceID: "trace",
    version: 3,
    ...request,
  } as Request);
  // Nobody reads what is in it.
  body.fill(0xff, body.length - 20_000);
  const outcome = await callOf(protocol, body);
  assert.ok("reply" in outcome);
  const { status, traceID } = decodeMessage(SCMBlockLocationResponseSchema, outcome.reply);
  assert.equal(status, Status.UNSUPPORTED_OPERATION);
  assert.equal(traceID, "trace");
});

test("each caller has a connection of its own, and one that rests is closed", async () => {
  const { main, protocol, context } = setUp();
  main.answers.allocateBlocks = () => ({ blocks: [], pipelines: [] });
  const body = encodeMessage(SCMBlockLocationRequestSchema, SEND);
  await callOf(protocol, body, { user: "om" });
  await callOf(protocol, body, { user: "root" });
  await callOf(protocol, body, { user: "om", remoteAddress: "10.1.1.2" });
  await callOf(protocol, body, { user: "om" });
  assert.equal(main.openCount, 3);
  context.nowMs += 59_000;
  await callOf(protocol, body, { user: "root" });
  context.nowMs += 2_000;
  for (const task of context.timers) task();
  assert.equal(main.openCount, 1);
  await callOf(protocol, body, { user: "om" });
  assert.equal(main.openCount, 2);
});

test("of many callers those that rest are closed, and a busy crowd is told to come back", async () => {
  const { main, protocol } = setUp();
  const body = encodeMessage(SCMBlockLocationRequestSchema, SEND);
  main.answers.allocateBlocks = () => ({ blocks: [], pipelines: [] });
  for (let i = 0; i < 300; i++) await callOf(protocol, body, { user: `om${i}` });
  assert.ok(main.openCount <= 256, `${main.openCount} are open`);
  const crowd = Array.from({ length: 300 }, (_, i) => callOf(protocol, body, { user: `busy${i}` }));
  const outcomes = await Promise.all(crowd);
  assert.ok(main.openCount <= 256, `${main.openCount} are open`);
  const refused = outcomes.filter((outcome) => "className" in outcome);
  assert.equal(refused.length, 300 - 256);
  assert.match(JSON.stringify(refused[0]), /ServerNotLeaderException.*Suggested leader is Server:scm1/);
});

test("a request that is too long to be decoded fails at once", async () => {
  const { protocol } = setUp();
  const body = Buffer.alloc(4 * 1024 * 1024 + 1);
  // A body of an allocation, which ends the look for the type.
  body.set(Buffer.from("080b5a", "hex"));
  const outcome = await callOf(protocol, body);
  assert.match(JSON.stringify(outcome), /exceptions\.SCMException.*FRAME_TOO_LARGE/);
});
