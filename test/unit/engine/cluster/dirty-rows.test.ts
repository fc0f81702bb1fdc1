import assert from "node:assert/strict";
import { test } from "node:test";
import { DirtyRows } from "../../../../engine/cluster/dirty-rows.js";
import { DrainTarget } from "../../../../engine/cluster/flush-part.js";

/** Rows of a number each. */
class Fixture {
  readonly rows = new Map<number, number>();
  readonly puts: [number, number][] = [];
  readonly deletes: number[] = [];
  readonly dirty = new DirtyRows<number>({
    table: 9,
    typicalRowBytes: 10,
    writeKey: (writer, key) => writer.u8(key),
    writeRow: (writer, key) => {
      const row = this.rows.get(key);
      if (row !== undefined) writer.u8(row);
      return row !== undefined;
    },
  });

  set(key: number, value: number | undefined): void {
    this.dirty.touch(key);
    if (value === undefined) this.rows.delete(key);
    else this.rows.set(key, value);
  }

  drain(bytesMax = 1 << 20, room = 1000): boolean {
    let left = room;
    const sink = {
      put: (_: number, key: Uint8Array, value: Uint8Array) => {
        if (left-- <= 0) return false;
        this.puts.push([key[0]!, value[0]!]);
        return true;
      },
      delete: (_: number, key: Uint8Array) => {
        if (left-- <= 0) return false;
        this.deletes.push(key[0]!);
        return true;
      },
    };
    const deleteBelow = () => assert.fail("no disk-resident table");
    return this.dirty.drain(new DrainTarget({ ...sink, deleteBelow }, bytesMax));
  }
}

test("a flush shows rows as they were when it was frozen", () => {
  const fixture = new Fixture();
  for (const key of [1, 2, 3, 4]) fixture.set(key, key * 10);
  assert.equal(fixture.dirty.freeze(), 4);
  fixture.set(2, 99);
  fixture.set(2, 98);
  fixture.set(3, undefined);
  fixture.set(5, 50);
  assert.equal(fixture.drain(), true);
  assert.deepEqual(fixture.puts, [
    [1, 10],
    [2, 20],
    [3, 30],
    [4, 40],
  ]);
  assert.deepEqual(fixture.deletes, []);
});

test("what changes after the freeze is in the next flush", () => {
  const fixture = new Fixture();
  for (const key of [1, 2]) fixture.set(key, 1);
  fixture.dirty.freeze();
  fixture.set(1, 7);
  fixture.set(2, undefined);
  fixture.drain();
  fixture.puts.length = 0;
  assert.equal(fixture.dirty.freeze(), 2);
  assert.equal(fixture.drain(), true);
  assert.deepEqual(fixture.puts, [[1, 7]]);
  assert.deepEqual(fixture.deletes, [2]);
});

test("a row that was frozen as absent and exists again is deleted first and put later", () => {
  const fixture = new Fixture();
  fixture.set(1, 1);
  fixture.dirty.freeze();
  fixture.drain();
  fixture.set(1, undefined);
  fixture.dirty.freeze();
  fixture.set(1, 5);
  fixture.drain();
  assert.deepEqual(fixture.deletes, [1]);
  fixture.dirty.freeze();
  fixture.drain();
  assert.deepEqual(fixture.puts, [
    [1, 1],
    [1, 5],
  ]);
});

test("an item that finds no room is offered again, and the budget ends a call", () => {
  const fixture = new Fixture();
  for (const key of [1, 2, 3]) fixture.set(key, key);
  fixture.dirty.freeze();
  assert.equal(fixture.drain(1 << 20, 1), false);
  assert.equal(fixture.drain(1), false);
  assert.equal(fixture.drain(), true);
  assert.deepEqual(fixture.puts, [
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
});

test("dirty bytes count what is dirty and what is frozen and not yet drained", () => {
  const fixture = new Fixture();
  for (const key of [1, 2, 3]) fixture.set(key, key);
  assert.equal(fixture.dirty.dirtyBytes(), 30);
  fixture.dirty.freeze();
  fixture.set(1, 2);
  assert.equal(fixture.dirty.dirtyBytes(), 40);
  fixture.drain(1 << 20, 2);
  assert.equal(fixture.dirty.dirtyBytes(), 20);
  fixture.drain();
  assert.equal(fixture.dirty.dirtyBytes(), 10);
});
