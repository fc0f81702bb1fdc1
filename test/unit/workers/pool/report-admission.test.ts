import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { nodeSlot, SAFE_INTEGER_MAX } from "../../../../engine/core/ids.js";
import { ReportIntake } from "../../../../workers/pool/report-intake.js";
import type { ReportGrant } from "../../../../workers/pool/report-source.js";
import { SimClock } from "../../../support/simulation/sim-clock.js";
import { testRows } from "../../../support/workers/report-rows.js";
import { ShardSystem } from "../../../support/workers/shard-system.js";

const RING_BYTES = 256 * 1024;
/** 32 KB: four of them are half of a ring. */
const CHUNK_ROWS = 1000;

/** The real intake in front of real shards, which do nothing before they are told to. */
class Stage {
  readonly system: ShardSystem;
  readonly intake: ReportIntake;
  /** Nodes in the order of their grants. */
  readonly grants: { readonly node: number; readonly grant: ReportGrant }[] = [];
  readonly answers: string[] = [];

  constructor({ chunksInFlightMax = 100, shardCount = 1 } = {}) {
    this.system = new ShardSystem({
      shardCount,
      ringBytes: RING_BYTES,
      onRoom: () => this.intake.roomAppeared(),
    });
    for (let stripe = 0; stripe < 2; stripe++) this.system.addStripe(stripe);
    this.intake = new ReportIntake({
      shards: this.system.set,
      clock: new SimClock(this.system.scheduler),
      chunksInFlightMax,
      chunksPerNodeMax: Math.min(8, chunksInFlightMax),
      waitingBytesMax: 1_000_000,
      waitingBytesTotalMax: 2_000_000,
      onComplete: (slot) => this.answers.push(`${slot} complete`),
    });
  }

  begin(node: number, rowCount = 1): void {
    this.intake.begin(nodeSlot(node), { fromRegistration: false, rowCount }, (grant) => {
      if (grant instanceof StrataError) this.answers.push(`${node} ${grant.code}`);
      else this.grants.push({ node, grant });
    });
  }

  /** `rowCount` rows from `fromId` on. */
  chunk(node: number, parts: { fromId?: number; toId?: number; rowCount?: number } = {}): void {
    const { fromId = 0, toId = SAFE_INTEGER_MAX, rowCount = CHUNK_ROWS } = parts;
    const grant = this.grants.findLast((given) => given.node === node)?.grant;
    assert.ok(grant !== undefined, `${node} has credit`);
    const { rows, rowBytes, origins } = testRows(
      Array.from({ length: rowCount }, (_, index) => ({ id: fromId + 1 + index })),
    );
    const last = toId === SAFE_INTEGER_MAX;
    const message = { reportId: grant.reportId, last, fromId, toId, rowBytes, rows };
    this.intake.chunk(nodeSlot(node), fromId === 0 ? { ...message, origins } : message, (error) => {
      this.answers.push(`${node} ${error?.code ?? "merged"}`);
    });
  }

  incremental(node: number, rowCount: number, id = 1): void {
    const rows = testRows(Array.from({ length: rowCount }, (_, index) => ({ id: id + index })));
    this.intake.incremental(nodeSlot(node), rows, (error) => {
      this.answers.push(`${node} ${error?.code ?? "taken"}`);
    });
  }

  /** The shards take what is there, and main hears of it. */
  settle(): void {
    // A retry after a full ring may fill it again.
    for (let i = 0; i < 3; i++) {
      this.system.settle();
      this.system.scheduler.runSync(this.system.scheduler.nowMs + 5);
    }
  }
}

describe("credit is withheld", () => {
  test("while a ring is more than half full, and given in order when it is not", () => {
    const stage = new Stage();
    stage.begin(1, 40_000);
    // 5 × 32 KB of 256 KB.
    for (let i = 0; i < 5; i++) stage.chunk(1, { fromId: i * 2000, toId: i * 2000 + 1999 });
    stage.begin(2);
    stage.begin(3);
    assert.deepEqual(
      stage.grants.map(({ node }) => node),
      [1],
    );
    assert.equal(stage.intake.lineCount, 2);
    stage.settle();
    assert.deepEqual(
      stage.grants.map(({ node }) => node),
      [1, 2, 3],
    );
  });

  test("while only incremental reports fill a ring, of which no answer tells when they are merged", () => {
    const stage = new Stage();
    for (let i = 0; i < 5; i++) stage.incremental(9, CHUNK_ROWS);
    stage.begin(1);
    assert.equal(stage.grants.length, 0);
    stage.settle();
    assert.equal(stage.grants.length, 1);
  });

  test("until rows that wait in memory are through", () => {
    const stage = new Stage();
    for (let i = 0; i < 12; i++) stage.incremental(9, CHUNK_ROWS);
    assert.ok(stage.intake.waitingBytes > 0, "some rows found no room");
    stage.begin(1);
    stage.settle();
    assert.equal(stage.intake.waitingBytes, 0);
    assert.equal(stage.answers.filter((answer) => answer === "9 taken").length, 12);
    assert.equal(stage.grants.length, 1);
  });
});

test("a chunk for a shard with room passes while the ring of another one is full", () => {
  const stage = new Stage({ shardCount: 2 });
  stage.begin(1, 40_000);
  stage.chunk(1, { toId: 65_535 });
  while (stage.intake.waitingBytes === 0) stage.incremental(2, CHUNK_ROWS);
  const before = stage.intake.waitingBytes;
  stage.chunk(1, { fromId: 65_536, toId: 131_071 });
  assert.equal(stage.intake.waitingBytes, before);
});

describe("incremental reports", () => {
  test("find room in a ring that chunks have filled as far as they may", () => {
    const stage = new Stage();
    stage.begin(1, 40_000);
    for (let i = 0; i < 8; i++) stage.chunk(1, { fromId: i * 2000, toId: i * 2000 + 1999 });
    assert.ok(stage.intake.waitingBytes > 0, "chunks wait");
    stage.incremental(2, 1200);
    assert.deepEqual(stage.answers, ["2 taken"]);
    stage.settle();
    assert.equal(stage.answers.filter((answer) => answer === "1 merged").length, 8);
  });
});

test("5,000 begins at once: one line, everyone's turn comes in order, and credit is never exceeded", () => {
  const stage = new Stage({ chunksInFlightMax: 32 });
  const count = 5000;
  for (let node = 0; node < count; node++) stage.begin(node, 40_000);
  assert.equal(stage.grants.length, 4);
  assert.equal(stage.intake.lineCount, count - 4);
  // Some ask again meanwhile, and some go.
  for (let node = 100; node < count; node += 100) stage.begin(node, 40_000);
  for (let node = 150; node < count; node += 100) stage.intake.nodeGone(nodeSlot(node));
  for (let done = 0; done < stage.grants.length; ) {
    assert.ok(stage.intake.creditInUse <= 32, `${stage.intake.creditInUse} of credit`);
    for (const { node } of stage.grants.slice(done)) {
      stage.chunk(node, { rowCount: 3 });
      done++;
    }
    stage.settle();
  }
  const expected = Array.from({ length: count }, (_, node) => node).filter(
    (node) => node % 100 !== 50 || node < 100,
  );
  assert.deepEqual(
    stage.grants.map(({ node }) => node),
    expected,
  );
  assert.equal(stage.intake.creditInUse, 0);
  assert.equal(stage.intake.lineCount, 0);
  assert.equal(stage.intake.counters.completed, expected.length);
  stage.system.checkInvariants();
});

test("waiting and reporting longer than the thresholds is counted (spec 02 §11)", () => {
  const stage = new Stage({ chunksInFlightMax: 1 });
  stage.begin(1);
  stage.begin(2);
  stage.system.scheduler.runSync(61_000);
  stage.chunk(1);
  stage.settle();
  stage.system.scheduler.runSync(121_000);
  stage.chunk(2);
  stage.settle();
  const { longWaits, longReports, completed } = stage.intake.counters;
  assert.deepEqual([longWaits, longReports, completed], [1, 1, 2]);
  assert.equal(stage.intake.waitMs.count, 2);
  assert.equal(stage.intake.mergeMs.count, 2);
});
