import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { nodeSlot } from "../../../../engine/core/ids.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { ROW_ORIGIN } from "../../../../protocol/codec/report-rows.js";
import { ReportIntake } from "../../../../workers/pool/report-intake.js";
import type { ReportGrant } from "../../../../workers/pool/report-source.js";
import type { CheckedRows } from "../../../../workers/pool/shard-client.js";
import type { CheckedChunk, Merged } from "../../../../workers/pool/shard-set.js";
import { type TestRow, testRows } from "../../../support/workers/report-rows.js";

const END = Number.MAX_SAFE_INTEGER;
const A = nodeSlot(1);
const B = nodeSlot(2);
const C = nodeSlot(3);

/** Shards that merge when the test says so and have room when the test says so. */
class FakeShards {
  /** How much more is taken. */
  room = Number.POSITIVE_INFINITY;
  /** Everything that was handed over, in order: the id of its first row, or the chunk's range. */
  readonly log: string[] = [];
  readonly merges: Merged[] = [];
  lastOrigins: number[] = [];
  accepts = true;

  acceptsReports(): boolean {
    return this.accepts;
  }

  mergeChunk(chunk: CheckedChunk, onMerged: Merged): boolean {
    if (this.room-- <= 0) return false;
    this.log.push(`${chunk.slot}: ${chunk.fromId}…${chunk.toId}`);
    this.lastOrigins = originsOf(chunk);
    this.merges.push(onMerged);
    return true;
  }

  applyIncremental({ slot, rows }: CheckedRows): boolean {
    if (this.room-- <= 0) return false;
    const id = new DataView(rows.buffer, rows.byteOffset).getFloat64(0, true);
    this.log.push(`${slot}: incremental ${id}`);
    return true;
  }

  merge(error?: StrataError): void {
    this.merges.shift()?.(error);
  }
}

function originsOf({ rows, rowBytes }: CheckedRows): number[] {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  return Array.from({ length: rows.length / rowBytes }, (_, row) =>
    view.getUint16(row * rowBytes + ROW_ORIGIN, true),
  );
}

let shards: FakeShards;
let intake: ReportIntake;
let completed: string[];
let nowMs: number;

beforeEach(() => {
  create({});
});

function create(limits: {
  chunksInFlightMax?: number;
  waitingBytesMax?: number;
  waitingBytesTotalMax?: number;
}): void {
  shards = new FakeShards();
  completed = [];
  nowMs = 0;
  intake = new ReportIntake({
    shards,
    clock: { monotonicMs: () => nowMs },
    chunksInFlightMax: limits.chunksInFlightMax ?? 4,
    chunksPerNodeMax: 2,
    waitingBytesMax: limits.waitingBytesMax ?? 2000,
    waitingBytesTotalMax: limits.waitingBytesTotalMax ?? 3000,
    onComplete: (slot, fromRegistration) => completed.push(`${slot} ${fromRegistration}`),
  });
}

type Answer<T> = { value: T | undefined };

function begin(
  slot = A,
  request = { fromRegistration: false, rowCount: 100_000 },
): Answer<ReportGrant | StrataError> {
  const answer: Answer<ReportGrant | StrataError> = { value: undefined };
  intake.begin(slot, request, (value) => {
    assert.equal(answer.value, undefined, "answered twice");
    answer.value = value;
  });
  return answer;
}

function granted(slot = A, request = { fromRegistration: false, rowCount: 100_000 }): ReportGrant {
  const { value } = begin(slot, request);
  assert.ok(value !== undefined && !(value instanceof StrataError), "no credit");
  return value;
}

interface ChunkParts {
  readonly fromId?: number;
  readonly toId?: number;
  readonly rows?: readonly TestRow[];
  readonly origins?: readonly Uuid[];
}

/** "merged", the error's code, or undefined while there is no answer. */
function chunk(slot: typeof A, { reportId }: { reportId: number }, parts: ChunkParts): Answer<string> {
  const { fromId = 0, toId = END } = parts;
  const encoded = testRows(parts.rows ?? []);
  const origins = parts.origins ?? (fromId === 0 ? encoded.origins : undefined);
  const answer: Answer<string> = { value: undefined };
  const message = { reportId, last: toId === END, fromId, toId, rowBytes: 32, origins, rows: encoded.rows };
  intake.chunk(slot, message, (error) => settle(answer, error, "merged"));
  return answer;
}

function incremental(slot: typeof A, rows: readonly TestRow[]): Answer<string> {
  const answer: Answer<string> = { value: undefined };
  intake.incremental(slot, testRows(rows), (error) => settle(answer, error, "taken"));
  return answer;
}

function settle(answer: Answer<string>, error: StrataError | undefined, done: string): void {
  assert.equal(answer.value, undefined, "answered twice");
  answer.value = error?.code ?? done;
}

function codeOf(answer: Answer<ReportGrant | StrataError>): string | undefined {
  return answer.value instanceof StrataError ? answer.value.code : undefined;
}

describe("credit", () => {
  test("is given in the order of the begins and returns when a report is complete", () => {
    const a = granted(A);
    const b = granted(B);
    const c = begin(C);
    assert.deepEqual([a.chunksInFlightMax, b.chunksInFlightMax, c.value], [2, 2, undefined]);
    const last = chunk(A, a, {});
    assert.equal(last.value, undefined);
    shards.merge();
    assert.equal(last.value, "merged");
    assert.ok(c.value !== undefined);
  });

  test("is no more than a small report can use", () => {
    assert.equal(granted(A, { fromRegistration: false, rowCount: 10 }).chunksInFlightMax, 1);
    assert.equal(granted(B, { fromRegistration: false, rowCount: 0 }).chunksInFlightMax, 1);
    assert.equal(granted(C).chunksInFlightMax, 2);
  });

  test("is not overtaken by a report that needs less", () => {
    granted(A);
    granted(B, { fromRegistration: false, rowCount: 1 });
    const large = begin(C);
    const small = begin(nodeSlot(4), { fromRegistration: false, rowCount: 1 });
    assert.deepEqual([large.value, small.value], [undefined, undefined]);
  });

  test("is spent by a chunk on the way: one more is refused", () => {
    const grant = granted();
    chunk(A, grant, { toId: 10 });
    chunk(A, grant, { fromId: 11, toId: 20 });
    assert.equal(chunk(A, grant, { fromId: 21, toId: 30 }).value, "REPORT_NOT_GRANTED");
  });

  test("comes back with each merged chunk", () => {
    const grant = granted();
    for (let id = 0; id < 100; id += 10) {
      const answer = chunk(A, grant, { fromId: id, toId: id + 9 });
      shards.merge();
      assert.equal(answer.value, "merged");
    }
  });
});

describe("a newer begin", () => {
  test("takes the place of one that waits in line", () => {
    const a = granted(A);
    granted(B);
    const old = begin(C);
    const later = begin(nodeSlot(4));
    const newer = begin(C);
    assert.equal(codeOf(old), "REPORT_DROPPED");
    chunk(A, a, {});
    shards.merge();
    assert.ok(newer.value !== undefined);
    assert.equal(later.value, undefined);
  });

  test("discards what waits of the older one, and incremental reports before it", () => {
    const old = granted();
    shards.room = 0;
    const waiting = [
      chunk(A, old, { toId: 10 }),
      incremental(A, [{ id: 1 }, { id: 2 }]),
      incremental(B, [{ id: 3 }]),
    ];
    const newer = begin();
    assert.deepEqual(
      waiting.map(({ value }) => value),
      ["REPORT_DROPPED", "REPORT_DROPPED", undefined],
    );
    shards.room = Number.POSITIVE_INFINITY;
    intake.roomAppeared();
    assert.deepEqual(shards.log, ["2: incremental 3"]);
    assert.ok(newer.value !== undefined);
    assert.deepEqual([intake.counters.entries, intake.counters.failedEntries], [1, 2]);
  });

  test("drops the report under way, whose chunks then count for nothing", () => {
    const old = granted();
    const onItsWay = chunk(A, old, { toId: 10 });
    const newer = granted();
    assert.notEqual(old.reportId, newer.reportId);
    shards.merge();
    assert.equal(onItsWay.value, "merged");
    const answer = chunk(A, newer, {});
    shards.merge();
    assert.equal(answer.value, "merged");
    assert.deepEqual(completed, ["1 false"]);
  });
});

test("the last chunk of a replaced report neither completes the new one nor returns its credit", () => {
  const old = granted(A);
  chunk(A, old, {});
  granted(A);
  granted(B);
  const waiting = begin(C);
  shards.merge();
  assert.deepEqual(completed, []);
  assert.equal(waiting.value, undefined);
  assert.equal(intake.fullReportComplete(A), false);
});

describe("a chunk", () => {
  const refused: [string, ChunkParts, string][] = [
    ["does not begin at 0", { fromId: 1 }, "REPORT_RANGE"],
    ["ends before it begins", { fromId: 0, toId: -1 }, "REPORT_RANGE"],
    ["has a row outside of its range", { toId: 10, rows: [{ id: 11 }] }, "REPORT_RANGE"],
    ["has rows that do not ascend", { rows: [{ id: 5 }, { id: 4 }] }, "REPORT_OUT_OF_ORDER"],
    ["has a row twice", { rows: [{ id: 5 }, { id: 5 }] }, "REPORT_OUT_OF_ORDER"],
    ["has a used size of 2^48", { rows: [{ id: 5, usedBytes: 2 ** 48 }] }, "REPORT_ROW_INVALID"],
    ["has a replica index of 15", { rows: [{ id: 5, replicaIndex: 15 }] }, "REPORT_ROW_INVALID"],
    ["names an origin that its dictionary lacks", { rows: [{ id: 5 }], origins: [] }, "REPORT_ROW_INVALID"],
  ];
  for (const [what, parts, code] of refused) {
    test(`that ${what} is refused, changes nothing and ends the report`, () => {
      const grant = granted();
      assert.equal(chunk(A, grant, parts).value, code);
      assert.deepEqual(shards.log, []);
      assert.equal(intake.fullReportWanted(A), true);
      assert.ok(begin(A).value !== undefined);
    });
  }

  test("that leaves a gap behind the one before is refused", () => {
    const grant = granted();
    chunk(A, grant, { toId: 10 });
    assert.equal(chunk(A, grant, { fromId: 12 }).value, "REPORT_RANGE");
  });

  test("that claims to be the last must reach the end, and only the last may", () => {
    const grant = granted();
    const message = {
      reportId: grant.reportId,
      last: true,
      fromId: 0,
      toId: 10,
      rowBytes: 32,
      rows: new Uint8Array(0),
    };
    let error: StrataError | undefined;
    intake.chunk(A, message, (answer) => {
      error = answer;
    });
    assert.equal(error?.code, "REPORT_RANGE");
  });

  test("with a dictionary must be the first", () => {
    const grant = granted();
    chunk(A, grant, { toId: 10 });
    assert.equal(chunk(A, grant, { fromId: 11, origins: [] }).value, "REPORT_RANGE");
  });

  test("of another report or after the last one is refused", () => {
    assert.equal(chunk(A, { reportId: 1 }, {}).value, "REPORT_NOT_GRANTED");
    const grant = granted();
    chunk(A, grant, {});
    assert.equal(chunk(A, grant, {}).value, "REPORT_NOT_GRANTED");
  });

  test("carries process-wide numbers of its origins to the shards", () => {
    const x = "11111111-1111-4111-8111-111111111111" as Uuid;
    const y = "22222222-2222-4222-8222-222222222222" as Uuid;
    incremental(A, [{ id: 1, origin: x }]);
    const grant = granted();
    chunk(A, grant, {
      rows: [
        { id: 1, origin: y },
        { id: 2, origin: x },
      ],
    });
    assert.deepEqual(shards.lastOrigins, [1, 0]);
    assert.deepEqual([intake.originOf(0), intake.originOf(1)], [x, y]);
  });
});

describe("completion", () => {
  test("comes once, when the last chunk and all before it are merged", () => {
    const grant = granted(A, { fromRegistration: true, rowCount: 100_000 });
    chunk(A, grant, { toId: 10 });
    chunk(A, grant, { fromId: 11 });
    assert.equal(intake.fullReportWanted(A), false);
    shards.merges.pop()?.(undefined);
    assert.deepEqual(completed, []);
    shards.merge();
    assert.deepEqual(completed, ["1 true"]);
    assert.equal(intake.fullReportComplete(A), true);
    assert.equal(intake.fullReportWanted(A), false);
  });

  test("still says from registration when that report was replaced by another", () => {
    granted(A, { fromRegistration: true, rowCount: 1 });
    const grant = granted(A);
    chunk(A, grant, {});
    shards.merge();
    const next = granted(A);
    chunk(A, next, {});
    shards.merge();
    assert.deepEqual(completed, ["1 true", "1 false"]);
  });

  test("does not come for a report that lost a part with its shard", () => {
    intake.wantFullReport(A);
    const grant = granted();
    const answer = chunk(A, grant, {});
    shards.merge(new StrataError("SHARD_UNAVAILABLE", { shard: 0 }));
    assert.equal(answer.value, "SHARD_UNAVAILABLE");
    assert.deepEqual(completed, []);
    assert.equal(intake.fullReportWanted(A), true);
  });

  test("does not come when the node was purged while chunks were under way", () => {
    const grant = granted();
    chunk(A, grant, { toId: 10 });
    shards.merge();
    const last = chunk(A, grant, { fromId: 11 });
    intake.nodePurged(A);
    shards.merge();
    assert.equal(last.value, "merged");
    assert.deepEqual(completed, []);
    assert.equal(intake.fullReportComplete(A), false);
    assert.equal(intake.fullReportWanted(A), true);
    granted(B);
    granted(C);
  });

  test("does not come when merged chunks were lost before the last one was sent", () => {
    const grant = granted();
    chunk(A, grant, { toId: 10 });
    shards.merge();
    intake.wantAllFullReports();
    assert.equal(chunk(A, grant, { fromId: 11 }).value, "REPORT_DROPPED");
    assert.deepEqual(completed, []);
    assert.equal(intake.fullReportWanted(A), true);
  });
});

describe("incremental reports", () => {
  test("need no credit", () => {
    assert.equal(incremental(A, [{ id: 3 }, { id: 1 }, { id: 3 }]).value, "taken");
    assert.deepEqual(shards.log, ["1: incremental 3"]);
  });

  test("with a bad row are refused as a whole", () => {
    assert.equal(incremental(A, [{ id: 3 }, { id: 1, replicaIndex: 15 }]).value, "REPORT_ROW_INVALID");
    assert.deepEqual(shards.log, []);
  });

  test("wait in the node's order when there is no room, chunks behind them; nodes take turns", () => {
    const grant = granted();
    shards.room = 0;
    const answers = [incremental(A, [{ id: 1 }]), chunk(A, grant, { toId: 10 }), incremental(A, [{ id: 2 }])];
    const other = incremental(B, [{ id: 9 }]);
    shards.room = Number.POSITIVE_INFINITY;
    const behind = incremental(A, [{ id: 4 }]);
    assert.deepEqual(
      [...answers, other, behind].map(({ value }) => value),
      [undefined, undefined, undefined, undefined, undefined],
    );
    intake.roomAppeared();
    assert.deepEqual(shards.log, [
      "1: incremental 1",
      "2: incremental 9",
      "1: 0…10",
      "1: incremental 2",
      "1: incremental 4",
    ]);
    assert.equal(behind.value, "taken");
    assert.equal(intake.waitingBytes, 0);
  });

  test("of a datanode that always has some waiting do not keep others waiting", () => {
    shards.room = 0;
    for (let id = 1; id <= 5; id++) incremental(A, [{ id }]);
    const b = incremental(B, [{ id: 9 }]);
    for (let round = 0; b.value === undefined; round++) {
      assert.ok(round < 2, `${shards.log}`);
      shards.room = 1;
      intake.roomAppeared();
      shards.room = 0;
      incremental(A, [{ id: 10 + round }]);
    }
    assert.deepEqual(shards.log, ["1: incremental 1", "2: incremental 9"]);
  });

  test("keep a copy of their rows while they wait", () => {
    shards.room = 0;
    const message = testRows([{ id: 1 }]);
    intake.incremental(A, message, () => {});
    message.rows.fill(0);
    shards.room = Number.POSITIVE_INFINITY;
    intake.roomAppeared();
    assert.deepEqual(shards.log, ["1: incremental 1"]);
  });
});

describe("too much waiting", () => {
  test("of one node gives up all that it has under way and asks for a full report", () => {
    const grant = granted();
    shards.room = 0;
    const held = chunk(A, grant, { toId: 10 });
    const rows = Array.from({ length: 20 }, (_, index) => ({ id: index + 1 }));
    const first = incremental(A, rows);
    const second = incremental(A, rows);
    assert.deepEqual([held.value, first.value, second.value], ["OVERLOADED", "OVERLOADED", "OVERLOADED"]);
    assert.equal(intake.fullReportWanted(A), true);
    assert.equal(intake.waitingBytes, 0);
    shards.room = Number.POSITIVE_INFINITY;
    intake.roomAppeared();
    assert.deepEqual(shards.log, []);
    assert.equal(chunk(A, grant, { fromId: 11 }).value, "REPORT_DROPPED");
  });

  test("of all nodes together hits the one that comes last, not the others", () => {
    shards.room = 0;
    const rows = Array.from({ length: 40 }, (_, index) => ({ id: index + 1 }));
    const a = incremental(A, rows);
    const b = incremental(B, rows);
    assert.deepEqual([a.value, b.value], [undefined, "OVERLOADED"]);
    assert.equal(intake.fullReportWanted(B), true);
    assert.equal(intake.fullReportWanted(A), false);
  });
});

describe("a datanode that is gone", () => {
  test("leaves the line, its credit and its queue", () => {
    granted(A);
    granted(B);
    const waiting = begin(C);
    intake.nodeGone(C);
    assert.equal(codeOf(waiting), "CONNECTION_LOST");
    const next = begin(nodeSlot(4));
    shards.room = 0;
    const held = incremental(A, [{ id: 1 }]);
    intake.nodeGone(A);
    assert.equal(held.value, "CONNECTION_LOST");
    assert.ok(next.value !== undefined);
    assert.equal(intake.fullReportWanted(A), true);
  });

  test("that was never heard of changes nothing", () => {
    intake.nodeGone(A);
    assert.equal(intake.fullReportWanted(A), false);
  });
});

test("a registration makes the heartbeat ask for a full report until one is begun", () => {
  intake.wantFullReport(A);
  assert.equal(intake.fullReportWanted(A), true);
  const grant = granted();
  assert.equal(intake.fullReportWanted(A), false);
  chunk(A, grant, {});
  shards.merge();
  assert.equal(intake.fullReportComplete(A), true);
  intake.wantFullReport(A);
  assert.equal(intake.fullReportComplete(A), false);
});
