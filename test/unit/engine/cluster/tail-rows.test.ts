import assert from "node:assert/strict";
import { test } from "node:test";
import { TailRows } from "../../../../engine/cluster/tail-rows.js";
import { SeededRandom } from "../../../../engine/core/random.js";

function keyOf(number: number): Uint8Array {
  return Uint8Array.of(number >> 8, number & 0xff);
}

/** Numbers of the keys from `number` on, with the values. */
function listed(rows: TailRows, number: number): [number, number][] {
  const found: [number, number][] = [];
  for (const cursor = rows.cursor(keyOf(number)); cursor.row !== undefined; cursor.next()) {
    const { key, value } = cursor.row;
    found.push([((key[0] as number) << 8) | (key[1] as number), value?.[0] ?? -1]);
  }
  return found;
}

for (const [order, keyCount] of [
  ["ascending", 6000],
  ["descending", 6000],
  ["random", 3000],
] as const) {
  test(`rows in ${order} order are found as in a sorted map`, () => {
    const random = new SeededRandom(1);
    const rows = new TailRows();
    const model = new Map<number, number>();
    for (let i = 0; i < 6000; i++) {
      const number =
        order === "ascending" ? i : order === "descending" ? keyCount - 1 - i : random.below(keyCount);
      const value = random.below(4) === 0 ? -1 : random.below(256);
      rows.set({ key: keyOf(number), value: value < 0 ? null : Uint8Array.of(value) });
      model.set(number, value);
    }
    assert.equal(rows.length, model.size);
    const sorted = [...model].sort(([a], [b]) => a - b);
    for (const from of [0, 1, 255, 256, 257, 1500, 2999, 3000, 5999, 6000]) {
      const expected = sorted.filter(([number]) => number >= from);
      assert.equal(listed(rows, from).join(";"), expected.join(";"), `from ${from}`);
    }
    const bytes = sorted.reduce((sum, [, value]) => sum + 128 + 2 + (value < 0 ? 0 : 1), 0);
    assert.equal(rows.bytes, bytes);
  });
}

test("without rows there is nothing to find", () => {
  assert.equal(new TailRows().cursor(keyOf(0)).row, undefined);
});
