import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { RpcError } from "../../../../protocol/client/completion.js";
import type {
  DatanodeDriver,
  HeartbeatResponse,
  RegisterRequest,
  RegisterResponse,
} from "../../../../protocol/client/datanode-client.js";
import { DatanodeClient } from "../../../../protocol/client/datanode-client.js";
import { reportRows } from "../../../../protocol/client/report-source.js";
import type { ReportRow } from "../../../../protocol/codec/report-rows.js";
import { readReportRows } from "../../../../protocol/codec/report-rows.js";
import type { Command } from "../../../../protocol/schema/records.js";
import { ClientWorld, Outcome } from "../../../support/client-world.js";

const UUID = "0f6d2f3e-9c1a-4a86-8a4e-3f2d0b7a9c11" as Uuid;
const REGISTRATION: RegisterRequest = {
  details: { uuid: UUID, ipAddress: "10.0.0.100", hostName: "dn1", ports: [] },
  report: { storageReports: [], metadataStorageReports: [] },
  pipelineReports: [],
  layout: { metadata: 9, software: 9 },
};
const REGISTERED: RegisterResponse = {
  uuid: UUID,
  clusterId: "CID-test",
  hostName: "dn1",
  ipAddress: "10.0.0.100",
  networkName: UUID,
  networkLocation: "/default-rack",
};
const HEARTBEAT = { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 } as const;
const QUIET: HeartbeatResponse = { term: 3, fullReportWanted: false, commands: [] };
const ROW: ReportRow = {
  containerId: 5,
  usedBytes: 1,
  sequenceId: 2,
  keyCount: 3,
  originNodeId: UUID,
  state: "CLOSED",
  isEmpty: false,
  replicaIndex: 0,
};

function command(type: Command["type"]): Command {
  return { type, commandId: 1, term: 3, deadlineMs: 0 };
}

/** A datanode client with a log of everything that its handler was told. */
class Node {
  readonly client: DatanodeClient;
  readonly log: string[] = [];
  readonly errors: RpcError[] = [];
  readonly commands: Command[] = [];

  constructor(world: ClientWorld, driver?: DatanodeDriver) {
    const options = { endpoints: world.endpoints, clientName: "dn 1.0" };
    const handler = {
      onConnected: () => this.log.push("connected"),
      onRegistered: () => this.log.push("registered"),
      onCommands: (commands: readonly Command[]) => this.commands.push(...commands),
      onFullReportWanted: () => this.log.push("report wanted"),
      onReregister: () => this.log.push("reregister"),
      onLost: (error: RpcError) => {
        this.log.push("lost");
        this.errors.push(error);
      },
    };
    this.client = new DatanodeClient(world.environment, options, handler, driver);
    this.client.start();
  }
}

const DRIVER: DatanodeDriver = { registration: () => REGISTRATION, heartbeat: () => HEARTBEAT };

/** An SCM that registers and answers heartbeats, and a node. */
async function world(answer: HeartbeatResponse = QUIET): Promise<ClientWorld> {
  const made = await ClientWorld.withScms(1);
  made.scm().on("register", (request) => request.answer(REGISTERED));
  made.scm().on("heartbeat", (request) => request.answer(answer));
  return made;
}

/** A node that its test drives by hand, connected. */
async function byHand(answer?: HeartbeatResponse): Promise<{ w: ClientWorld; node: Node }> {
  const w = await world(answer);
  const node = new Node(w);
  await w.until("the node is connected", () => node.client.isConnected);
  return { w, node };
}

test("with a driver a node registers and then sends heartbeats at the SCM's interval", async () => {
  const w = await world();
  w.scm().hello = { ...w.scm().hello, heartbeatIntervalMs: 3000 };
  const node = new Node(w, DRIVER);
  await w.until("ten heartbeats arrived", () => w.scm().requestsOf("heartbeat").length === 10);
  deepEqual(node.log, ["connected", "registered"]);
  deepEqual(w.scm().requestsOf("register")[0]?.body, REGISTRATION);
  const times = w
    .scm()
    .requestsOf("heartbeat")
    .map(({ atMs }) => atMs);
  ok((times[0] ?? 0) < 3010);
  for (let i = 1; i < times.length; i++) {
    ok(Math.abs((times[i] ?? 0) - (times[i - 1] ?? 0) - 3000) < 10, `${times}`);
  }
});

test("nodes that register at one moment spread their heartbeats over the interval", async () => {
  const w = await world();
  const nodes = Array.from({ length: 40 }, () => new Node(w, DRIVER));
  await w.until("all beat", () => w.scm().requestsOf("heartbeat").length === nodes.length);
  const times = w
    .scm()
    .requestsOf("heartbeat")
    .map(({ atMs }) => atMs);
  for (let tenth = 0; tenth < 10; tenth += 2) {
    const inPart = times.filter((ms) => ms >= tenth * 3000 && ms < (tenth + 2) * 3000).length;
    ok(inPart >= 2 && inPart <= 16, `${inPart} of 40 in a fifth of the interval`);
  }
});

test("no second heartbeat is sent while one waits for its answer", async () => {
  const w = await world();
  w.scm().on("heartbeat", () => {});
  new Node(w, { ...DRIVER, heartbeatIntervalMs: 1000 });
  await w.pass(10_000);
  equal(w.scm().requestsOf("heartbeat").length, 1);
  w.scm().requestsOf("heartbeat")[0]?.answer(QUIET);
  await w.pass(2000);
  equal(w.scm().requestsOf("heartbeat").length, 2);
});

test("orders go to the handler in order; a reregister command makes the node register", async () => {
  const orders = [
    command("closeContainerCommand"),
    command("reregisterCommand"),
    command("deleteBlocksCommand"),
  ];
  const w = await world();
  w.scm().on("heartbeat", (request) => {
    const isFirst = w.scm().requestsOf("heartbeat").length === 1;
    request.answer({ term: 3, fullReportWanted: isFirst, commands: isFirst ? orders : [] });
  });
  const node = new Node(w, DRIVER);
  await w.until("it registered again", () => node.log.filter((entry) => entry === "registered").length === 2);
  deepEqual(node.log, ["connected", "registered", "report wanted", "reregister", "registered"]);
  deepEqual(
    node.commands.map(({ type }) => type),
    ["closeContainerCommand", "deleteBlocksCommand"],
  );
});

test("a node that is told to register anew is not registered until it has", async () => {
  const w = await world({
    ...QUIET,
    commands: [{ type: "reregisterCommand", commandId: 0, term: 0, deadlineMs: 0 }],
  });
  const { client, log } = new Node(w);
  await w.until("the node is connected", () => client.isConnected);
  await w.scheduler.settle(client.sendRegistration(REGISTRATION));
  equal(client.isRegistered, true);
  await w.scheduler.settle(client.sendHeartbeat(HEARTBEAT));
  equal(client.isRegistered, false);
  deepEqual(log, ["connected", "registered", "reregister"]);
});

test("a node that the SCM has forgotten registers again", async () => {
  const w = await world();
  w.scm().on("heartbeat", (request) => {
    if (w.scm().requestsOf("register").length === 2) request.answer(QUIET);
    else request.fail(new StrataError("NOT_REGISTERED"));
  });
  const node = new Node(w, DRIVER);
  await w.until("it registered again", () => w.scm().requestsOf("register").length === 2);
  await w.pass(100_000);
  deepEqual(node.log, ["connected", "registered", "reregister", "registered"]);
});

test("a refused registration is told and tried again with pauses", async () => {
  const w = await world();
  const refusal = new StrataError("DATANODE_LAYOUT_NOT_PERMITTED", { given: 1, expected: 2 });
  w.scm().on("register", (request) => request.fail(refusal));
  const node = new Node(w, DRIVER);
  await w.until("it tried ten times", () => node.errors.length === 10);
  ok(w.nowMs > 3000, `${w.nowMs} ms`);
  for (const { code } of node.errors) equal(code, "DATANODE_LAYOUT_NOT_PERMITTED");
  equal(node.client.isRegistered, false);
});

test("an SCM that is not ready is asked again on the same connection, with pauses", async () => {
  const w = await world();
  let refusals = 6;
  w.scm().on("register", (request) => {
    if (refusals-- > 0) request.fail(new StrataError("NOT_READY", { step: "catching up" }));
    else request.answer(REGISTERED);
  });
  const node = new Node(w, DRIVER);
  await w.until("the node is registered", () => node.client.isRegistered);
  equal(w.scm().opened.length, 1);
  equal(w.scm().requestsOf("register").length, 7);
  ok(w.nowMs > 500, `${w.nowMs} ms`);
  deepEqual(node.errors, []);
});

test("an SCM that is not ready is not asked any more once the node is closed", async () => {
  const w = await world();
  w.scm().on("register", (request) => request.fail(new StrataError("NOT_READY", { step: "catching up" })));
  const node = new Node(w, DRIVER);
  await w.until("it was asked", () => w.scm().requestsOf("register").length === 2);
  node.client.close();
  await w.pass(60_000);
  equal(w.scm().requestsOf("register").length, 2);
});

test("with a driver that has no heartbeats the owner sends them", async () => {
  const w = await world();
  const node = new Node(w, { registration: () => REGISTRATION });
  await w.until("the node is registered", () => node.client.isRegistered);
  await w.pass(100_000);
  equal(w.scm().requestsOf("heartbeat").length, 0);
});

test("after a lost connection a driven node connects, registers and beats again", async () => {
  const w = await world();
  const node = new Node(w, DRIVER);
  await w.until("it is registered", () => node.client.isRegistered);
  for (const connection of w.network.connections) connection.reset();
  await w.until("it is lost", () => !node.client.isConnected);
  equal(node.client.isRegistered, false);
  const before = w.scm().requestsOf("heartbeat").length;
  await w.until("it beats again", () => w.scm().requestsOf("heartbeat").length > before + 1, 200_000);
  deepEqual(node.log, ["connected", "registered", "lost", "connected", "registered"]);
});

test("driven by hand it only connects; requests are the owner's", async () => {
  const { w, node } = await byHand();
  await w.pass(100_000);
  equal(w.scm().requests.length, 0);
  deepEqual(await w.scheduler.settle(node.client.sendRegistration(REGISTRATION)), REGISTERED);
  equal(node.client.isRegistered, true);
  deepEqual(await w.scheduler.settle(node.client.sendHeartbeat(HEARTBEAT)), QUIET);
});

test("what is asked while not connected fails, never before the call has returned", async () => {
  const w = await world();
  const node = new Node(w);
  const outcome = new Outcome<HeartbeatResponse>();
  node.client.heartbeat(HEARTBEAT, outcome);
  equal(outcome.isDone, false);
  await w.until("it has failed", () => outcome.isDone);
  equal(outcome.error?.code, "CONNECTION_LOST");
  const report = node.client.sendFullReport(oneRow(), false);
  await rejects(w.scheduler.settle(report), { code: "CONNECTION_LOST" });
});

test("a request that cannot be encoded rejects with the field's name", async () => {
  const { w, node } = await byHand();
  const wrong = { ...HEARTBEAT, persistedOpStateExpiry: 0.5 };
  await rejects(w.scheduler.settle(node.client.sendHeartbeat(wrong)), {
    code: "FIELD_INVALID",
    message: /^HeartbeatRequest\.persistedOpStateExpiry/,
  });
});

test("an incremental report carries its rows and their dictionary", async () => {
  const { w, node } = await byHand();
  w.scm().on("incrementalReport", (request) => request.answer({}));
  const rows = [
    { ...ROW, containerId: 9 },
    { ...ROW, containerId: 4, state: "DELETED" as const },
  ];
  await w.scheduler.settle(node.client.sendIncrementalReport(reportRows(rows, "free")));
  const body = w.scm().requestsOf("incrementalReport")[0]?.body;
  ok(body !== undefined);
  const arrived = [...readReportRows(body.rows, body.rowBytes, body.origins)];
  deepEqual(
    arrived.map(({ containerId, state }) => [containerId, state]),
    [
      [9, "CLOSED"],
      [4, "DELETED"],
    ],
  );
});

test("close ends everything", async () => {
  const w = await world();
  const node = new Node(w, DRIVER);
  await w.until("it is registered", () => node.client.isRegistered);
  const outcome = new Outcome<HeartbeatResponse>();
  node.client.heartbeat(HEARTBEAT, outcome);
  node.client.close();
  equal(outcome.error?.code, "CONNECTION_LOST");
  const before = w.scm().requests.length;
  await w.pass(300_000);
  equal(w.scm().requests.length - before <= 1, true);
  equal(w.network.connections.length, 0);
});

function oneRow(): Parameters<DatanodeClient["sendFullReport"]>[0] {
  return { rowBytes: 32, rowCount: 1, origins: [UUID], next: () => reportRows([ROW]).rows };
}
