import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IndexQueue } from "../../../../engine/storage/index-queue.js";

const STEP = fc.oneof(
  fc.record({ kind: fc.constant("push"), by: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constantFrom("shift", "truncate"), by: fc.nat(100) }),
);

test("the queue does what an array does", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 400 }), fc.array(fc.nat(50)), (steps, start) => {
      const model = [...new Set(start)].sort((a, b) => a - b);
      const queue = new IndexQueue(Float64Array.from(model));
      let next = 51;
      for (const { kind, by } of steps) {
        if (kind === "push") {
          next += by;
          queue.push(next);
          model.push(next);
        } else if (kind === "shift") {
          queue.shift(by % (model.length + 1));
          model.splice(0, by % (model.length + 1));
        } else {
          queue.truncate(by % (model.length + 1));
          model.length = by % (model.length + 1);
        }
        assert.equal(queue.length, model.length);
        assert.equal(
          queue.lastAtMost(next - 2),
          model.findLastIndex((value) => value <= next - 2),
        );
      }
      assert.deepEqual(
        model.map((_, i) => queue.at(i)),
        model,
      );
    }),
  );
});

test("it grows by thousands while its front is dropped", () => {
  const queue = new IndexQueue(new Float64Array(0));
  for (let i = 1; i <= 100_000; i++) {
    queue.push(i);
    if (queue.length > 100) queue.shift(1);
  }
  assert.equal(queue.length, 100);
  assert.equal(queue.at(0), 99_901);
});

test("values must ascend", () => {
  const queue = new IndexQueue(Float64Array.of(5));
  assert.throws(() => queue.push(5), { name: "AssertionError" });
});
