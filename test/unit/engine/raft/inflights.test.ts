import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex } from "../../../../engine/core/ids.js";
import { Inflights } from "../../../../engine/raft/inflights.js";

test("the window is full when its count is reached", () => {
  const inflights = new Inflights({ countMax: 2, bytesMax: 1000 });
  inflights.add(logIndex(1), 10);
  assert.equal(inflights.isFull, false);
  inflights.add(logIndex(2), 10);
  assert.equal(inflights.isFull, true);
  assert.throws(() => inflights.add(logIndex(3), 1), /full/);
});

test("the window is full when exactly its bytes are under way", () => {
  const inflights = new Inflights({ countMax: 10, bytesMax: 100 });
  inflights.add(logIndex(1), 99);
  assert.equal(inflights.isFull, false);
  inflights.add(logIndex(2), 1);
  assert.equal(inflights.isFull, true);
});

test("the message that crosses the byte limit is still taken", () => {
  const inflights = new Inflights({ countMax: 10, bytesMax: 100 });
  inflights.add(logIndex(1), 99);
  inflights.add(logIndex(2), 500);
  assert.equal(inflights.isFull, true);
  inflights.freeTo(logIndex(1));
  assert.equal(inflights.isFull, true, "500 bytes are still under way");
  inflights.freeTo(logIndex(2));
  assert.equal(inflights.bytes, 0);
});

test("messages are sent in the order of their entries", () => {
  const inflights = new Inflights({ countMax: 4, bytesMax: 100 });
  inflights.add(logIndex(5), 1);
  assert.throws(() => inflights.add(logIndex(4), 1), /in order/);
});

test("it counts as a plain list of messages does", () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), step: fc.nat(3), bytes: fc.nat(40) }),
    fc.record({ kind: fc.constant("free" as const), step: fc.nat(30), bytes: fc.constant(0) }),
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("clear" as const), step: fc.nat(0), bytes: fc.nat(0) }),
    },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 13 }),
      fc.array(action, { maxLength: 100 }),
      (countMax, actions) => {
        const inflights = new Inflights({ countMax, bytesMax: 150 });
        let model: { index: number; bytes: number }[] = [];
        let last = 1;
        for (const { kind, step, bytes } of actions) {
          const total = model.reduce((sum, message) => sum + message.bytes, 0);
          assert.equal(inflights.isFull, model.length === countMax || total >= 150);
          if (kind === "clear") {
            inflights.clear();
            model = [];
          } else if (kind === "free") {
            const index = Math.max(0, last - step);
            inflights.freeTo(logIndex(index));
            model = model.filter((message) => message.index > index);
          } else if (!inflights.isFull) {
            last += step;
            inflights.add(logIndex(last), bytes);
            model.push({ index: last, bytes });
          }
          assert.equal(inflights.count, model.length);
          assert.equal(
            inflights.bytes,
            model.reduce((sum, message) => sum + message.bytes, 0),
          );
        }
      },
    ),
  );
});
