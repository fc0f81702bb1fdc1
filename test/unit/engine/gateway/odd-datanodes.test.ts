import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { REPLICA_ACTION } from "../../../../engine/cluster/containers/replica-rules.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { uuidOf } from "../../../support/gateway/datanode-world.js";
import { type ReportingPeer, ReportWorld } from "../../../support/gateway/report-world.js";
import type { TestRow } from "../../../support/workers/report-rows.js";

const NIL = "00000000-0000-0000-0000-000000000000";
/** Origins that one datanode may bring in, and that one message may name. */
const ORIGIN_SHARE = 8192;
const ORIGINS_PER_MESSAGE = 4096;

async function stage(containerIds: readonly number[]): Promise<ReportWorld> {
  const world = await ReportWorld.create();
  for (const id of containerIds) world.setContainer(id, "CLOSED");
  return world;
}

describe("a report that is cut off between chunks by a lost connection", () => {
  test("is right as far as it came, gives its credit back, and is asked for again", async () => {
    const world = await stage([5, 6, 9]);
    const before = world.datanode(1);
    before.report([{ id: 5 }, { id: 9 }]);
    const reportId = before.begin() ?? 0;
    before.sendChunk(reportId, [{ id: 5, usedBytes: 77 }], { toId: 5 });
    world.settle();
    // One that is merged when nobody waits for the answer any more.
    before.sendChunk(reportId, [{ id: 6, usedBytes: 77 }], { fromId: 6, toId: 8 });
    before.connection.close(1006, "");
    assert.equal(world.shards.intake.creditInUse, 0);
    world.settle();
    assert.deepEqual(
      [5, 6, 9].map((id) => world.tableOf(id)),
      [["0:77"], ["0:77"], ["0:1000"]],
    );
    assert.equal(world.shards.intake.fullReportComplete(world.slotOf(1)), false);
    assert.equal(world.shards.intake.counters.completed, 1);
    assert.equal(world.shards.intake.counters.dropped, 1);
    world.checkInvariants();

    const after = world.datanode(1);
    assert.equal(after.isAskedToReport(), true);
    after.report([{ id: 6 }]);
    assert.deepEqual(
      [5, 6, 9].map((id) => world.tableOf(id)),
      [[], ["0:1000"], []],
    );
    world.checkInvariants();
  });

  test("has no successor on the next connection: its id is worth nothing there", async () => {
    const world = await stage([5]);
    const before = world.datanode(1);
    const reportId = before.begin() ?? 0;
    before.sendChunk(reportId, [], { toId: 4 });
    before.connection.close(1006, "");
    const after = world.datanode(1);
    after.sendChunk(reportId, [{ id: 5 }], { fromId: 5 });
    world.settle();
    assert.equal(after.answers().at(-1), "REPORT_DROPPED");
    assert.deepEqual(world.tableOf(5), []);
    assert.equal(after.isAskedToReport(), true);
  });
});

describe("two connections that claim one datanode", () => {
  test("the newer one is it: the older is closed, and what it had on the way comes first", async () => {
    const world = await stage([5, 6]);
    const older = world.datanode(1);
    const olderReport = older.begin() ?? 0;
    older.sendChunk(olderReport, [
      { id: 5, usedBytes: 1 },
      { id: 6, usedBytes: 1 },
    ]);
    older.tell("incrementalReport", incrementalOf(older, [{ id: 6, usedBytes: 2 }]));
    const newer = world.datanode(1);
    assert.equal(older.closedWith, "REPLACED_BY_NEW_CONNECTION");
    assert.deepEqual(world.rpc.refused, ["REPLACED_BY_NEW_CONNECTION"]);
    newer.report([{ id: 5, usedBytes: 3 }]);
    assert.deepEqual(
      [5, 6].map((id) => world.tableOf(id)),
      [["0:3"], []],
    );
    assert.equal(world.rpc.metrics.gauges.datanodesConnected, 1);
    assert.equal(world.shards.intake.creditInUse, 0);
    world.checkInvariants();
  });

  test("that take turns end with what the last one reported", async () => {
    const world = await stage([5, 6]);
    let peer = world.datanode(1);
    for (let round = 1; round <= 50; round++) {
      peer.begin();
      peer = world.datanode(1);
      peer.sendChunk(peer.begin() ?? 0, [{ id: 5 + (round % 2), usedBytes: round }]);
    }
    world.settle();
    assert.equal(peer.answers().at(-1), "fullReportChunk");
    assert.deepEqual(
      [5, 6].map((id) => world.tableOf(id)),
      [["0:50"], []],
    );
    assert.equal(world.shards.intake.creditInUse, 0);
    assert.equal(world.shards.intake.lineCount, 0);
    world.checkInvariants();
  });
});

describe("a datanode that reports another's replicas", () => {
  test("reports its own: an origin tells where they were written, not whose they are", async () => {
    const world = await stage([5]);
    const [origin, copy] = [world.datanode(1), world.datanode(2)];
    origin.report([{ id: 5, origin: uuidOf(1) }]);
    copy.report([{ id: 5, origin: uuidOf(1) }]);
    const { intake } = world.shards;
    assert.deepEqual(
      world.replicasOf(5).map(({ node, origin: number }) => [node, intake.originOf(number)]),
      [
        [0, uuidOf(1)],
        [1, uuidOf(1)],
      ],
    );
    copy.report([]);
    assert.deepEqual(world.tableOf(5), ["0:1000"]);
    world.checkInvariants();
  });

  test("under the other's grant is closed, and the other's report goes on", async () => {
    const world = await stage([5, 6]);
    const [granted, thief] = [world.datanode(1), world.datanode(2)];
    const reportId = granted.begin() ?? 0;
    granted.sendChunk(reportId, [{ id: 5 }], { toId: 5 });
    thief.sendChunk(reportId, [{ id: 6 }], { fromId: 6 });
    granted.sendChunk(reportId, [{ id: 6, usedBytes: 7 }], { fromId: 6 });
    world.settle();
    assert.equal(thief.closedWith, "REPORT_NOT_GRANTED");
    assert.deepEqual(
      [5, 6].map((id) => world.tableOf(id)),
      [["0:1000"], ["0:7"]],
    );
    assert.equal(granted.isAskedToReport(), false);
  });
});

test("a replica of a container being deleted is recorded, and what is due is decided", async () => {
  const world = await stage([]);
  world.setContainer(5, "DELETING");
  world.setContainer(6, "DELETED");
  world.setContainer(7, "DELETING");
  world.setContainer(8, "DELETED");
  const peer = world.datanode(1);
  peer.report([
    { id: 5, sequenceId: 0 },
    { id: 6, isEmpty: true },
    { id: 7, sequenceId: 10 },
    { id: 8, state: "DELETED", isEmpty: true },
  ]);
  assert.deepEqual(
    [5, 6, 7, 8].map((id) => world.tableOf(id)),
    [["0:1000"], ["0:1000"], ["0:1000"], []],
  );
  const { FORCE_DELETE, DELETE, RESURRECT_CLOSED } = REPLICA_ACTION;
  assert.deepEqual(
    world.decisions.map(({ containerId, action }) => [containerId, action]),
    [
      [5, FORCE_DELETE],
      [6, DELETE],
      [7, RESURRECT_CLOSED],
      [8, DELETE],
    ],
  );
  assert.equal(peer.closedWith, undefined);
  world.checkInvariants();
});

test("a grant that is never used ends with its connection, and the next in line gets it", async () => {
  const world = await ReportWorld.create({ chunksInFlightMax: 4 });
  world.setContainer(5, "CLOSED");
  const [idle, next] = [world.datanode(1), world.datanode(2)];
  assert.ok(idle.begin() !== undefined);
  assert.equal(next.begin(), undefined);
  for (let nowMs = 0; nowMs <= 70_000; nowMs += 10_000) {
    world.rpc.scheduler.runSync(nowMs);
    if (idle.closedWith === undefined) idle.isAskedToReport();
    next.isAskedToReport();
  }
  assert.equal(idle.closedWith, "REPORT_STALLED");
  world.settle();
  assert.ok(next.answers().includes("fullReportBegin"), "the next has credit");
  next.sendChunk(2, [{ id: 5 }]);
  world.settle();
  assert.deepEqual(world.tableOf(5), ["1:1000"]);
  assert.equal(world.datanode(1).isAskedToReport(), true);
});

test("5,000 datanodes that begin at once get through in order, and heartbeats do not wait", async () => {
  const count = 5000;
  const world = await ReportWorld.create({ chunksInFlightMax: 32, connectionCountMax: count });
  const order: number[] = [];
  for (let id = 1; id <= 1000; id++) world.setContainer(id, "CLOSED");
  const peers = Array.from({ length: count }, (_, number) => world.datanode(number));
  for (const peer of peers) peer.begin(100_000);
  const isGranted = (peer: ReportingPeer): boolean => peer.connection.lastAnswer.name === "fullReportBegin";
  for (let done = 0; done < count; ) {
    const granted = peers.slice(done, done + 8);
    assert.ok(granted.every(isGranted), `the next 8 from ${done} on have credit`);
    const after = peers[done + 8];
    assert.ok(after === undefined || !isGranted(after), "and nobody else");
    for (const [index, peer] of granted.entries()) {
      const { reportId } = peer.connection.lastAnswer.body as { reportId: number };
      order.push(reportId);
      peer.sendChunk(reportId, [{ id: 1 + ((done + index) % 1000) }]);
    }
    peers.at(-1)?.tell("heartbeat", { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 });
    const isLastGranted = done + 8 >= count;
    assert.equal(isLastGranted || peers.at(-1)?.connection.lastAnswer.name === "heartbeat", true);
    done += granted.length;
    world.settle();
  }
  assert.deepEqual(
    order,
    Array.from({ length: count }, (_, index) => index + 1),
  );
  assert.equal(world.shards.set.statistics().replicaCount, count);
  assert.equal(world.shards.intake.counters.completed, count);
  world.checkInvariants();
});

describe("a datanode that invents origins", () => {
  const invented = (from: number, count: number): Uuid[] =>
    Array.from({ length: count }, (_, index) => uuidOf(1_000_000 + from + index));

  /** One entry; the message brings `origins`, and the row names the last of them. */
  function report(world: ReportWorld, peer: ReportingPeer, id: number, origins: readonly Uuid[]): string {
    const { rows, rowBytes } = peer.chunk(0, [{ id }]);
    new DataView(rows.buffer, rows.byteOffset).setUint16(28, origins.length - 1, true);
    peer.tell("incrementalReport", { rowBytes, rows, origins });
    world.settle();
    assert.equal(peer.answers().at(-1), "incrementalReport");
    const slot = world.nodes.slotOf(peer.uuid);
    const replica = world.replicasOf(id).find(({ node }) => node === slot);
    return world.shards.intake.originOf(replica?.origin ?? 0);
  }

  test("has a share of the dictionary; beyond it they count as unknown, and others find room", async () => {
    const world = await stage([5]);
    const [bad, good] = [world.datanode(1), world.datanode(2)];
    for (let from = 0; from < ORIGIN_SHARE; from += ORIGINS_PER_MESSAGE) {
      const origins = invented(from, ORIGINS_PER_MESSAGE);
      assert.equal(report(world, bad, 5, origins), origins.at(-1));
    }
    assert.equal(report(world, bad, 5, invented(ORIGIN_SHARE, 10)), NIL);
    assert.equal(world.shards.intake.unknownOriginCount, 10);
    assert.equal(report(world, good, 5, [uuidOf(7)]), uuidOf(7));
    assert.equal(report(world, bad, 5, [uuidOf(7)]), uuidOf(7), "what others have brought in costs nothing");
    // A new connection is no new datanode.
    bad.connection.close(1006, "");
    assert.equal(report(world, world.datanode(1), 5, invented(20_000, 1)), NIL);
    world.checkInvariants();
  });

  test("with others fills the dictionary: reports are taken all the same", async () => {
    const world = await stage([5]);
    const first = world.datanode(0);
    assert.equal(report(world, first, 5, [uuidOf(7)]), uuidOf(7));
    for (let number = 1; number <= 8; number++) {
      const bad = world.datanode(number);
      for (let from = 0; from < ORIGIN_SHARE; from += ORIGINS_PER_MESSAGE) {
        report(world, bad, 5, invented(number * ORIGIN_SHARE + from, ORIGINS_PER_MESSAGE));
      }
    }
    assert.equal(report(world, first, 5, [uuidOf(8)]), NIL);
    assert.equal(report(world, first, 5, [uuidOf(7)]), uuidOf(7));
    assert.equal(world.replicasOf(5).length, 9);
    world.checkInvariants();
  });
});

function incrementalOf(peer: ReportingPeer, rows: readonly TestRow[]): object {
  const { rowBytes, origins, rows: bytes } = peer.chunk(0, rows);
  return { rowBytes, origins, rows: bytes };
}
