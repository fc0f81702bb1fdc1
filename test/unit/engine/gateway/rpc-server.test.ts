import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError } from "../../../../engine/core/assert.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { LateAnswer } from "../../../../engine/gateway/answer.js";
import { encodeMessage } from "../../../../protocol/codec/codec.js";
import { FLAG_ANSWER } from "../../../../protocol/codec/frame.js";
import { operationNamed } from "../../../../protocol/codec/operations.js";
import { ADMIN_PATH, DATANODE_PATH, OPERATIONS } from "../../../../protocol/schema/messages.js";
import { CLUSTER_ID, RpcWorld, SCM_ID } from "../../../support/gateway/rpc-world.js";

const HELLO = { protocolVersionMax: 1, clientName: "test" };
const SCM_INFO = {
  clusterId: CLUSTER_ID,
  scmId: SCM_ID,
  term: 1,
  appliedIndex: 2,
  durableAppliedIndex: 2,
  stateHash: "00",
  nodeCount: 0,
  healthyNodeCount: 0,
  containerCount: 0,
  replicaCount: 0,
  pipelineCount: 0,
  heartbeatCount: 0,
  reportRowCount: 0,
  operationCount: 0,
  logBatchCount: 0,
  importAllowed: false,
  primaryScmId: SCM_ID,
};

describe("RPC server: hello", () => {
  test("answers hello with its identity, its limits and the version both speak", () => {
    const world = new RpcWorld();
    const connection = world.connect();
    world.ask(connection, "hello", { protocolVersionMax: 9, clientName: "dn/1", clusterId: CLUSTER_ID });
    assert.deepEqual(connection.lastAnswer.body, {
      protocolVersion: 1,
      clusterId: CLUSTER_ID,
      scmId: SCM_ID,
      term: 7,
      isLeader: true,
      frameBytesMax: 262_144,
      requestsInFlightMax: 4,
      heartbeatIntervalMs: 30_000,
    });
  });

  test("closes a connection that begins with something else", () => {
    const world = new RpcWorld();
    const connection = world.connect(ADMIN_PATH);
    world.ask(connection, "scmInfo", {});
    assert.deepEqual(connection.closed, {
      code: 4106,
      reason: "HELLO_EXPECTED: the first message must be hello",
    });
    assert.equal(connection.answers.length, 0);
    assert.equal(world.metrics.closesByCode.get("HELLO_EXPECTED"), 1);
    assert.deepEqual(world.refused, ["HELLO_EXPECTED"]);
  });

  test("closes a connection that says hello twice", () => {
    const world = new RpcWorld();
    const connection = world.greeted();
    world.ask(connection, "hello", HELLO);
    assert.equal(connection.closed?.code, 4107);
  });

  test("answers a client of another cluster, then closes", () => {
    const world = new RpcWorld();
    const connection = world.connect();
    world.ask(connection, "hello", { ...HELLO, clusterId: "CID-2" });
    assert.equal(connection.lastAnswer.error?.code, "CLUSTER_ID_MISMATCH");
    assert.match(connection.closed?.reason ?? "", /^CLUSTER_ID_MISMATCH: cluster id CID-2/);
  });

  test("closes a client without any version", () => {
    const world = new RpcWorld();
    const connection = world.connect();
    world.ask(connection, "hello", { ...HELLO, protocolVersionMax: 0 });
    assert.equal(connection.closed?.code, 4105);
  });

  test("closes connections without hello when their time is over, each at its own", () => {
    const world = new RpcWorld();
    const silent = world.connect();
    world.scheduler.runSync(3_000);
    const greeted = world.greeted();
    const later = world.connect();
    world.scheduler.runSync(9_999);
    assert.equal(silent.isOpen, true);
    world.scheduler.runSync(10_001);
    assert.deepEqual(silent.closed, { code: 4117, reason: "HANDSHAKE_TIMEOUT: no hello within 10000 ms" });
    assert.equal(later.isOpen, true);
    world.scheduler.runSync(13_001);
    assert.equal(later.closed?.code, 4117);
    world.scheduler.runSync(60_000);
    assert.equal(greeted.isOpen, true);
    const last = world.connect();
    world.scheduler.runSync(70_001);
    assert.equal(last.closed?.code, 4117, "the timer is armed again after a pause");
    const before = world.scheduler.eventCount;
    for (let i = 0; i < 50; i++) world.connect();
    world.scheduler.runSync(90_000);
    assert.ok(world.scheduler.eventCount - before <= 2, "one timer serves them all");
    assert.equal(world.metrics.gauges.connections, 1);
  });
});

describe("RPC server: frames and limits", () => {
  test("closes a connection whose request ids do not rise", () => {
    for (const id of [5, 4]) {
      const world = new RpcWorld();
      const connection = world.connect();
      world.ask(connection, "hello", HELLO, 5);
      world.ask(connection, "incrementalReport", { rowBytes: 32, origins: [], rows: new Uint8Array(0) }, id);
      assert.equal(connection.closed?.reason, `REQUEST_ID: request id ${id} is not a new positive integer`);
    }
  });

  test("closes a connection that sends garbage, and no other", () => {
    const world = new RpcWorld();
    const healthy = world.greeted(ADMIN_PATH);
    for (const bytes of [[], [1], [1, 1, 0, 0], new Array(16).fill(255), new Array(100).fill(0)]) {
      const connection = world.connect();
      world.raw(connection, Uint8Array.from(bytes));
      assert.match(connection.closed?.reason ?? "", /^FRAME_/);
    }
    world.ask(healthy, "scmInfo", {});
    assert.equal(healthy.lastAnswer.error?.code, "UNSUPPORTED_OPERATION");
  });

  test("closes a connection that sends answers", () => {
    const world = new RpcWorld();
    const connection = world.connect();
    world.raw(connection, encodeMessage(1, FLAG_ANSWER, 1, OPERATIONS.hello.request, HELLO));
    assert.match(connection.closed?.reason ?? "", /^FRAME_MALFORMED: .*an answer was sent to the server/);
  });

  test("closes a connection whose body breaks the schema, with the field's name", () => {
    const world = new RpcWorld();
    const connection = world.connect();
    const frame = encodeMessage(1, 0, 1, OPERATIONS.hello.request, HELLO);
    world.raw(
      connection,
      Uint8Array.from([...frame.slice(0, 16), 0x93, 0xa1, 0x61, 0xa1, 0x61, 0xc0]).fill(6, 4, 5),
    );
    assert.match(connection.closed?.reason ?? "", /^FIELD_INVALID: HelloRequest.protocolVersionMax: /);
  });

  test("answers an unknown operation, and one of another path, and goes on", () => {
    const world = new RpcWorld();
    world.server.handle("scmInfo", (_session, _request, answer) => answer.done(SCM_INFO));
    const datanode = world.greeted();
    world.ask(datanode, "scmInfo", {});
    assert.equal(datanode.lastAnswer.error?.code, "UNSUPPORTED_OPERATION");
    const admin = world.greeted(ADMIN_PATH);
    const frame = encodeMessage(200, 0, 100, OPERATIONS.scmInfo.request, {});
    world.raw(admin, frame);
    assert.equal(admin.lastAnswer.error?.message, "operation 200 is not known here");
    assert.equal(admin.lastAnswer.requestId, 100);
    world.ask(admin, "scmInfo", {}, 101);
    assert.equal(admin.lastAnswer.error, undefined);
    assert.equal(world.metrics.requestsByOp[200], 1);
  });

  test("closes a connection with too many requests without an answer", () => {
    const world = new RpcWorld();
    world.server.handle("scmInfo", (_session, _request, answer) => void answer.defer());
    const connection = world.greeted(ADMIN_PATH);
    for (let i = 0; i < 4; i++) world.ask(connection, "scmInfo", {});
    assert.equal(connection.isOpen, true);
    assert.equal(world.metrics.gauges.requestsInFlight, 4);
    world.ask(connection, "scmInfo", {});
    assert.match(connection.closed?.reason ?? "", /^TOO_MANY_REQUESTS: more than 4/);
  });

  test("closes connections above the limit of one address, and counts those that went", () => {
    const world = new RpcWorld({ connectionsPerAddressMax: 2 });
    const [first] = [world.connect(), world.connect()];
    const third = world.connect();
    assert.equal(third.closed?.reason, "TOO_MANY_CONNECTIONS: more than 2 connections from 10.0.0.1");
    assert.equal(world.connect(ADMIN_PATH, "10.0.0.2").isOpen, true);
    first.close(1000, "");
    assert.equal(world.connect().isOpen, true);
    assert.equal(world.connect().isOpen, false);
    assert.equal(world.metrics.gauges.connections, 3);
  });
});

describe("RPC server: answers", () => {
  test("sends a handler's answer at once, corked by the transport", () => {
    const world = new RpcWorld();
    world.server.handle("scmInfo", (_session, _request, answer) => {
      assert.equal(answer.done(SCM_INFO), true);
    });
    const connection = world.greeted(ADMIN_PATH);
    const requestId = world.ask(connection, "scmInfo", {});
    assert.deepEqual(connection.lastAnswer, { name: "scmInfo", requestId, error: undefined, body: SCM_INFO });
    assert.equal(world.metrics.gauges.requestsInFlight, 0);
  });

  test("tells a handler that its answer was not taken", () => {
    const world = new RpcWorld();
    const outcomes: boolean[] = [];
    world.server.handle("scmInfo", (_session, _request, answer) => void outcomes.push(answer.done(SCM_INFO)));
    const connection = world.greeted(ADMIN_PATH);
    connection.isSlow = true;
    world.ask(connection, "scmInfo", {});
    assert.deepEqual(outcomes, [false]);
    assert.deepEqual(world.refused, ["SLOW_CONSUMER"]);
    assert.equal(world.metrics.counters.answersDropped, 1);
  });

  test("puts an administrator off while half of the send buffer is unread, but no datanode", () => {
    const world = new RpcWorld({ sendBufferBytesMax: 1000 });
    world.server.handle("scmInfo", (_session, _request, answer) => void answer.done(SCM_INFO));
    world.server.handle("heartbeat", (_session, _request, answer) => {
      answer.done({ term: 1, fullReportWanted: false, commands: [] });
    });
    const admin = world.greeted(ADMIN_PATH);
    const codeOfAnswer = (): string | undefined => {
      world.ask(admin, "scmInfo", {});
      return admin.lastAnswer.error?.code;
    };
    admin.unreadBytes = 500;
    assert.equal(codeOfAnswer(), undefined);
    admin.unreadBytes = 501;
    assert.equal(codeOfAnswer(), "OVERLOADED");
    admin.unreadBytes = 0;
    assert.equal(codeOfAnswer(), undefined);

    const datanode = world.greeted(DATANODE_PATH);
    datanode.unreadBytes = 999;
    world.ask(datanode, "heartbeat", { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 });
    assert.equal(datanode.lastAnswer.error, undefined);
  });

  test("turns a thrown or failed StrataError into an error answer with the term", () => {
    const world = new RpcWorld();
    world.server.handle("scmInfo", () => {
      throw new StrataError("NOT_LEADER", { leaderHint: "ws://other", term: 9 });
    });
    world.server.handle("scmRoles", (_session, _request, answer) =>
      answer.fail(new StrataError("OVERLOADED")),
    );
    const connection = world.greeted(ADMIN_PATH);
    world.ask(connection, "scmInfo", {});
    const { error } = connection.lastAnswer;
    assert.deepEqual([error?.code, error?.leaderHint, error?.term], ["NOT_LEADER", "ws://other", 9]);
    world.ask(connection, "scmRoles", {});
    assert.deepEqual(
      [connection.lastAnswer.error?.code, connection.lastAnswer.error?.term],
      ["OVERLOADED", 7],
    );
    assert.equal(connection.isOpen, true);
  });

  test("closes the connection when a handler finds a breach of the protocol", () => {
    const world = new RpcWorld();
    world.server.handle("scmInfo", () => {
      throw new StrataError("REPORT_NOT_GRANTED");
    });
    const connection = world.greeted(ADMIN_PATH);
    world.ask(connection, "scmInfo", {});
    assert.equal(connection.closed?.code, 4110);
    assert.equal(connection.answers.length, 1);
  });

  test("lets through what is our own mistake", () => {
    const world = new RpcWorld();
    world.server.handle("scmInfo", () => {
      throw new TypeError("oops");
    });
    assert.throws(() => world.ask(world.greeted(ADMIN_PATH), "scmInfo", {}), /oops/);
    const other = new RpcWorld();
    other.server.handle("scmRoles", () => {
      throw new StrataError("STATE_CORRUPT", { where: "here", reason: "test" });
    });
    assert.throws(() => other.ask(other.greeted(ADMIN_PATH), "scmRoles", {}), { code: "STATE_CORRUPT" });
  });

  test("asserts that each request is answered exactly once", () => {
    const silent = new RpcWorld();
    silent.server.handle("scmInfo", () => {});
    assert.throws(() => silent.ask(silent.greeted(ADMIN_PATH), "scmInfo", {}), AssertionError);

    const twice = new RpcWorld();
    twice.server.handle("scmInfo", (_session, _request, answer) => {
      answer.done(SCM_INFO);
      answer.done(SCM_INFO);
    });
    assert.throws(() => twice.ask(twice.greeted(ADMIN_PATH), "scmInfo", {}), AssertionError);

    const late = new RpcWorld();
    late.server.handle("scmInfo", (_session, _request, answer) => {
      const deferred = answer.defer();
      deferred.done(SCM_INFO);
      assert.throws(() => deferred.done(SCM_INFO), AssertionError);
      late.scheduler.after(100, () => {
        assert.throws(() => deferred.fail(new StrataError("OVERLOADED")), AssertionError);
      });
    });
    const connection = late.greeted(ADMIN_PATH);
    late.ask(connection, "scmInfo", {});
    late.scheduler.runSync(200);
    assert.equal(connection.answers.length, 2);
  });

  test("answers with an error when the answer exceeds its schema", () => {
    const world = new RpcWorld();
    world.server.handle("scmInfo", (_session, _request, answer) => {
      assert.equal(answer.done({ ...SCM_INFO, stateHash: "x".repeat(33) }), false);
    });
    const connection = world.greeted(ADMIN_PATH);
    world.ask(connection, "scmInfo", {});
    assert.equal(connection.lastAnswer.error?.code, "FIELD_INVALID");
    assert.equal(connection.isOpen, true);
  });
});

describe("RPC server: deferred answers", () => {
  function deferring(): { world: RpcWorld; waiting: LateAnswer<"scmInfo">[] } {
    const world = new RpcWorld({ requestsInFlightMax: 100 });
    const waiting: LateAnswer<"scmInfo">[] = [];
    world.server.handle("scmInfo", (_session, _request, answer) => void waiting.push(answer.defer()));
    return { world, waiting };
  }

  test("leave at the end of the turn, those of one connection together", () => {
    const { world, waiting } = deferring();
    const [a, b] = [world.greeted(ADMIN_PATH), world.greeted(ADMIN_PATH)];
    const ids = [a, b, a, a].map((connection) => world.ask(connection, "scmInfo", {}));
    for (const answer of waiting) answer.done(SCM_INFO);
    assert.deepEqual([a.answers.length, b.answers.length], [1, 1], "only hello was answered yet");
    world.turn();
    assert.deepEqual([a.corks, b.corks], [[3], [1]]);
    assert.deepEqual(
      a.answers.slice(1).map(({ requestId }) => requestId),
      [ids[0], ids[2], ids[3]],
    );
    assert.equal(world.metrics.gauges.requestsInFlight, 0);
    world.turn();
    assert.deepEqual(a.corks, [3], "nothing leaves twice");
  });

  test("may be given in any order and as errors", () => {
    const { world, waiting } = deferring();
    const connection = world.greeted(ADMIN_PATH);
    const [first, second] = [world.ask(connection, "scmInfo", {}), world.ask(connection, "scmInfo", {})];
    waiting[1]?.fail(new StrataError("OVERLOADED", { reason: "test" }));
    world.turn();
    waiting[0]?.done(SCM_INFO);
    world.turn();
    assert.deepEqual(
      connection.answers.slice(1).map(({ requestId, error }) => [requestId, error?.code]),
      [
        [second, "OVERLOADED"],
        [first, undefined],
      ],
    );
  });

  test("are dropped silently when the connection has closed meanwhile", () => {
    const { world, waiting } = deferring();
    const connection = world.greeted(ADMIN_PATH);
    for (let i = 0; i < 3; i++) world.ask(connection, "scmInfo", {});
    waiting[0]?.done(SCM_INFO);
    assert.equal(waiting[1]?.isWanted, true);
    connection.close(1006, "");
    assert.equal(waiting[1]?.isWanted, false);
    waiting[1]?.done(SCM_INFO);
    waiting[2]?.fail(new StrataError("OVERLOADED"));
    world.turn();
    assert.equal(connection.answers.length, 1);
    assert.equal(world.metrics.counters.answersDropped, 3);
    assert.equal(world.metrics.gauges.requestsInFlight, 0);
  });

  test("close the connection when they are a breach of the protocol, and drop the rest", () => {
    const { world, waiting } = deferring();
    const connection = world.greeted(ADMIN_PATH);
    for (let i = 0; i < 3; i++) world.ask(connection, "scmInfo", {});
    waiting[0]?.done(SCM_INFO);
    waiting[1]?.fail(new StrataError("REPORT_OUT_OF_ORDER", { row: 3 }));
    waiting[2]?.done(SCM_INFO);
    world.turn();
    assert.equal(connection.answers.length, 2);
    assert.match(connection.closed?.reason ?? "", /^REPORT_OUT_OF_ORDER: .* at row 3$/);
    assert.equal(world.metrics.gauges.requestsInFlight, 0);
  });

  test("a slow consumer among them does not keep the others waiting", () => {
    const { world, waiting } = deferring();
    const [slow, healthy] = [world.greeted(ADMIN_PATH), world.greeted(ADMIN_PATH)];
    world.ask(slow, "scmInfo", {});
    world.ask(slow, "scmInfo", {});
    world.ask(healthy, "scmInfo", {});
    slow.isSlow = true;
    for (const answer of waiting) answer.done(SCM_INFO);
    world.turn();
    assert.deepEqual([slow.isOpen, slow.answers.length, healthy.answers.length], [false, 1, 2]);
    assert.equal(world.metrics.counters.answersDropped, 2);
  });

  test("an encoded answer is the one that was given, also when its bytes are used again", () => {
    const { world, waiting } = deferring();
    const connection = world.greeted(ADMIN_PATH);
    const { op, response } = operationNamed("scmInfo");
    const names = ["CID-a", "CID-b", "CID-c"];
    const shared = response.encode(op, 0, 1, SCM_INFO).slice();
    const at = Buffer.from(shared.buffer).indexOf(SCM_INFO.clusterId);
    for (let turn = 0; turn < 2; turn++) {
      for (const [i, name] of names.entries()) {
        world.ask(connection, "scmInfo", {});
        shared.set(Buffer.from(name), at);
        waiting.splice(0)[0]?.doneEncoded(shared);
        assert.equal(connection.answers.length, 1 + turn * names.length, `${i}`);
      }
      shared.fill(0xff, at);
      world.turn();
      const answers = connection.answers.slice(-names.length).map(({ body }) => body as typeof SCM_INFO);
      assert.deepEqual(
        answers.map(({ clusterId }) => clusterId),
        names,
      );
      shared.set(response.encode(op, 0, 1, SCM_INFO));
    }
  });

  test("thousands at a time find their own requests", () => {
    const world = new RpcWorld({ requestsInFlightMax: 6000 });
    const waiting: LateAnswer<"scmInfo">[] = [];
    world.server.handle("scmInfo", (_session, _request, answer) => void waiting.push(answer.defer()));
    const connection = world.greeted(ADMIN_PATH);
    const ids: number[] = [];
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 6000; i++) ids.push(world.ask(connection, "scmInfo", {}));
      for (const answer of waiting.splice(0)) answer.done(SCM_INFO);
      world.turn();
    }
    assert.deepEqual(
      connection.answers.slice(1).map(({ requestId }) => requestId),
      ids,
    );
  });
});
