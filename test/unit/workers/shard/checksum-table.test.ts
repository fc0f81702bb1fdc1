import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { ChecksumTable } from "../../../../workers/shard/checksum-table.js";

test("the table agrees with a Map over random changes and through its growth (seed 5)", () => {
  const random = new SeededRandom(5);
  const table = new ChecksumTable();
  const model = new Map<string, [number, number]>();
  for (let step = 0; step < 60_000; step++) {
    const id = random.below(2) === 0 ? 1 + random.below(3000) : 2 ** 40 + random.below(100);
    const node = random.below(4);
    const key = `${id}/${node}`;
    if (random.below(3) === 0 && model.has(key)) {
      table.delete(id, node);
      model.delete(key);
    } else {
      const low = random.uint32() | 0;
      table.set(id, node, low, step);
      model.set(key, [low, step]);
    }
  }
  assert.equal(table.count, model.size);
  for (let id = 1; id <= 3000; id++) {
    for (let node = 0; node < 4; node++) {
      const expected = model.get(`${id}/${node}`);
      assert.equal(table.find(id, node), expected !== undefined);
      if (expected !== undefined) assert.deepEqual([table.low, table.high], expected);
    }
  }
});
