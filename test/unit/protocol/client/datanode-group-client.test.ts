import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { HeartbeatRequest } from "../../../../protocol/client/datanode-client.js";
import { DatanodeGroupClient } from "../../../../protocol/client/datanode-group-client.js";
import { BufferReportSource, reportRows } from "../../../../protocol/client/report-source.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import type { Command } from "../../../../protocol/schema/records.js";
import { ClientWorld } from "../../../support/client-world.js";

const UUID = "0f6d2f3e-9c1a-4a86-8a4e-3f2d0b7a9c11" as Uuid;
const BEAT: HeartbeatRequest = { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 };
const INTERVAL_MS = 1000;

function close(containerId: number, term: number): Command {
  return { type: "closeContainerCommand", commandId: containerId, term, deadlineMs: 0, containerId };
}

function rows(ids: readonly number[]) {
  return reportRows(
    ids.map((containerId) => ({
      containerId,
      usedBytes: 1,
      sequenceId: 2,
      keyCount: 3,
      originNodeId: UUID,
      state: "CLOSED",
      isEmpty: false,
      replicaIndex: 0,
    })),
  );
}

/** SCMs that take everything; each answers heartbeats with what the test queues. */
class Group {
  readonly world: ClientWorld;
  readonly client: DatanodeGroupClient;
  readonly run: number[] = [];
  offerCount = 0;
  /** Next answers by SCM. */
  readonly orders: Partial<ResponseOf<"heartbeat">>[][] = [];

  private constructor(world: ClientWorld, endpoints: readonly string[]) {
    this.world = world;
    world.scms.forEach((scm, index) => {
      const orders: Partial<ResponseOf<"heartbeat">>[] = [];
      this.orders.push(orders);
      scm.on("register", (request) => request.answer(registered(request.body.details.uuid)));
      scm.on("heartbeat", (request) => {
        const term = index === 0 ? 3 : 0;
        request.answer({ term, fullReportWanted: false, commands: [], ...orders.shift() });
      });
      scm.on("fullReportBegin", (request) => request.answer({ reportId: 1, chunksInFlightMax: 4 }));
      scm.on("fullReportChunk", (request) => request.answer({}));
      scm.on("incrementalReport", (request) => request.answer({}));
    });
    this.client = new DatanodeGroupClient(
      world.environment,
      { endpoints, clientName: "dn 1.0" },
      {
        onCommands: () => {
          this.offerCount++;
          for (let next = this.client.nextCommand(); next !== undefined; next = this.client.nextCommand()) {
            this.run.push(next.commandId);
          }
        },
      },
      {
        registration: () => ({
          details: { uuid: UUID, ipAddress: "10.0.0.100", hostName: "dn1", ports: [] },
          report: { storageReports: [], metadataStorageReports: [] },
          pipelineReports: [],
          layout: { metadata: 9, software: 9 },
        }),
        heartbeat: () => BEAT,
        report: () => new BufferReportSource(rows([1, 2])),
        heartbeatIntervalMs: INTERVAL_MS,
      },
    );
  }

  static async of(count: number, dialled = count): Promise<Group> {
    const world = await ClientWorld.withScms(count);
    const group = new Group(world, world.endpoints.slice(0, dialled));
    group.client.start();
    return group;
  }

  /** Of three, two of which refuse the datanode, with command 7 of the first that waits therefore. */
  static async withWaitingCommand(): Promise<Group> {
    const group = await Group.of(3);
    group.refuse(1);
    group.refuse(2);
    group.orders[0]?.push({ commands: [close(7, 3)] });
    await group.registered(1);
    await group.beats();
    equal(group.client.terms.length, 1);
    return group;
  }

  async registered(count: number): Promise<void> {
    await this.world.until("registered", () => this.client.registeredCount === count);
  }

  /** Lets every SCM answer at least two more heartbeats. */
  async beats(): Promise<void> {
    await this.world.pass(2.5 * INTERVAL_MS);
  }

  refuse(index: number): void {
    this.world.scm(index).on("register", (r) => r.fail(new StrataError("NOT_READY", { step: "test" })));
  }
}

function registered(uuid: Uuid): ResponseOf<"register"> {
  const clusterId = "CID-test";
  return { uuid, clusterId, hostName: "dn1", ipAddress: "", networkName: uuid, networkLocation: "/" };
}

test("a datanode registers with every SCM, and each gets its heartbeats and a full report", async () => {
  const group = await Group.of(3);
  await group.registered(3);
  await group.beats();
  for (const scm of group.world.scms) {
    equal(scm.requestsOf("register").length, 1);
    ok(scm.requestsOf("heartbeat").length >= 2);
    deepEqual(
      scm.requestsOf("fullReportBegin").map(({ body }) => body.fromRegistration),
      [true],
    );
    equal(scm.requestsOf("fullReportChunk").length, 1);
  }
});

test("an SCM that cannot be reached keeps no other one from its reports", async () => {
  const group = await Group.of(3);
  await group.world.scm(1).close();
  await group.registered(2);
  equal(group.client.isRegistered, true);
  await group.beats();
  ok(group.world.scm(2).requestsOf("heartbeat").length >= 2);
});

test("a command waits until a majority of the SCMs has the datanode registered", async () => {
  const group = await Group.withWaitingCommand();
  deepEqual(group.run, []);
  equal(group.client.isRegistered, false);
  group.world.scm(2).on("register", (request) => request.answer(registered(UUID)));
  await group.registered(2);
  deepEqual(group.run, [7]);
});

test("of two that call themselves leader the one of the higher term is obeyed", async () => {
  const group = await Group.of(3);
  await group.registered(3);
  group.orders[0]?.push({ commands: [close(1, 3)] });
  await group.beats();
  deepEqual(group.run, [1]);
  group.orders[1]?.push({ term: 4, commands: [close(2, 4)] });
  await group.beats();
  group.orders[0]?.push({ commands: [close(3, 3)] });
  group.orders[1]?.push({ term: 4, commands: [close(4, 4)] });
  await group.beats();
  deepEqual(group.run, [1, 2, 4]);
  equal(group.client.terms.counters.stale, 1);
});

test("an answer without commands tells a new term too", async () => {
  const group = await Group.of(3);
  await group.registered(3);
  group.orders[2]?.push({ term: 9 });
  await group.beats();
  group.orders[0]?.push({ commands: [close(1, 3)] });
  await group.beats();
  deepEqual(group.run, []);
});

test("heartbeats say the highest term that was seen", async () => {
  const group = await Group.of(2);
  await group.registered(2);
  await group.beats();
  group.orders[1]?.push({ term: 9 });
  await group.beats();
  for (const scm of group.world.scms) {
    const seen = scm.requestsOf("heartbeat").map(({ body }) => body.termSeen);
    equal(seen.at(-1), 9);
    ok(seen.includes(3), `${seen}`);
  }
});

test("a reregister command concerns the SCM that sent it, and no term", async () => {
  const group = await Group.of(3);
  await group.registered(3);
  group.orders[1]?.push({
    commands: [{ type: "reregisterCommand", commandId: 0, term: 0, deadlineMs: 0 }],
  });
  await group.beats();
  deepEqual(
    group.world.scms.map((scm) => scm.requestsOf("register").length),
    [1, 2, 1],
  );
  equal(group.world.scm(1).requestsOf("fullReportBegin").length, 2);
  deepEqual(group.run, []);
});

test("changed replicas are told to every SCM; one that cannot take them is reported everything", async () => {
  const group = await Group.of(3);
  await group.registered(3);
  await group.beats();
  group.world.scm(1).on("incrementalReport", (request) => {
    request.fail(new StrataError("SHARD_UNAVAILABLE", { shard: 0 }));
  });
  group.client.incrementalReport(rows([5]));
  await group.beats();
  deepEqual(
    group.world.scms.map((scm) => scm.requestsOf("incrementalReport").length),
    [1, 1, 1],
  );
  deepEqual(
    group.world.scms.map((scm) => scm.requestsOf("fullReportBegin").length),
    [1, 2, 1],
  );
});

test("an SCM that joins is dialled, one that left is dropped, and the majority counts anew", async () => {
  const group = await Group.of(4, 1);
  await group.registered(1);
  group.client.setEndpoints(group.world.endpoints);
  equal(group.client.isRegistered, false);
  await group.registered(4);
  group.client.setEndpoints(group.world.endpoints.slice(1));
  equal(group.client.scms.length, 3);
  await group.world.pass(100);
  equal(group.client.registeredCount, 3);
  equal(group.world.network.connections.length, 3);
  equal(group.world.scm(1).opened.length, 1, "those that stay keep their connections");
});

test("close ends all connections", async () => {
  const group = await Group.of(3);
  await group.registered(3);
  group.client.close();
  await group.world.pass(60_000);
  equal(group.world.network.connections.length, 0);
});

test("a client that is closed offers no command that waits", async () => {
  const group = await Group.withWaitingCommand();
  const { offerCount } = group;
  group.client.close();
  await group.world.pass(60_000);
  equal(group.offerCount, offerCount);
});
