import assert from "node:assert/strict";
import { test } from "node:test";
import {
  SCAN_ROW_COUNT_MAX,
  SCANS_IN_FLIGHT_MAX,
  type ScanPage,
  TableScanner,
} from "../../../../engine/consensus/table-scanner.js";
import { StrataError } from "../../../../engine/core/errors.js";
import {
  readStateScan,
  STATE_RECORD,
  writeScanned,
  writeScannedRow,
  writeUnread,
} from "../../../../workers/shared/state-records.js";
import { TableMachine } from "../../../support/cluster/table-machine.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";
import { MemoryLink } from "../../../support/consensus/memory-link.js";

const TABLE = 200;

/** A scanner whose state thread holds one row, which the test lets answer. */
function scannerOn(ringBytes = 1 << 16) {
  const scheduler = new ManualScheduler();
  const link = new MemoryLink(ringBytes);
  const scanner = new TableScanner({ scheduler, source: new TableMachine(), link });
  link.onRecord = (kind, offset) => scanner.onRecord(kind, offset);
  const outcomes: (ScanPage | StrataError)[] = [];
  const scan = (rowCountMax = 10): void => {
    const request = { table: TABLE, from: Uint8Array.of(1), rowCountMax };
    scanner.scan(request, (outcome) => outcomes.push(outcome));
  };
  const answer = (): number => {
    let asked = 0;
    link.workerReceiver.drain((kind, offset) => {
      assert.equal(kind, STATE_RECORD.SCAN);
      const { from, to } = readStateScan(link.workerReceiver.bytes, link.workerReceiver.view, offset);
      assert.deepEqual([from, to], [Uint8Array.of(TABLE, 1), Uint8Array.of(TABLE + 1)]);
      asked++;
      const row = { table: TABLE, key: Uint8Array.of(7), value: Uint8Array.of(9) };
      assert.ok(writeScannedRow(link.workerSender, row) && writeScanned(link.workerSender, true));
    }, 1000);
    link.workerSender.publish();
    link.deliver();
    return asked;
  };
  return { scheduler, link, scanner, outcomes, scan, answer };
}

test("pages are answered in the order of their requests, later", () => {
  const { outcomes, scan, answer } = scannerOn();
  scan();
  scan();
  assert.equal(outcomes.length, 0);
  assert.equal(answer(), 2);
  const row = { key: Uint8Array.of(7), value: Uint8Array.of(9) };
  const page = { rows: [row], next: undefined, appliedIndex: 0 };
  assert.deepEqual(outcomes, [page, page]);
});

test("a page that cannot be read is an error for whoever asked, and the next one is answered", () => {
  const { link, outcomes, scan, answer } = scannerOn();
  scan();
  link.workerReceiver.drain(() => {}, 1);
  const row = { table: TABLE, key: Uint8Array.of(7), value: Uint8Array.of(9) };
  const where = "table 200 key 08";
  const error = new StrataError("STATE_CORRUPT", { where, reason: "x".repeat(5000) });
  assert.ok(writeScannedRow(link.workerSender, row) && writeUnread(link.workerSender, error));
  link.workerSender.publish();
  link.deliver();
  const [outcome] = outcomes;
  assert.ok(outcome instanceof StrataError && outcome.code === "STATE_CORRUPT");
  assert.equal(outcome.message, `state store, ${where}: ${"x".repeat(500)}`);
  scan();
  answer();
  const page = outcomes[1];
  assert.ok(page !== undefined && !(page instanceof StrataError));
  assert.equal(page.rows.length, 1);
});

test("more scans than may be under way are refused as OVERLOADED, until some are answered", () => {
  const { outcomes, scan, answer } = scannerOn();
  for (let i = 0; i <= SCANS_IN_FLIGHT_MAX; i++) scan();
  assert.equal(outcomes.length, 1);
  assert.ok(outcomes[0] instanceof StrataError && outcomes[0].code === "OVERLOADED");
  assert.equal(answer(), SCANS_IN_FLIGHT_MAX);
  scan();
  assert.equal(answer(), 1);
  assert.equal(outcomes.length, SCANS_IN_FLIGHT_MAX + 2);
});

test("a scan waits while the channel is full", () => {
  const { scheduler, link, outcomes, scan, answer } = scannerOn();
  while (link.sender.reserve(STATE_RECORD.SCAN, link.sender.payloadBytesMax) >= 0) link.sender.commit();
  while (link.sender.reserve(STATE_RECORD.SCAN, 8) >= 0) link.sender.commit();
  link.sender.publish();
  scan();
  scheduler.advance(5);
  link.workerReceiver.drain(() => {}, 1_000_000);
  assert.equal(answer(), 0, "there was no room");
  scheduler.advance(5);
  assert.equal(answer(), 1);
  assert.equal(outcomes.length, 1);
});

test("when it stops, whoever waits is told, and so is who comes after", () => {
  const { scanner, outcomes, scan, answer } = scannerOn();
  scan();
  scanner.stop();
  scan();
  assert.equal(answer(), 1, "what was asked before is still answered, to nobody");
  assert.deepEqual(
    outcomes.map((outcome) => outcome instanceof StrataError && outcome.code),
    ["SHUTTING_DOWN", "SHUTTING_DOWN"],
  );
  assert.throws(() => scan(SCAN_ROW_COUNT_MAX + 1), /limits/);
});
