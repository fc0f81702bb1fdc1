import assert from "node:assert/strict";
import { test } from "node:test";
import { DiskTable } from "../../../../engine/cluster/disk-table.js";
import { DrainTarget } from "../../../../engine/cluster/flush-part.js";
import type { Tail } from "../../../../engine/cluster/state-machine.js";
import { ByteReader } from "../../../../engine/core/byte-reader.js";
import { ByteWriter } from "../../../../engine/core/byte-writer.js";

const TABLE = 130;

function key(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

/** What a flush hands out, as text. */
function drain(table: DiskTable): string[] {
  const seen: string[] = [];
  const note = (text: string): boolean => seen.push(text) > 0;
  const target = new DrainTarget(
    {
      put: (_, k, value) => note(`put ${k} ${value}`),
      delete: (_, k) => note(`delete ${k}`),
      deleteBelow: (_, k) => note(`deleteBelow ${k}`),
    },
    1 << 20,
  );
  assert.equal(table.drain(target), true);
  return seen;
}

function changes(table: DiskTable, rowCountMax = 100, from = key(0), to?: Uint8Array): string[] {
  return textOf(table.tail(from, to, rowCountMax));
}

function textOf({ rows, isComplete }: Tail): string[] {
  const texts = rows.map((row) => `${row.key}=${row.value === null ? "deleted" : row.value}`);
  return isComplete ? texts : [...texts, "…"];
}

/** What a start knows of the table. */
function restarted(table: DiskTable): DiskTable {
  const writer = new ByteWriter();
  table.write(writer);
  const again = new DiskTable(TABLE);
  again.read(new ByteReader(writer.take()));
  return again;
}

function summaryOf(table: DiskTable): string {
  const writer = new ByteWriter();
  table.write(writer);
  return Buffer.from(writer.take()).toString("hex");
}

test("changes wait in memory until their flush is committed, the newer ones cover the older", () => {
  const table = new DiskTable(TABLE);
  table.put(key(5), key(50));
  table.put(key(3), key(30));
  table.put(key(3), key(31));
  assert.equal(table.freeze(), 2);
  table.delete(key(5));
  table.put(key(4), key(40));
  assert.deepEqual(changes(table), ["3=31", "4=40", "5=deleted"]);
  assert.deepEqual(drain(table), ["put 3 31", "put 5 50"]);
  assert.deepEqual(changes(table), ["3=31", "4=40", "5=deleted"], "drained, but not on disk");
  table.flushed();
  assert.deepEqual(changes(table), ["4=40", "5=deleted"]);
  assert.equal(table.freeze(), 2);
  assert.deepEqual(drain(table), ["put 4 40", "delete 5"]);
  table.flushed();
  assert.deepEqual(changes(table), []);
  assert.equal(table.dirtyBytes(), 0);
});

test("a tail ends at the range's end, or when it holds enough rows or changes", () => {
  const table = new DiskTable(TABLE);
  for (const k of [1, 2, 3, 4]) table.put(key(k), key(k));
  table.put(key(2, 7), key(27));
  assert.deepEqual(changes(table, 100, key(2), key(3)), ["2=2", "2,7=27"]);
  assert.deepEqual(changes(table, 3, key(1, 0)), ["2=2", "2,7=27", "3=3", "…"]);
  assert.deepEqual(changes(table, 2, key(3)), ["3=3", "4=4"]);
  for (let k = 10; k < 30; k++) table.delete(key(k));
  assert.equal(changes(table, 2, key(10)).length, 8 + 1, "deletions count, but less");
});

test("rows before the first one are gone for readers at once, and for the disk with the flush", () => {
  const table = new DiskTable(TABLE);
  table.put(key(1), key(1));
  table.put(key(9), key(9));
  table.deleteBelow(key(5));
  assert.deepEqual(table.tail(key(0), undefined, 9).from, key(5));
  assert.deepEqual(table.tail(key(7), undefined, 9).from, key(7));
  assert.deepEqual(changes(table), ["9=9"]);
  assert.throws(() => table.put(key(4), key(4)), /deleted for good/);
  assert.throws(() => table.deleteBelow(key(4)), /forward/);
  assert.equal(table.freeze(), 3);
  assert.deepEqual(drain(table), ["put 1 1", "put 9 9", "deleteBelow 5"]);
  table.flushed();
  assert.equal(table.freeze(), 0);
  assert.deepEqual(drain(table), []);
  assert.deepEqual(restarted(table).tail(key(0), undefined, 9).from, key(5));
});

test("the hash is that of all changes in their order, whenever they were flushed", () => {
  const make = (flushAfter: number, ...steps: ((table: DiskTable) => void)[]): string => {
    let table = new DiskTable(TABLE);
    for (const [i, step] of steps.entries()) {
      step(table);
      if (i !== flushAfter) continue;
      table.freeze();
      drain(table);
      table.flushed();
      table = restarted(table);
    }
    return summaryOf(table);
  };
  const put = (k: number, v: number) => (table: DiskTable) => table.put(key(k), key(v));
  const remove = (k: number) => (table: DiskTable) => table.delete(key(k));
  const cut = (k: number) => (table: DiskTable) => table.deleteBelow(key(k));
  const steps = [put(1, 1), put(2, 2), remove(1), cut(2)];
  const expected = make(-1, ...steps);
  for (const flushAfter of [0, 1, 2, 3]) assert.equal(make(flushAfter, ...steps), expected);
  const others = [
    make(-1, put(2, 2), put(1, 1), remove(1), cut(2)),
    make(-1, put(1, 2), put(2, 2), remove(1), cut(2)),
    make(-1, put(1, 1), put(2, 2), remove(2), cut(2)),
    make(-1, put(1, 1), put(2, 2), put(1, 1), cut(2)),
    make(-1, put(1, 1), put(2, 2), remove(1), cut(1)),
  ];
  assert.equal(new Set([expected, ...others]).size, 6);
});
