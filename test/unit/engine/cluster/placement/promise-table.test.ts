import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { PromiseTable } from "../../../../../engine/cluster/placement/promise-table.js";
import { type NodeSlot, nodeSlot } from "../../../../../engine/core/ids.js";

/** Far more than a table has rows at first, so that ids meet in a bucket before and after it has grown. */
const STRIDE = 65_536;

interface Row {
  readonly node: number;
  readonly id: number;
  readonly endMs: number;
}

function rowsOf(table: PromiseTable, node: number): number[] {
  const ids: number[] = [];
  table.forEachOf(nodeSlot(node), (id) => ids.push(id));
  return ids;
}

suite("PromiseTable", () => {
  test("rows are those of a plain list", () => {
    const step = fc.record({
      what: fc.constantFrom("add", "add", "add", "remove", "end"),
      node: fc.constantFrom(0, 1, 63, 64, 5000),
      id: fc.nat(9).map((number) => 1 + (number % 5) + STRIDE * Math.floor(number / 5)),
      passMs: fc.nat(50),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
        const table = new PromiseTable();
        let model: Row[] = [];
        let nowMs = 0;
        for (const { what, node, id, passMs } of steps) {
          nowMs += passMs;
          const isThere = model.some((row) => row.node === node && row.id === id);
          assert.equal(table.has(nodeSlot(node), id), isThere);
          if (what === "add" && !isThere) {
            model.push({ node, id, endMs: nowMs + 100 });
            table.add(nodeSlot(node), id, nowMs + 100);
          } else if (what === "remove") {
            model = model.filter((row) => row.node !== node || row.id !== id);
            assert.equal(table.remove(nodeSlot(node), id), isThere);
          } else if (what === "end") {
            const ended: NodeSlot[] = [];
            table.removeEnded(nowMs, (slot) => ended.push(slot));
            const expected = model.filter(({ endMs }) => endMs <= nowMs).map((row) => row.node);
            assert.deepEqual(ended, expected, "the soonest first");
            model = model.filter(({ endMs }) => endMs > nowMs);
          }
          for (const each of [0, 1, 63, 64, 5000]) {
            const ids = model.filter((row) => row.node === each).map((row) => row.id);
            assert.deepEqual(rowsOf(table, each), ids.reverse(), "the newest first");
            assert.equal(table.countOf(nodeSlot(each)), ids.length);
          }
        }
      }),
    );
  });

  test("it grows, and uses the places of rows that are gone again", () => {
    const table = new PromiseTable();
    const ids = Array.from({ length: 5000 }, (_, i) => 1 + (i % 100) * STRIDE + Math.floor(i / 100));
    for (const id of ids) for (const node of [3, 7]) table.add(nodeSlot(node), id, id);
    assert.deepEqual(rowsOf(table, 3), ids.toReversed());
    table.forEachOf(nodeSlot(7), (id) => table.remove(nodeSlot(7), id));
    assert.deepEqual([table.countOf(nodeSlot(7)), rowsOf(table, 7)], [0, []]);
    for (const id of ids) table.add(nodeSlot(7), id + 50, 0);
    assert.deepEqual(rowsOf(table, 7), ids.map((id) => id + 50).reverse());
    assert.deepEqual(rowsOf(table, 3), ids.toReversed());
    table.removeEnded(Number.POSITIVE_INFINITY, () => undefined);
    assert.deepEqual([table.countOf(nodeSlot(3)), table.countOf(nodeSlot(7))], [0, 0]);
  });

  test("a row whose end is before that of an older one waits for it", () => {
    const table = new PromiseTable();
    const ended: NodeSlot[] = [];
    const end = (nowMs: number): void => table.removeEnded(nowMs, (node) => ended.push(node));
    table.add(nodeSlot(0), 1, 200);
    table.add(nodeSlot(1), 2, 100);
    table.add(nodeSlot(2), 3, 300);
    end(199);
    assert.equal(ended.length, 0);
    table.remove(nodeSlot(0), 1);
    end(199);
    assert.deepEqual(ended, [1]);
    end(300);
    assert.deepEqual(ended, [1, 2]);
  });
});
