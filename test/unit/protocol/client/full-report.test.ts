import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { SAFE_INTEGER_MAX } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { randomUuid } from "../../../../engine/core/uuid.js";
import { DatanodeClient } from "../../../../protocol/client/datanode-client.js";
import type { FullReportResult } from "../../../../protocol/client/full-report.js";
import { chunkRowCountMax } from "../../../../protocol/client/full-report.js";
import type { ReportRows } from "../../../../protocol/client/report-source.js";
import { BufferReportSource, reportRows } from "../../../../protocol/client/report-source.js";
import type { RowBytes } from "../../../../protocol/codec/report-rows.js";
import { ReportRowWriter, readReportRows } from "../../../../protocol/codec/report-rows.js";
import { ClientWorld, Outcome } from "../../../support/client-world.js";
import type { FakeRequest } from "../../../support/fake-scm.js";

type ChunkRequest = FakeRequest<"fullReportChunk">;

function rowsOf(count: number, options: { rowBytes?: RowBytes; originCount?: number } = {}): ReportRows {
  const { rowBytes = 32, originCount = 3 } = options;
  const random = new SeededRandom(count);
  const origins = Array.from({ length: originCount }, () => randomUuid(random));
  const rows = Array.from({ length: count }, (_, i) => ({
    containerId: 10 + i * 7,
    usedBytes: i,
    sequenceId: i,
    keyCount: i,
    originNodeId: origins[i % originCount] as Uuid,
    state: "CLOSED" as const,
    isEmpty: false,
    replicaIndex: 0,
  }));
  return reportRows(rows, "ascending", rowBytes);
}

/** A connected node and an SCM that grants `chunksInFlightMax` chunks and answers them when told, or at
 * once. */
async function reporting(chunksInFlightMax: number, answersAtOnce = true) {
  const world = await ClientWorld.withScms(1);
  const scm = world.scm();
  scm.on("fullReportBegin", (request) => request.answer({ reportId: 77, chunksInFlightMax }));
  if (answersAtOnce) scm.on("fullReportChunk", (request) => request.answer({}));
  scm.on("incrementalReport", (request) => request.answer({}));
  const options = { endpoints: world.endpoints, clientName: "dn 1.0" };
  const wanted: number[] = [];
  const client = new DatanodeClient(world.environment, options, {
    onFullReportWanted: () => wanted.push(world.nowMs),
  });
  client.start();
  await world.until("the node is connected", () => client.isConnected);
  const chunks = (): ChunkRequest[] => scm.requestsOf("fullReportChunk");
  return { world, scm, client, chunks, wanted };
}

/** The chunks of one report must tell the truth about every id exactly once. */
function checkRanges(chunks: readonly ChunkRequest[], rows: ReportRows): void {
  let nextId = 0;
  const ids: number[] = [];
  chunks.forEach(({ body }, i) => {
    equal(body.fromId, nextId, `chunk ${i}`);
    ok(body.rows.length <= 128 * 1024);
    equal(body.last, i === chunks.length - 1);
    equal(body.origins === undefined, i > 0);
    for (const { containerId } of readReportRows(body.rows, body.rowBytes, rows.origins)) {
      ok(containerId >= body.fromId && containerId <= body.toId);
      ids.push(containerId);
    }
    nextId = body.toId + 1;
  });
  equal(nextId, SAFE_INTEGER_MAX + 1);
  const expected = [...readReportRows(rows.rows, rows.rowBytes, rows.origins)];
  deepEqual(
    ids,
    expected.map(({ containerId }) => containerId),
  );
}

test("a report is cut into chunks whose ranges cover all ids without a gap", async () => {
  for (const rowBytes of [32, 40] as const) {
    const full = Math.floor((128 * 1024) / rowBytes);
    for (const count of [0, 1, full - 1, full, full + 1, 2 * full, 10_000]) {
      const { world, client, chunks, scm } = await reporting(4);
      const rows = rowsOf(count, { rowBytes });
      const result = await world.scheduler.settle(client.sendFullReport(new BufferReportSource(rows), true));
      deepEqual(scm.requestsOf("fullReportBegin")[0]?.body, { fromRegistration: true, rowCount: count });
      deepEqual(result, { reportId: 77, rowCount: count, chunkCount: chunks().length });
      equal(chunks().length, Math.floor(count / full) + 1);
      checkRanges(chunks(), rows);
    }
  }
});

test("a last row with the highest id ends the report with its chunk", async () => {
  const { world, client, chunks } = await reporting(1);
  const writer = new ReportRowWriter(32, "ascending");
  const row = { usedBytes: 0, sequenceId: 0, keyCount: 0, state: "CLOSED" as const, isEmpty: true };
  const originNodeId = randomUuid(new SeededRandom(1));
  for (let i = 0; i < 4096; i++) {
    const containerId = i === 4095 ? SAFE_INTEGER_MAX : i + 1;
    writer.add({ ...row, containerId, originNodeId, replicaIndex: 0 });
  }
  const rows = { rowBytes: 32 as const, rows: writer.take(), origins: writer.origins };
  await world.scheduler.settle(client.sendFullReport(new BufferReportSource(rows), false));
  equal(chunks().length, 1);
  checkRanges(chunks(), rows);
});

test("no more chunks are under way than the grant allows, and none before it", async () => {
  const { world, client, chunks, scm } = await reporting(2, false);
  scm.on("fullReportBegin", () => {});
  const outcome = new Outcome<FullReportResult>();
  client.fullReport(new BufferReportSource(rowsOf(20_000)), false, outcome);
  await world.pass(24 * 3600 * 1000);
  deepEqual([chunks().length, outcome.isDone, client.isReporting], [0, false, true]);
  scm.requestsOf("fullReportBegin")[0]?.answer({ reportId: 77, chunksInFlightMax: 2 });
  for (let answered = 0; answered < 5; answered++) {
    await world.pass(100);
    equal(chunks().length, Math.min(5, answered + 2));
    equal(outcome.isDone, false);
    chunks()[answered]?.answer({});
  }
  await world.until("the report is over", () => outcome.isDone);
  equal(outcome.value?.chunkCount, 5);
  equal(client.isReporting, false);
});

test("a chunk is built when it is sent; an incremental report keeps its place between chunks", async () => {
  const { world, client, chunks, scm } = await reporting(1, false);
  const rows = rowsOf(9000);
  const source = new BufferReportSource(rows);
  let builtCount = 0;
  const { rowBytes, rowCount, origins } = source;
  const outcome = new Outcome<FullReportResult>();
  const next = (rowCountMax: number): Uint8Array => {
    builtCount++;
    return source.next(rowCountMax);
  };
  client.fullReport({ rowBytes, rowCount, origins, next }, false, outcome);
  await world.until("the first chunk arrived", () => chunks().length === 1);
  equal(builtCount, 1);
  client.incrementalReport(rowsOf(1), new Outcome());
  chunks()[0]?.answer({});
  await world.until("the second chunk arrived", () => chunks().length === 2);
  equal(builtCount, 2);
  const names = scm.requests.map(({ name }) => name);
  deepEqual(names, ["fullReportBegin", "fullReportChunk", "incrementalReport", "fullReportChunk"]);
});

test("one report is sent at a time, and none is asked for meanwhile", async () => {
  const { world, client, chunks, scm, wanted } = await reporting(1, false);
  scm.on("heartbeat", (request) => request.answer({ term: 3, fullReportWanted: true, commands: [] }));
  const heartbeat = { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 } as const;
  const first = new Outcome<FullReportResult>();
  client.fullReport(new BufferReportSource(rowsOf(1)), false, first);
  const second = client.sendFullReport(new BufferReportSource(rowsOf(1)), false);
  await rejects(world.scheduler.settle(second), { code: "OVERLOADED" });
  await world.scheduler.settle(client.sendHeartbeat(heartbeat));
  equal(wanted.length, 0);
  chunks()[0]?.answer({});
  await world.until("the first is over", () => first.isDone);
  await world.scheduler.settle(client.sendHeartbeat(heartbeat));
  equal(wanted.length, 1);
});

test("the first error ends a report, and what is still answered is dropped", async () => {
  const { world, client, chunks } = await reporting(3, false);
  const report = client.sendFullReport(new BufferReportSource(rowsOf(20_000)), false);
  await world.until("three chunks arrived", () => chunks().length === 3);
  chunks()[1]?.fail(new StrataError("REPORT_NOT_GRANTED"));
  await rejects(world.scheduler.settle(report), { code: "REPORT_NOT_GRANTED" });
  chunks()[0]?.answer({});
  chunks()[2]?.answer({});
  await world.pass(1000);
  equal(chunks().length, 3);
  equal(client.isReporting, false);
});

test("a lost connection ends the report, and the next one starts from the beginning", async () => {
  const { world, client, chunks } = await reporting(1, false);
  const report = client.sendFullReport(new BufferReportSource(rowsOf(9000)), false);
  await world.until("a chunk arrived", () => chunks().length === 1);
  for (const connection of world.network.connections) connection.reset();
  await rejects(world.scheduler.settle(report), { code: "CONNECTION_LOST" });
  await world.until("it is connected again", () => client.isConnected);
  world.scm().on("fullReportChunk", (request) => request.answer({}));
  const rows = rowsOf(9000);
  await world.scheduler.settle(client.sendFullReport(new BufferReportSource(rows), false));
  checkRanges(chunks().slice(1), rows);
});

test("rows that do not ascend from chunk to chunk are not sent", async () => {
  const { world, client, chunks } = await reporting(8);
  const { rowBytes, rows, origins } = rowsOf(4096);
  const source = { rowBytes, rowCount: 8192, origins, next: () => rows };
  const report = client.sendFullReport(source, false);
  await rejects(world.scheduler.settle(report), { code: "REPORT_OUT_OF_ORDER" });
  equal(chunks().length <= 1, true);
});

test("a large dictionary shares the first frame with fewer rows; one that fills it is refused", () => {
  equal(chunkRowCountMax(32, 0), 4096);
  equal(chunkRowCountMax(40, 0), 3276);
  ok(chunkRowCountMax(32, 10_000) < 2600);
  throws(() => chunkRowCountMax(32, 14_600), { code: "FRAME_TOO_LARGE" });
});

test("a report with ten thousand origins arrives whole", async () => {
  const { world, client, chunks } = await reporting(2);
  const rows = rowsOf(12_000, { originCount: 10_000 });
  await world.scheduler.settle(client.sendFullReport(new BufferReportSource(rows), false));
  checkRanges(chunks(), rows);
  deepEqual(chunks()[0]?.body.origins, rows.origins);
});
