import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fifo } from "../../../../engine/core/fifo.js";

test("it holds what a plain array would", () => {
  const action = fc.record({
    name: fc.constantFrom("push", "push", "shift", "drop", "truncate", "clear"),
    amount: fc.nat(200),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
      const fifo = new Fifo<number>();
      let model: number[] = [];
      let next = 0;
      for (const { name, amount } of actions) {
        const count = Math.min(amount, model.length);
        if (name === "push") {
          for (let i = 0; i < amount; i++) {
            fifo.push(next);
            model.push(next++);
          }
        } else if (name === "shift") assert.equal(fifo.shift(), model.shift());
        else if (name === "drop") {
          fifo.drop(count);
          model = model.slice(count);
        } else if (name === "truncate") {
          fifo.truncate(count);
          model.length = count;
        } else if (amount > 150) {
          fifo.clear();
          model = [];
        }
        assert.equal(fifo.length, model.length);
        assert.equal(fifo.at(0), model[0]);
        assert.equal(fifo.at(model.length), undefined);
        assert.equal(fifo.last, model.at(-1));
        assert.deepEqual(fifo.slice(0, model.length), model);
        const middle = model.length >> 1;
        assert.deepEqual(fifo.slice(middle, model.length), model.slice(middle));
      }
    }),
  );
});

test("more than there is cannot be dropped", () => {
  const fifo = new Fifo<number>();
  fifo.push(1);
  assert.throws(() => fifo.drop(2), /not there/);
  assert.throws(() => fifo.truncate(2), /not made longer/);
  assert.throws(() => fifo.slice(0, 2), /within the queue/);
});

test("dropping the first of very many is cheap", () => {
  const fifo = new Fifo<number>();
  const count = 200_000;
  for (let i = 0; i < count; i++) fifo.push(i);
  // Moving all the others each time would be 2 · 10^10 moves: minutes.
  for (let i = 0; i < count; i++) assert.equal(fifo.shift(), i);
  assert.equal(fifo.length, 0);
});
