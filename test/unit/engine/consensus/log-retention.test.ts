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
