import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import {
  ROW_ID,
  ROW_ORIGIN,
  ROW_REPLICA_INDEX,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_USED_BYTES,
} from "../../../../protocol/codec/report-rows.js";
import { uuidOf } from "../../../support/gateway/datanode-world.js";
import { type ReportingPeer, ReportWorld } from "../../../support/gateway/report-world.js";
import type { TestRow } from "../../../support/workers/report-rows.js";

/** What the bad datanode has reported before, and another one. */
const KNOWN: readonly TestRow[] = [{ id: 5 }, { id: 9 }, { id: 70_000 }];
/** What it sends now: two more, one gone, all changed. */
const CHANGED: readonly TestRow[] = [5, 6, 7, 70_000].map((id) => ({ id, usedBytes: 77 }));

let world: ReportWorld;
let good: ReportingPeer;
let bad: ReportingPeer;

beforeEach(async () => {
  world = await ReportWorld.create();
  for (const id of [5, 6, 7, 8, 9, 70_000]) world.setContainer(id, "CLOSED");
  good = world.datanode(0);
  bad = world.datanode(1);
  good.report(KNOWN);
  bad.report(KNOWN);
});

/** The connection was closed with the code, which is counted; the tables are as they were, the other datanode
 * did not notice, and the bad one is asked for a report again, which then is merged as a whole. */
function refused(code: string): void {
  world.settle();
  assert.equal(bad.closedWith, code);
  assert.deepEqual(world.rpc.refused, [code]);
  assert.equal(world.rpc.metrics.closesByCode.get(code as "REPORT_RANGE"), 1);
  unharmed();
}

function unharmed(): void {
  for (const { id } of KNOWN) assert.deepEqual(world.tableOf(id), ["0:1000", "1:1000"], `container ${id}`);
  for (const id of [6, 7]) assert.deepEqual(world.tableOf(id), []);
  world.checkInvariants();
  assert.equal(good.closedWith, undefined);
  assert.equal(good.isAskedToReport(), false);
  comesBack(bad.closedWith === undefined ? bad : world.datanode(1));
}

/** A right report makes everything right. */
function comesBack(peer: ReportingPeer): void {
  assert.equal(peer.isAskedToReport(), true);
  peer.report(CHANGED);
  assert.equal(peer.isAskedToReport(), false);
  assert.deepEqual(
    [5, 6, 7, 9, 70_000].map((id) => world.tableOf(id)),
    [["0:1000", "1:77"], ["1:77"], ["1:77"], ["0:1000"], ["0:1000", "1:77"]],
  );
  world.checkInvariants();
}

/** Damage to the third row. */
type Damage = (rows: DataView, at: number) => void;

const BAD_ROWS: Readonly<Record<string, Damage>> = {
  "container id 0": (rows, at) => rows.setFloat64(at + ROW_ID, 0, true),
  "a negative container id": (rows, at) => rows.setFloat64(at + ROW_ID, -7, true),
  "container id -0": (rows, at) => rows.setFloat64(at + ROW_ID, -0, true),
  "half a container id": (rows, at) => rows.setFloat64(at + ROW_ID, 7.5, true),
  "a container id that is no number": (rows, at) => rows.setFloat64(at + ROW_ID, Number.NaN, true),
  "an infinite container id": (rows, at) => rows.setFloat64(at + ROW_ID, Number.POSITIVE_INFINITY, true),
  "container id 2^53": (rows, at) => rows.setFloat64(at + ROW_ID, 2 ** 53, true),
  "used bytes that overflow": (rows, at) => rows.setFloat64(at + ROW_USED_BYTES, 2 ** 48, true),
  "negative used bytes": (rows, at) => rows.setFloat64(at + ROW_USED_BYTES, -1, true),
  "half a used byte": (rows, at) => rows.setFloat64(at + ROW_USED_BYTES, 0.5, true),
  "used bytes that are no number": (rows, at) => rows.setFloat64(at + ROW_USED_BYTES, Number.NaN, true),
  "a sequence id that overflows": (rows, at) => rows.setFloat64(at + ROW_SEQUENCE_ID, 2 ** 48, true),
  "a negative sequence id": (rows, at) => rows.setFloat64(at + ROW_SEQUENCE_ID, -1, true),
  "a sequence id that is no number": (rows, at) => rows.setFloat64(at + ROW_SEQUENCE_ID, Number.NaN, true),
  "an origin that the dictionary lacks": (rows, at) => rows.setUint16(at + ROW_ORIGIN, 1, true),
  "the last origin of all": (rows, at) => rows.setUint16(at + ROW_ORIGIN, 65_535, true),
  "state 0": (rows, at) => rows.setUint8(at + ROW_STATE, 0),
  "a state beyond all": (rows, at) => rows.setUint8(at + ROW_STATE, 8),
  "a state with bits that mean nothing": (rows, at) => rows.setUint8(at + ROW_STATE, 0x14),
  "a replica index beyond the widest configuration": (rows, at) => rows.setUint8(at + ROW_REPLICA_INDEX, 15),
  "the largest replica index": (rows, at) => rows.setUint8(at + ROW_REPLICA_INDEX, 255),
};

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

describe("a report is refused as a whole and its connection closed, when a row has", () => {
  for (const [what, damage] of Object.entries(BAD_ROWS)) {
    test(`${what}, in a full report`, () => {
      const chunk = bad.chunk(bad.begin() ?? 0, CHANGED);
      damage(viewOf(chunk.rows), 64);
      bad.tell("fullReportChunk", chunk);
      refused("REPORT_ROW_INVALID");
      assert.equal(world.shards.intake.counters.refused, 1);
    });

    test(`${what}, in an incremental report`, () => {
      const { rowBytes, origins = [], rows } = bad.chunk(0, CHANGED);
      damage(viewOf(rows), 64);
      bad.tell("incrementalReport", { rowBytes, origins, rows });
      refused("REPORT_ROW_INVALID");
      assert.equal(world.shards.intake.counters.failedEntries, CHANGED.length);
    });
  }
});

describe("a full report is refused and its connection closed, when", () => {
  const misdeeds: readonly [string, string, (reportId: number) => void][] = [
    ["its rows are out of order", "REPORT_OUT_OF_ORDER", (id) => bad.sendChunk(id, [{ id: 7 }, { id: 6 }])],
    ["it names a container twice", "REPORT_OUT_OF_ORDER", (id) => bad.sendChunk(id, [{ id: 6 }, { id: 6 }])],
    [
      "a row lies behind the chunk's range",
      "REPORT_RANGE",
      (id) => bad.sendChunk(id, [{ id: 6 }, { id: 8 }], { toId: 7 }),
    ],
    [
      "a row lies in the range of the chunk before",
      "REPORT_RANGE",
      (id) => {
        bad.sendChunk(id, KNOWN.slice(0, 1), { toId: 5 });
        bad.sendChunk(id, [{ id: 5 }], { fromId: 6 });
      },
    ],
    ["its first chunk leaves out ids", "REPORT_RANGE", (id) => bad.sendChunk(id, CHANGED, { fromId: 1 })],
    [
      "a chunk leaves a gap",
      "REPORT_RANGE",
      (id) => {
        bad.sendChunk(id, KNOWN.slice(0, 1), { toId: 5 });
        bad.sendChunk(id, [{ id: 7 }], { fromId: 7 });
      },
    ],
    [
      "chunks overlap",
      "REPORT_RANGE",
      (id) => {
        bad.sendChunk(id, KNOWN.slice(0, 1), { toId: 5 });
        bad.sendChunk(id, [{ id: 6 }], { fromId: 5 });
      },
    ],
    [
      "a range ends before it begins",
      "REPORT_RANGE",
      (id) => {
        bad.sendChunk(id, KNOWN.slice(0, 1), { toId: 5 });
        bad.sendChunk(id, [], { fromId: 6, toId: 5 });
      },
    ],
    [
      "the last chunk leaves ids out",
      "REPORT_RANGE",
      (id) => bad.sendChunk(id, CHANGED, { last: true, toId: 2 ** 40 }),
    ],
    [
      "a chunk reaches the end and is not the last",
      "REPORT_RANGE",
      (id) => bad.sendChunk(id, CHANGED, { last: false }),
    ],
    [
      "a dictionary comes with a later chunk",
      "REPORT_RANGE",
      (id) => {
        bad.sendChunk(id, KNOWN.slice(0, 1), { toId: 5 });
        bad.sendChunk(id, [{ id: 6 }], { fromId: 6, origins: [uuidOf(3)] });
      },
    ],
    [
      "there is no dictionary",
      "REPORT_ROW_INVALID",
      (id) => {
        const { origins: _, ...chunk } = bad.chunk(id, CHANGED);
        bad.tell("fullReportChunk", chunk);
      },
    ],
    [
      "its bytes are no whole rows",
      "REPORT_ROW_INVALID",
      (id) => bad.sendChunk(id, CHANGED, { rows: new Uint8Array(33) }),
    ],
    [
      "its rows have a width that nobody knows",
      "REPORT_ROW_INVALID",
      (id) => bad.sendChunk(id, CHANGED, { rowBytes: 16 }),
    ],
    ["its rows have no width", "REPORT_ROW_INVALID", (id) => bad.sendChunk(id, CHANGED, { rowBytes: 0 })],
    [
      "rows of 32 bytes pass for rows of 40",
      "REPORT_ROW_INVALID",
      (id) => bad.sendChunk(id, CHANGED, { rowBytes: 40 }),
    ],
    ["it was never granted", "REPORT_NOT_GRANTED", (id) => bad.sendChunk(id + 1, CHANGED)],
    [
      "a chunk comes behind the last one",
      "REPORT_NOT_GRANTED",
      (id) => {
        bad.sendChunk(id, KNOWN);
        bad.sendChunk(id, CHANGED);
      },
    ],
    [
      "more chunks are on the way than it has credit for",
      "REPORT_NOT_GRANTED",
      (id) => {
        for (let i = 0; i < 5; i++)
          bad.sendChunk(id, i === 0 ? KNOWN.slice(0, 1) : [], { fromId: i && 5 + i, toId: 5 + i });
      },
    ],
  ];
  for (const [what, code, act] of misdeeds) {
    test(what, () => {
      act(bad.begin() ?? 0);
      refused(code);
    });
  }
});
