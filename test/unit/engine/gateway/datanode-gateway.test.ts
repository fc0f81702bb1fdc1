import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { nodeSlot, SAFE_INTEGER_MAX } from "../../../../engine/core/ids.js";
import { DatanodeGateway } from "../../../../engine/gateway/datanode-gateway.js";
import type { DatanodeServices } from "../../../../engine/gateway/datanode-services.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import {
  command,
  fakeServices,
  HEARTBEAT,
  registration,
  rowsFrom,
  uuidOf,
} from "../../../support/gateway/datanode-world.js";
import { type FakeConnection, RpcWorld } from "../../../support/gateway/rpc-world.js";

const INCREMENTAL = { rowBytes: 32, origins: [uuidOf(9)], rows: rowsFrom(7, 2) };

function chunkOf(fromId: number, changes: object = {}) {
  const rows = rowsFrom(fromId + 1, 3);
  return { reportId: 1, last: false, fromId, toId: fromId + 99, rowBytes: 32, rows, ...changes };
}

class Stage {
  readonly world = new RpcWorld({ requestsInFlightMax: 100 });
  readonly fakes: ReturnType<typeof fakeServices>;

  constructor(changes: Partial<DatanodeServices> = {}) {
    this.fakes = fakeServices(this.world, changes);
    new DatanodeGateway(this.world.server, this.fakes.services, this.world.metrics);
  }

  registered(number: number): FakeConnection {
    const connection = this.world.greeted();
    this.world.ask(connection, "register", registration(uuidOf(number)));
    assert.equal(connection.lastAnswer.error, undefined);
    return connection;
  }

  /** Asks for credit and gets it. */
  begin(connection: FakeConnection): void {
    this.world.ask(connection, "fullReportBegin", { fromRegistration: true, rowCount: 100 });
    this.fakes.reports.begins.at(-1)?.onGranted({ reportId: 1, chunksInFlightMax: 4 });
  }

  heartbeat(connection: FakeConnection): ResponseOf<"heartbeat"> {
    this.world.ask(connection, "heartbeat", HEARTBEAT);
    return connection.lastAnswer.body as ResponseOf<"heartbeat">;
  }
}

describe("datanode gateway: registration", () => {
  test("hands the request with the peer's address on and answers with what was recorded", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    assert.deepEqual(connection.lastAnswer.body, {
      uuid: uuidOf(1),
      clusterId: "CID-1",
      hostName: "dn1",
      ipAddress: "10.0.0.1",
      networkName: uuidOf(1),
      networkLocation: "/rack1",
    });
    const [{ request, peer } = {}] = stage.fakes.nodes.registrations;
    assert.deepEqual(peer, { ipAddress: "10.0.0.1" });
    assert.equal(request?.details.uuid, uuidOf(1));
    assert.deepEqual(stage.fakes.reports.log, ["want 0"], "a full report is asked for");
    assert.equal(stage.world.metrics.gauges.datanodesConnected, 1);
  });

  test("answers a refusal and leaves the connection open, not registered", () => {
    const stage = new Stage();
    const details = { given: 2, expected: 1 };
    stage.fakes.nodes.refusal = { kind: "refused", code: "DATANODE_LAYOUT_NOT_PERMITTED", details };
    const connection = stage.world.greeted();
    stage.world.ask(connection, "register", registration(uuidOf(1)));
    assert.equal(connection.lastAnswer.error?.code, "DATANODE_LAYOUT_NOT_PERMITTED");
    assert.equal(connection.isOpen, true);
    const { commands, term } = stage.heartbeat(connection);
    assert.deepEqual([term, ...commands.map(({ type }) => type)], [7, "reregisterCommand"]);
  });

  test("is put off until this SCM can judge what is reported", () => {
    let step: string | undefined = "catching up";
    const stage = new Stage({ busyWith: () => step });
    const connection = stage.world.greeted();
    stage.world.ask(connection, "register", registration(uuidOf(1)));
    assert.equal(connection.lastAnswer.error?.code, "NOT_READY");
    assert.match(connection.lastAnswer.error?.message ?? "", /catching up/);
    assert.equal(connection.isOpen, true);
    assert.equal(stage.fakes.nodes.registrations.length, 0);
    step = undefined;
    stage.world.ask(connection, "register", registration(uuidOf(1)));
    assert.equal(connection.lastAnswer.error, undefined);
  });

  test("may come again on the same connection, but not for another datanode", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.world.ask(connection, "register", registration(uuidOf(1)));
    assert.equal(connection.lastAnswer.error, undefined);
    assert.equal(connection.isOpen, true);
    stage.world.ask(connection, "register", registration(uuidOf(2)));
    assert.match(connection.closed?.reason ?? "", /^FIELD_INVALID: RegisterRequest.details.uuid: /);
    assert.equal(stage.fakes.nodes.registrations.length, 2);
  });

  test("of a newer connection closes the older one, whose work ends first", () => {
    const stage = new Stage();
    const older = stage.registered(1);
    const newer = stage.registered(1);
    assert.match(older.closed?.reason ?? "", /^REPLACED_BY_NEW_CONNECTION: /);
    assert.deepEqual(stage.fakes.reports.log, ["want 0", "gone 0", "want 0"]);
    assert.equal(stage.world.metrics.gauges.datanodesConnected, 1);
    stage.heartbeat(newer);
    assert.equal(stage.fakes.nodes.heartbeats.length, 1);
    newer.close(1006, "");
    assert.deepEqual(stage.fakes.reports.log, ["want 0", "gone 0", "want 0", "gone 0"]);
    assert.equal(stage.world.metrics.gauges.datanodesConnected, 0);
  });

  test("a connection that closes without registration is nobody's loss", () => {
    const stage = new Stage();
    stage.world.connect().close(1006, "");
    stage.world.greeted().close(1006, "");
    assert.deepEqual(stage.fakes.reports.log, []);
  });

  test("waits for the peer's host name", () => {
    const lookUps: ((name: string | undefined) => void)[] = [];
    const stage = new Stage({ lookUpHostName: (_, onName) => void lookUps.push(onName) });
    const register = (number: number): FakeConnection => {
      const connection = stage.world.greeted();
      stage.world.ask(connection, "register", registration(uuidOf(number)));
      return connection;
    };
    const [known, unknown, gone] = [register(1), register(2), register(3)];
    gone.close(1006, "");
    lookUps[0]?.("dn1.example.org");
    lookUps[1]?.(undefined);
    lookUps[2]?.("dn3.example.org");
    stage.world.turn();
    assert.equal((known.lastAnswer.body as ResponseOf<"register">).hostName, "dn1.example.org");
    assert.equal((unknown.lastAnswer.body as ResponseOf<"register">).hostName, "dn1");
    assert.equal(stage.fakes.nodes.registrations.length, 2, "who has gone is not registered");
  });

  test("waits for the rack, asked by the address of the connection and the datanode's name", () => {
    const lookUps: { asked: object; onLocation: (location: string | undefined) => void }[] = [];
    const stage = new Stage({
      lookUpHostName: (_, onName) => onName("seen.example.org"),
      lookUpLocation: (asked, onLocation) => void lookUps.push({ asked, onLocation }),
    });
    for (const number of [1, 2])
      stage.world.ask(stage.world.greeted(), "register", registration(uuidOf(number)));
    assert.equal(stage.fakes.nodes.registrations.length, 0);
    const ipAddress = "10.0.0.1";
    const hostName = "seen.example.org";
    assert.deepEqual(lookUps[0]?.asked, { ipAddress, hostName: "dn1" });
    lookUps[1]?.onLocation(undefined);
    lookUps[0]?.onLocation("/rack7");
    assert.deepEqual(
      stage.fakes.nodes.registrations.map(({ peer }) => peer),
      [
        { ipAddress, hostName },
        { ipAddress, hostName, networkLocation: "/rack7" },
      ],
    );
  });
});

describe("datanode gateway: heartbeats", () => {
  test("carry the request to the node manager and its commands back", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.world.scheduler.runSync(1234);
    stage.fakes.nodes.commands = [command(1), command(2)];
    const response = stage.heartbeat(connection);
    assert.deepEqual(response, { term: 7, fullReportWanted: true, commands: [command(1), command(2)] });
    const [{ uuid, leader, nowMs } = {}] = stage.fakes.nodes.heartbeats;
    assert.deepEqual([uuid, leader, nowMs], [uuidOf(1), { isLeader: true, term: 7 }, 1234]);
    stage.fakes.reports.wanted.clear();
    assert.deepEqual(stage.heartbeat(connection), { term: 7, fullReportWanted: false, commands: [] });
    assert.equal(stage.world.metrics.counters.commandsSent, 2);
  });

  test("give the commands back when their answer could not be sent", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.fakes.nodes.commands = [command(1), command(2)];
    connection.isSlow = true;
    stage.world.ask(connection, "heartbeat", HEARTBEAT);
    assert.equal(connection.isOpen, false);
    assert.deepEqual(stage.fakes.nodes.takenBack, [{ uuid: uuidOf(1), commands: [command(1), command(2)] }]);
    assert.equal(stage.world.metrics.counters.commandsTakenBack, 2);
    assert.equal(stage.world.metrics.counters.commandsSent, 0);
  });

  test("are given back from behind the gateway for Hadoop RPC, and from nobody else", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    const commands = [command(1), command(2)];
    stage.fakes.nodes.commands = [command(3)];
    stage.world.ask(connection, "takeBackCommands", { commands });
    assert.equal(connection.lastAnswer.error?.code, "UNSUPPORTED_OPERATION");
    connection.isInternal = true;
    stage.world.ask(connection, "takeBackCommands", { commands });
    assert.deepEqual(connection.lastAnswer.body, {});
    assert.deepEqual(stage.fakes.nodes.takenBack, [{ uuid: uuidOf(1), commands }]);
    assert.deepEqual(stage.heartbeat(connection).commands, [command(1), command(2), command(3)]);
    assert.equal(stage.world.metrics.counters.commandsTakenBack, 2);
  });

  test("carry as many commands as fit, in order, and leave the rest for the next ones", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    const token = "€".repeat(1000);
    stage.fakes.nodes.commands = Array.from({ length: 200 }, (_, i) => command(i + 1, token));
    const got: number[] = [];
    for (let i = 0; i < 10 && got.length < 200; i++) {
      const { commands } = stage.heartbeat(connection);
      assert.ok(commands.length > 30);
      got.push(...commands.map(({ commandId }) => commandId));
    }
    assert.deepEqual(
      got,
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
  });

  for (const field of ["peers", "members"] as const) {
    test(`carry commands with the most and the longest ${field} that there can be, one at a time`, () => {
      const stage = new Stage();
      const connection = stage.registered(1);
      const peer = {
        uuid: uuidOf(2),
        ipAddress: "€".repeat(64),
        hostName: "€".repeat(255),
        ports: Array.from({ length: 32 }, () => ({ name: "€".repeat(64), value: 0xffff_ffff })),
        certSerialId: "€".repeat(64),
        networkName: "€".repeat(255),
        networkLocation: "€".repeat(1024),
        level: 65_535,
        persistedOpState: "DECOMMISSIONING",
        persistedOpStateExpiry: -SAFE_INTEGER_MAX,
        currentVersion: SAFE_INTEGER_MAX,
        version: "€".repeat(255),
        setupTime: SAFE_INTEGER_MAX,
        revision: "€".repeat(255),
      } as const;
      const all = Array.from({ length: 16 }, () => peer);
      stage.fakes.nodes.commands = [1, 2, 3].map((id) => ({ ...command(id), [field]: all }));
      const got = [1, 2, 3].map(() => stage.heartbeat(connection).commands);
      assert.deepEqual(
        got.map((commands) => commands.map(({ commandId }) => commandId)),
        [[1], [2], [3]],
      );
      assert.deepEqual(got[0]?.[0]?.[field]?.[15], peer);
    });
  }

  test("without registration are told to register, and nothing of them is taken", () => {
    const stage = new Stage();
    const connection = stage.world.greeted();
    stage.world.ask(connection, "heartbeat", HEARTBEAT);
    const { commands } = connection.lastAnswer.body as ResponseOf<"heartbeat">;
    assert.deepEqual(
      commands.map(({ type }) => type),
      ["reregisterCommand"],
    );
    assert.equal(connection.isOpen, true);
    assert.equal(stage.fakes.nodes.heartbeats.length, 0);
  });
});

describe("datanode gateway: reports", () => {
  test("keep their order on the way, and are answered when they are done", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    const { reports, nodes } = stage.fakes;
    stage.world.ask(connection, "fullReportBegin", { fromRegistration: true, rowCount: 100 });
    assert.deepEqual(nodes.begun, [nodeSlot(0)]);
    reports.begins[0]?.onGranted({ reportId: 1, chunksInFlightMax: 4 });
    stage.world.turn();
    assert.deepEqual(connection.lastAnswer.body, { reportId: 1, chunksInFlightMax: 4 });
    const answeredCount = connection.answers.length;
    stage.world.ask(connection, "fullReportChunk", chunkOf(0, { origins: [uuidOf(9)] }));
    stage.world.ask(connection, "incrementalReport", INCREMENTAL);
    stage.world.ask(connection, "fullReportChunk", chunkOf(100, { last: true, toId: SAFE_INTEGER_MAX }));
    assert.deepEqual(reports.log.slice(1), ["begin 0", "chunk 0 0", "incremental 0", "chunk 0 100"]);
    stage.world.turn();
    assert.equal(connection.answers.length, answeredCount, "nothing is answered before it is done");
    reports.chunks[0]?.onDone(undefined);
    reports.incrementals[0]?.onDone(undefined);
    reports.chunks[1]?.onDone(undefined);
    stage.world.turn();
    assert.deepEqual(
      connection.answers.slice(answeredCount).map(({ name, error }) => [name, error]),
      [
        ["fullReportChunk", undefined],
        ["incrementalReport", undefined],
        ["fullReportChunk", undefined],
      ],
    );
  });

  test("arrive unchanged", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.world.ask(connection, "fullReportChunk", chunkOf(5, { origins: [uuidOf(9)] }));
    stage.world.ask(connection, "incrementalReport", INCREMENTAL);
    const { chunk } = stage.fakes.reports.chunks[0] ?? {};
    assert.deepEqual(
      { ...chunk, rows: [...(chunk?.rows ?? [])] },
      {
        ...chunkOf(5),
        origins: [uuidOf(9)],
        rows: [...rowsFrom(6, 3)],
      },
    );
    assert.deepEqual([...(stage.fakes.reports.incrementals[0]?.report.rows ?? [])], [...INCREMENTAL.rows]);
  });

  test("without registration close the connection", () => {
    for (const [name, body] of [
      ["fullReportBegin", { fromRegistration: true, rowCount: 1 }],
      ["fullReportChunk", chunkOf(0)],
      ["incrementalReport", INCREMENTAL],
    ] as const) {
      const stage = new Stage();
      const connection = stage.world.greeted();
      stage.world.ask(connection, name, body);
      assert.match(connection.closed?.reason ?? "", /^NOT_REGISTERED: /, name);
      assert.deepEqual(stage.fakes.reports.log, []);
    }
  });

  test("that break the rules close their connection, whenever that is found", () => {
    const stage = new Stage();
    const [hostile, healthy] = [stage.registered(1), stage.registered(2)];
    stage.world.ask(hostile, "fullReportChunk", chunkOf(0));
    stage.world.ask(healthy, "incrementalReport", INCREMENTAL);
    stage.fakes.reports.chunks[0]?.onDone(new StrataError("REPORT_NOT_GRANTED"));
    stage.fakes.reports.incrementals[0]?.onDone(undefined);
    stage.world.turn();
    assert.match(hostile.closed?.reason ?? "", /^REPORT_NOT_GRANTED: /);
    assert.equal(healthy.lastAnswer.name, "incrementalReport");
    assert.deepEqual(stage.fakes.reports.log.at(-1), "gone 0");
  });

  test("that fail for another reason are answered with it", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.world.ask(connection, "fullReportBegin", { fromRegistration: false, rowCount: 1 });
    stage.fakes.reports.begins[0]?.onGranted(new StrataError("SHARD_UNAVAILABLE", { shard: 0 }));
    stage.world.ask(connection, "fullReportChunk", chunkOf(0));
    stage.fakes.reports.chunks[0]?.onDone(new StrataError("SHARD_UNAVAILABLE", { shard: 0 }));
    stage.world.turn();
    assert.deepEqual(
      connection.answers.slice(-2).map(({ error }) => error?.code),
      ["SHARD_UNAVAILABLE", "SHARD_UNAVAILABLE"],
    );
    assert.equal(connection.isOpen, true);
  });

  test("in flight are dropped with their connection, and their late answers go nowhere", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.world.ask(connection, "fullReportChunk", chunkOf(0));
    connection.close(1006, "");
    assert.deepEqual(stage.fakes.reports.log.at(-1), "gone 0");
    stage.fakes.reports.chunks[0]?.onDone(undefined);
    stage.world.turn();
    assert.equal(stage.world.metrics.gauges.requestsInFlight, 0);
    assert.equal(stage.world.metrics.counters.answersDropped, 1);
  });

  test("that have credit and do not come close their connection, so that others can report", () => {
    const stage = new Stage();
    const [hostile, healthy] = [stage.registered(1), stage.registered(2)];
    stage.begin(hostile);
    stage.world.scheduler.runSync(55_000);
    stage.begin(healthy);
    stage.world.scheduler.runSync(66_000);
    assert.match(hostile.closed?.reason ?? "", /^REPORT_STALLED: /);
    assert.equal(stage.fakes.reports.log.at(-1), "gone 0");
    assert.equal(healthy.isOpen, true);
  });

  test("that come in drips close their connection too", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.begin(connection);
    for (let i = 0; connection.isOpen; i++) {
      assert.ok(i < 5, "it is closed in time");
      stage.world.scheduler.runSync(stage.world.scheduler.nowMs + 20_000);
      if (!connection.isOpen) break;
      stage.world.ask(connection, "fullReportChunk", chunkOf(i * 100));
      stage.fakes.reports.chunks[i]?.onDone(undefined);
    }
    assert.match(connection.closed?.reason ?? "", /^REPORT_STALLED: /);
  });

  test("are not blamed for time that the SCM takes, nor after they are complete", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.begin(connection);
    stage.world.scheduler.runSync(58_000);
    stage.world.ask(connection, "fullReportChunk", chunkOf(0));
    stage.world.scheduler.runSync(200_000);
    stage.fakes.reports.chunks[0]?.onDone(undefined);
    stage.world.ask(connection, "fullReportChunk", chunkOf(100, { last: true, toId: SAFE_INTEGER_MAX }));
    stage.world.scheduler.runSync(400_000);
    stage.fakes.reports.chunks[1]?.onDone(undefined);
    stage.world.scheduler.runSync(600_000);
    assert.equal(connection.isOpen, true);
  });

  test("that begin anew have their time again, whatever is left of the older one", () => {
    const stage = new Stage();
    const connection = stage.registered(1);
    stage.begin(connection);
    stage.world.ask(connection, "fullReportChunk", chunkOf(0));
    stage.world.scheduler.runSync(50_000);
    stage.begin(connection);
    stage.world.ask(connection, "fullReportChunk", chunkOf(0));
    stage.fakes.reports.chunks[0]?.onDone(undefined);
    stage.world.scheduler.runSync(200_000);
    assert.equal(connection.isOpen, true, "the second report has a chunk on the way");
  });
});
