import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { REPLICA_STATE } from "../../../../engine/core/enums.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { randomUuid } from "../../../../engine/core/uuid.js";
import type { ReportRow } from "../../../../protocol/codec/report-rows.js";
import {
  ReportRowWriter,
  ROW_BYTES,
  ROW_BYTES_WITH_CHECKSUM,
  ROW_ORIGIN_COUNT_MAX,
  readReportRows,
} from "../../../../protocol/codec/report-rows.js";

const ORIGIN = "0f6d2f3e-9c1a-4a86-8a4e-3f2d0b7a9c11" as Uuid;
const ROW: Required<ReportRow> = {
  containerId: 2 ** 53 - 1,
  usedBytes: 5 * 2 ** 30,
  sequenceId: 2 ** 40 + 1,
  keyCount: 2 ** 32 - 1,
  originNodeId: ORIGIN,
  state: "UNHEALTHY",
  isEmpty: true,
  replicaIndex: 14,
  dataChecksum: 2n ** 64n - 1n,
};

test("a row stands as the protocol documents it, little-endian", () => {
  const writer = new ReportRowWriter(ROW_BYTES_WITH_CHECKSUM, "ascending");
  writer.add({ ...ROW, containerId: 7 });
  const view = new DataView(writer.take().buffer);
  equal(view.byteLength, 40);
  deepEqual(
    [view.getFloat64(0, true), view.getFloat64(8, true), view.getFloat64(16, true), view.getUint32(24, true)],
    [7, ROW.usedBytes, ROW.sequenceId, ROW.keyCount],
  );
  deepEqual([view.getUint16(28, true), view.getUint8(30), view.getUint8(31)], [0, 5 | 0x80, 14]);
  equal(view.getBigUint64(32, true), 2n ** 64n - 1n);
});

test("rows come back as they were written, with and without checksums, through every growth", () => {
  const random = new SeededRandom(5);
  const origins = Array.from({ length: 20 }, () => randomUuid(random));
  const states = Object.keys(REPLICA_STATE) as ReportRow["state"][];
  const rows: Required<ReportRow>[] = Array.from({ length: 1000 }, (_, i) => ({
    containerId: i * 3 + 1,
    usedBytes: random.uint32(),
    sequenceId: random.uint32(),
    keyCount: random.uint32(),
    originNodeId: origins[random.below(20)] as Uuid,
    state: states[i % states.length] as ReportRow["state"],
    isEmpty: random.below(2) === 1,
    replicaIndex: random.below(256),
    dataChecksum: BigInt(random.uint32()) << 32n,
  }));
  for (const rowBytes of [ROW_BYTES, ROW_BYTES_WITH_CHECKSUM] as const) {
    const writer = new ReportRowWriter(rowBytes, "ascending", 1);
    for (const row of rows) writer.add(row);
    const expected = rowBytes === ROW_BYTES ? rows.map((row) => ({ ...row, dataChecksum: 0n })) : rows;
    deepEqual([...readReportRows(writer.view(), rowBytes, writer.origins)], expected);
    equal(writer.lastId, 2998);
    equal(writer.byteLength, 1000 * rowBytes);
  }
});

test("ids of a full report must ascend; those of an incremental one need not", () => {
  const ascending = new ReportRowWriter(ROW_BYTES, "ascending");
  ascending.add({ ...ROW, containerId: 5 });
  for (const containerId of [5, 4]) {
    throws(() => ascending.add({ ...ROW, containerId }), { code: "REPORT_OUT_OF_ORDER" });
  }
  equal(ascending.rowCount, 1);
  const free = new ReportRowWriter(ROW_BYTES, "free");
  for (const containerId of [5, 5, 4]) free.add({ ...ROW, containerId });
  equal(free.rowCount, 3);
});

test("a value that a row cannot hold is refused, and the row is not added", () => {
  const writer = new ReportRowWriter(ROW_BYTES_WITH_CHECKSUM, "free");
  const wrong: Partial<ReportRow>[] = [
    { containerId: 0 },
    { containerId: 2 ** 53 },
    { usedBytes: -1 },
    { sequenceId: 0.5 },
    { keyCount: 2 ** 32 },
    { replicaIndex: 256 },
    { dataChecksum: -1n },
    { dataChecksum: 2n ** 64n },
  ];
  for (const change of wrong) {
    throws(() => writer.add({ ...ROW, ...change }), { code: "REPORT_ROW_INVALID" });
  }
  deepEqual([writer.rowCount, writer.origins.length], [0, 0]);
});

test("an origin stands in the dictionary once, in the order of first use", () => {
  const random = new SeededRandom(9);
  const [a, b] = [randomUuid(random), randomUuid(random)];
  const writer = new ReportRowWriter(ROW_BYTES, "free");
  for (const originNodeId of [b, a, b, a]) writer.add({ ...ROW, originNodeId });
  deepEqual(writer.origins, [b, a]);
});

test("a dictionary holds no more origins than an index can name", () => {
  const random = new SeededRandom(11);
  const writer = new ReportRowWriter(ROW_BYTES, "free");
  for (let i = 0; i < ROW_ORIGIN_COUNT_MAX; i++) writer.add({ ...ROW, originNodeId: randomUuid(random) });
  throws(() => writer.add({ ...ROW, originNodeId: ORIGIN }), { code: "REPORT_ROW_INVALID" });
  equal(writer.origins.length, ROW_ORIGIN_COUNT_MAX);
});

test("a cleared writer starts over", () => {
  const writer = new ReportRowWriter(ROW_BYTES, "ascending");
  writer.add(ROW);
  writer.clear();
  deepEqual([writer.rowCount, writer.lastId, writer.origins], [0, 0, []]);
  writer.add({ ...ROW, containerId: 1 });
  equal(writer.rowCount, 1);
});

test("the reader refuses rows that are cut off, of no state, or of no origin", () => {
  const writer = new ReportRowWriter(ROW_BYTES, "ascending");
  writer.add(ROW);
  const rows = writer.take();
  const read = (bytes: Uint8Array, origins = [ORIGIN]): unknown[] => [
    ...readReportRows(bytes, ROW_BYTES, origins),
  ];
  throws(() => read(rows.subarray(0, 31)), { code: "REPORT_ROW_INVALID", message: /cut off/ });
  throws(() => read(rows, []), { code: "REPORT_ROW_INVALID", message: /origin/ });
  rows[30] = 9;
  throws(() => read(rows), { code: "REPORT_ROW_INVALID", message: /state 9/ });
});
