import assert from "node:assert/strict";
import { test } from "node:test";
import { RowBuffer } from "../../../../../workers/front/datanode/row-buffer.js";

const MIB = 2 ** 20;
const WIDEST_ROW = 40;

test("the buffer never has more than the limit and a row, and is given back after a large report", () => {
  for (const bytesMax of [16 * MIB, 16 * MIB + 100, 33 * MIB]) {
    for (const checksumAt of [Number.NaN, 0, 12_345]) {
      const rows = new RowBuffer();
      rows.begin(bytesMax);
      for (let id = 1; rows.byteLength <= bytesMax; id++) {
        rows.add(id, 2, 3, 4, 5);
        if (id > checksumAt) rows.setChecksum(id, 0);
        assert(rows.capacity <= bytesMax + WIDEST_ROW, `${rows.capacity} bytes for ${bytesMax}`);
      }
      rows.end();
      assert(rows.capacity < MIB);
    }
  }
});

test("rows that are found too many when they grow wider take a quarter more", () => {
  const rows = new RowBuffer();
  rows.begin(MIB);
  for (let id = 1; id <= MIB / 32; id++) rows.add(id, 2, 3, 4, 5);
  rows.setChecksum(1, 0);
  assert(rows.byteLength > MIB);
  assert(rows.capacity <= MIB * 1.25 + WIDEST_ROW);
});
