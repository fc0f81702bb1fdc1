import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ROW_CHECKSUM,
  ROW_EMPTY_FLAG,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_SEQUENCE_ID,
  ROW_STATE_MASK,
  ROW_USED_BYTES,
} from "../../../../protocol/codec/report-rows.js";
import { isAllSettledCounting } from "../../../../workers/shard/in-place.js";
import { emptyMergeCursor, rowFrom } from "../../../../workers/shard/merge-cursor.js";
import { NO_STRIPE } from "../../../../workers/shard/stripe.js";
import { CONTAINER_ROW, STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import {
  OVERFLOW_BLOCK_COUNT_MAX,
  REPLICA_FLAG,
  REPLICA_ROW,
  REPLICA_VALUES,
  REPLICA_VALUES_OFFSET,
  ROW_REPLICA_COUNT,
  SHAPE,
  STATE_EMPTY_FLAG,
  STATE_MASK,
} from "../../../../workers/shared/replica-layout.js";

test("only rows without overflow go the short way, whatever the number of their block", () => {
  const settled = REPLICA_FLAG.SETTLED | REPLICA_FLAG.COUNTS;
  const flags = settled | (settled << 8) | (settled << 16) | (settled << 24);
  for (let count = 0; count <= ROW_REPLICA_COUNT; count++) {
    assert.equal(isAllSettledCounting(flags, count), true);
  }
  for (const block of [1, 2 ** 23 - 1, 2 ** 23, OVERFLOW_BLOCK_COUNT_MAX]) {
    assert.equal(isAllSettledCounting(flags, (block << SHAPE.OVERFLOW_SHIFT) | 5), false, `block ${block}`);
  }
});

test("the words that the merge names by number are those of the layouts", () => {
  const { fields, rowBytes } = REPLICA_ROW;
  assert.equal(rowBytes, 4 << 4);
  assert.deepEqual(
    [fields.shape, fields.checksumLow, fields.checksumHigh, fields.keyCount, fields.flags, fields.nodes].map(
      ({ offset }) => offset / 4,
    ),
    [1, 6, 7, 8, 9, 10],
  );
  assert.equal(fields.identities.offset / 4, 12);
  assert.deepEqual([fields.usedBytes.offset / 8, fields.sequenceId.offset / 8], [1, 2]);
  assert.equal(fields.identities.offset + 16, rowBytes);
  assert.deepEqual([REPLICA_VALUES_OFFSET / 4, REPLICA_VALUES.rowBytes * ROW_REPLICA_COUNT], [0x100000, 64]);
  assert.equal(REPLICA_VALUES.rowBytes, 4 << 2);
  const values = REPLICA_VALUES.fields;
  assert.deepEqual(
    [values.usedLow, values.sequenceLow, values.keyCount, values.usedHigh].map(({ offset }) => offset / 4),
    [0, 1, 2, 3],
  );
  assert.deepEqual([ROW_ID / 8, ROW_USED_BYTES / 8, ROW_SEQUENCE_ID / 8], [0, 1, 2]);
  assert.deepEqual([ROW_KEY_COUNT / 4, ROW_ORIGIN / 4, ROW_CHECKSUM / 4], [6, 7, 8]);
  assert.deepEqual(
    [
      REPLICA_FLAG.AS_HEAD,
      REPLICA_FLAG.CHECKSUM_SHARED,
      REPLICA_FLAG.CHECKSUM_OWN,
      REPLICA_FLAG.SETTLED,
      REPLICA_FLAG.COUNTS,
    ],
    [1, 2, 4, 8, 16],
  );
  assert.equal(STRIPE_ROWS, 0x10000);
  assert.equal(CONTAINER_ROW.rowBytes, 64);
});

test("state bytes are the same in report rows and in replica rows", () => {
  assert.deepEqual([STATE_MASK, STATE_EMPTY_FLAG], [ROW_STATE_MASK, ROW_EMPTY_FLAG]);
});

test("the first row from an id on is found wherever it is", () => {
  const ids = Array.from({ length: 37 }, (_, index) => index * 3 + 10);
  const cursor = emptyMergeCursor(NO_STRIPE);
  for (const rowStep of [4, 5]) {
    const numbers = new Float64Array(ids.length * rowStep);
    for (const [row, id] of ids.entries()) numbers[row * rowStep] = id;
    for (let start = 0; start <= ids.length; start++) {
      Object.assign(cursor, {
        rows: numbers,
        rowStep,
        row: start * rowStep,
        recordEnd: ids.length * rowStep,
      });
      for (let id = 0; id < 125; id++) {
        const expected = ids.findIndex((each, row) => row >= start && each >= id);
        const row = expected < 0 ? ids.length : expected;
        assert.equal(rowFrom(cursor, id), row * rowStep, `id ${id} from row ${start}`);
      }
    }
  }
});
