import assert from "node:assert/strict";
import { test } from "node:test";
import { LogRetention } from "../../../../engine/consensus/log-retention.js";
import { logIndex } from "../../../../engine/core/ids.js";
import { ENTRY_OVERHEAD_BYTES } from "../../../../engine/raft/types.js";
import { makeEntries } from "../../../support/raft/memory-log.js";

const MANY = 1_000_000_000;

function append(retention: LogRetention, first: number, count: number, payloadBytes = 0): void {
  retention.onAppended(makeEntries(first, new Array<number>(count).fill(1), payloadBytes));
}

test("as many entries as the limit says are kept, and it is cut by pieces", () => {
  const retention = new LogRetention({ logEntryCountMax: 160, logBytesMax: MANY });
  const droppable = (truncated: number, last: number) =>
    retention.droppableIndex(logIndex(truncated), logIndex(last));
  assert.equal(droppable(0, 160), 0);
  assert.equal(droppable(0, 169), 0, "a piece is a sixteenth");
  assert.equal(droppable(0, 170), 10);
  assert.equal(droppable(10, 179), 10);
  assert.equal(droppable(10, 400), 240);
});

test("as many bytes as the limit says are kept", () => {
  const entryBytes = ENTRY_OVERHEAD_BYTES + 68;
  const retention = new LogRetention({ logEntryCountMax: MANY, logBytesMax: 160 * entryBytes });
  append(retention, 1, 160, 68);
  assert.equal(retention.droppableIndex(logIndex(0), logIndex(160)), 0);
  append(retention, 161, 25, 68);
  assert.equal(retention.droppableIndex(logIndex(0), logIndex(185)), 20);
  retention.onTruncated(logIndex(20));
  assert.equal(retention.droppableIndex(logIndex(20), logIndex(185)), 20);
  append(retention, 186, 10, 68);
  assert.equal(retention.droppableIndex(logIndex(20), logIndex(195)), 30);
});

test("what stood in the log at the start goes when enough came after it", () => {
  const retention = new LogRetention({ logEntryCountMax: MANY, logBytesMax: 10_000 });
  append(retention, 501, 100, 100);
  assert.ok(retention.droppableIndex(logIndex(0), logIndex(600)) >= 500);
});

test("what all live members have may go, but for a reserve", () => {
  const retention = new LogRetention({ logEntryCountMax: 1600, logBytesMax: MANY });
  const droppable = (truncated: number, slowestMatch: number | undefined, neededIndex?: number) =>
    retention.droppableIndex(logIndex(truncated), logIndex(1000), {
      slowestMatch: slowestMatch === undefined ? undefined : logIndex(slowestMatch),
      neededIndex: neededIndex === undefined ? undefined : logIndex(neededIndex),
    });
  assert.equal(droppable(0, undefined), 0, "without members to tell, the limits alone count");
  assert.equal(droppable(0, 1000), 600, "a quarter of the limit stays");
  assert.equal(droppable(0, 250), 250, "the slowest still needs what follows");
  assert.equal(droppable(200, 250), 200, "it is cut by pieces");
  assert.equal(droppable(0, 0), 0);
  assert.equal(droppable(0, 1000, 300), 300, "a snapshot is under way");
  assert.equal(droppable(300, 1000, 300), 300);
  assert.equal(droppable(300, 1000, 200), 300, "it never goes back");
});

test("a member that is too far behind holds nothing up, a snapshot under way does", () => {
  const retention = new LogRetention({ logEntryCountMax: 1600, logBytesMax: MANY });
  const droppable = (neededIndex?: number) =>
    retention.droppableIndex(logIndex(0), logIndex(5000), {
      slowestMatch: logIndex(10),
      neededIndex: neededIndex === undefined ? undefined : logIndex(neededIndex),
    });
  assert.equal(droppable(), 3400);
  assert.equal(droppable(900), 900);
});

test("the reserve counts bytes, too", () => {
  const entryBytes = ENTRY_OVERHEAD_BYTES + 68;
  const retention = new LogRetention({ logEntryCountMax: MANY, logBytesMax: 160 * entryBytes });
  append(retention, 1, 100, 68);
  const readers = { slowestMatch: logIndex(100), neededIndex: undefined };
  assert.equal(retention.droppableIndex(logIndex(0), logIndex(100), readers), 60);
  const slow = { slowestMatch: logIndex(35), neededIndex: undefined };
  assert.equal(retention.droppableIndex(logIndex(0), logIndex(100), slow), 30, "by pieces of ten");
});

test("entries that replace others do not count twice", () => {
  const entryBytes = ENTRY_OVERHEAD_BYTES + 68;
  const retention = new LogRetention({ logEntryCountMax: MANY, logBytesMax: 160 * entryBytes });
  append(retention, 1, 100, 68);
  for (let i = 0; i < 20; i++) append(retention, 21, 100, 68);
  assert.equal(retention.droppableIndex(logIndex(0), logIndex(120)), 0);
  append(retention, 121, 65, 68);
  assert.equal(retention.droppableIndex(logIndex(0), logIndex(185)), 20);
});
