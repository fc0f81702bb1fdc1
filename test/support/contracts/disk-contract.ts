import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Disk, KeyRange, Store, StoreOptions } from "../../../engine/core/disk.js";

const OPTIONS: StoreOptions = { kind: "state", columns: ["a", "b"], memtableBytes: 1024 * 1024 };
const ALL: KeyRange = { from: Uint8Array.of(0), to: Uint8Array.of(255, 255) };

/** A disk and a directory of its own on it, which exists. */
export interface DiskFixture {
  readonly disk: Disk;
  readonly directory: string;
  dispose(): void;
}

/** What every Disk keeps, the real one and the simulator's. */
export function describeDiskContract(name: string, makeFixture: () => DiskFixture): void {
  describe(`${name}: opening a store`, () => openContract(makeFixture));
  describe(`${name}: batches`, () => batchContract(makeFixture));
  describe(`${name}: scans`, () => scanContract(makeFixture));
  describe(`${name}: files, directories and locks`, () => fileContract(makeFixture));
}

type Body = (fixture: DiskFixture) => Promise<void> | void;

function contractTest(makeFixture: () => DiskFixture): (name: string, body: Body) => void {
  return (name, body) => {
    test(name, async () => {
      const fixture = makeFixture();
      try {
        await body(fixture);
      } finally {
        fixture.dispose();
      }
    });
  };
}

function openContract(makeFixture: () => DiskFixture): void {
  const it = contractTest(makeFixture);

  it("keeps rows over a close, columns apart", async ({ disk, directory }) => {
    const path = join(directory, "store");
    const store = await disk.createStore(path, OPTIONS);
    put(store, "a", [1], [10]);
    put(store, "b", [1], [20]);
    await store.close();
    const again = await disk.openStore(path, OPTIONS);
    assert.deepEqual([...again.get("a", bytes(1))!], [10]);
    assert.deepEqual([...again.get("b", bytes(1))!], [20]);
    assert.equal(again.get("a", bytes(2)), undefined);
    await again.close();
  });

  it("makes a store only where that is asked for", async ({ disk, directory }) => {
    const path = join(directory, "store");
    disk.makeDirectory(join(directory, "empty"));
    for (const nothing of [path, join(directory, "empty")]) {
      await assert.rejects(disk.openStore(nothing, OPTIONS), { code: "STORAGE_OPEN" });
      await assert.rejects(disk.checkStore(nothing, "state"), { code: "STORAGE_OPEN" });
    }
    assert.deepEqual(disk.list(directory), ["empty"]);
    const store = await disk.createStore(path, OPTIONS);
    put(store, "a", [1], [10]);
    await store.close();
    const again = await disk.createStore(path, OPTIONS);
    assert.deepEqual(rowsOf(again, "a"), [[[1], [10]]]);
    await again.close();
  });

  it("copies a store with the files beside it, and leaves the store as it was", async ({
    disk,
    directory,
  }) => {
    const path = join(directory, "store");
    const store = await disk.createStore(path, OPTIONS);
    put(store, "a", [1], [10]);
    await store.close();
    await (await disk.openStore(path, OPTIONS)).close();
    disk.writeFile(join(path, "beside"), bytes(7));
    const to = join(path, "copy");
    const before = disk.list(path);
    disk.copyStore(path, to);
    assert.deepEqual(await disk.checkStore(to, "state"), []);
    const copied = await disk.openStore(to, OPTIONS);
    put(copied, "a", [2], [20]);
    await copied.close();
    assert.deepEqual(disk.readFile(join(to, "beside")), bytes(7));
    disk.removeDirectory(to);
    assert.deepEqual(disk.list(path), before);
    const again = await disk.openStore(path, OPTIONS);
    assert.deepEqual(rowsOf(again, "a"), [[[1], [10]]]);
    await again.close();
  });

  it("keeps large and empty values", async ({ disk, directory }) => {
    const path = join(directory, "store");
    const store = await disk.createStore(path, OPTIONS);
    const large = new Uint8Array(5 * 1024 * 1024).map((_, i) => i * 31);
    const batch = store.batch();
    batch.put("a", bytes(1), large);
    batch.put("a", bytes(2), new Uint8Array(0));
    batch.write({ sync: true });
    await store.close();
    const again = await disk.openStore(path, OPTIONS);
    assert.ok(Buffer.from(large).equals(again.get("a", bytes(1))!));
    assert.equal(again.get("a", bytes(2))?.length, 0);
    await again.close();
  });

  it("refuses a second opener with STORAGE_LOCKED until the first closes", async ({ disk, directory }) => {
    const path = join(directory, "store");
    const store = await disk.createStore(path, OPTIONS);
    await assert.rejects(disk.openStore(path, OPTIONS), { code: "STORAGE_LOCKED" });
    await store.close();
    await (await disk.openStore(path, OPTIONS)).close();
  });

  it("refuses to open without naming every column that exists", async ({ disk, directory }) => {
    const path = join(directory, "store");
    await (await disk.createStore(path, OPTIONS)).close();
    await assert.rejects(disk.openStore(path, { ...OPTIONS, columns: ["a"] }), { code: "STORAGE_OPEN" });
    await (await disk.openStore(path, { ...OPTIONS, columns: ["a", "b", "c"] })).close();
  });
}

function batchContract(makeFixture: () => DiskFixture): void {
  const it = contractTest(makeFixture);

  it("shows nothing of a batch before its write, and uses a batch again", async ({ disk, directory }) => {
    const store = await disk.createStore(join(directory, "store"), OPTIONS);
    const batch = store.batch();
    batch.put("a", bytes(1), bytes(1));
    assert.equal(store.get("a", bytes(1)), undefined);
    batch.write({ sync: true });
    batch.delete("a", bytes(1));
    batch.put("a", bytes(2), bytes(2));
    batch.write({ sync: false });
    assert.deepEqual(rowsOf(store, "a"), [[[2], [2]]]);
    await store.close();
  });

  it("lets the later of two changes in a batch win", async ({ disk, directory }) => {
    const store = await disk.createStore(join(directory, "store"), OPTIONS);
    const batch = store.batch();
    batch.delete("a", bytes(1));
    batch.put("a", bytes(1), bytes(9));
    batch.put("a", bytes(2), bytes(9));
    batch.delete("a", bytes(2));
    batch.write({ sync: false });
    assert.deepEqual(rowsOf(store, "a"), [[[1], [9]]]);
    await store.close();
  });

  it("takes bytes of shared memory and copies them within the call", async ({ disk, directory }) => {
    const store = await disk.createStore(join(directory, "store"), OPTIONS);
    const shared = new Uint8Array(new SharedArrayBuffer(16));
    shared.set([7, 1, 2, 3], 4);
    const batch = store.batch();
    batch.put("a", shared.subarray(4, 5), shared.subarray(5, 8));
    shared.fill(0);
    batch.write({ sync: true });
    assert.deepEqual(rowsOf(store, "a"), [[[7], [1, 2, 3]]]);
    await store.close();
  });
}

function scanContract(makeFixture: () => DiskFixture): void {
  const it = contractTest(makeFixture);

  it("scans a range in the order of unsigned bytes, as of the call", async ({ disk, directory }) => {
    const store = await disk.createStore(join(directory, "store"), OPTIONS);
    for (const key of [[2], [200], [2, 0], [1, 255], [3], [10]]) put(store, "a", key, [1]);
    const cursor = store.scan("a", { from: bytes(2), to: bytes(10) });
    put(store, "a", [2, 1], [1]);
    put(store, "a", [3], [9]);
    const keys: number[][] = [];
    const values: number[][] = [];
    while (cursor.next(2, (key, value) => keys.push([...key]) && values.push([...value])) > 0);
    cursor.close();
    assert.deepEqual(keys, [[2], [2, 0], [3]]);
    assert.deepEqual(values, [[1], [1], [1]]);
    await store.close();
  });

  it("visits at most so many rows a step, then answers 0", async ({ disk, directory }) => {
    const store = await disk.createStore(join(directory, "store"), OPTIONS);
    for (let i = 1; i <= 5; i++) put(store, "a", [i], []);
    const cursor = store.scan("a", ALL);
    const counts: number[] = [];
    for (let i = 0; i < 4; i++) counts.push(cursor.next(3, () => {}));
    cursor.close();
    assert.deepEqual(counts, [3, 2, 0, 0]);
    await store.close();
  });

  it("goes on and back to any row of a scan, which still shows what it showed", async ({
    disk,
    directory,
  }) => {
    const store = await disk.createStore(join(directory, "store"), OPTIONS);
    for (const key of [[1], [2], [2, 0], [4], [9]]) put(store, "a", key, [1]);
    const cursor = store.scan("a", { from: bytes(2), to: bytes(9) });
    const rest = (): string => {
      const found: string[] = [];
      while (cursor.next(2, (key, value) => found.push(`${[...key]}=${[...value]}`)) > 0);
      return found.join(" ");
    };
    put(store, "a", [3], [9]);
    put(store, "a", [2], [9]);
    assert.equal(rest(), "2=1 2,0=1 4=1");
    cursor.seek(bytes(2, 0));
    assert.equal(rest(), "2,0=1 4=1");
    cursor.seek(bytes(3));
    assert.equal(rest(), "4=1");
    cursor.seek(bytes(2));
    assert.equal(
      cursor.next(1, () => {}),
      1,
    );
    cursor.seek(bytes(5));
    assert.equal(rest(), "");
    cursor.close();
    await store.close();
  });

  it("ends a scan that is not read to its end", async ({ disk, directory }) => {
    const store = await disk.createStore(join(directory, "store"), OPTIONS);
    for (let i = 1; i <= 5; i++) put(store, "a", [i], []);
    const cursor = store.scan("a", ALL);
    assert.equal(
      cursor.next(1, () => {}),
      1,
    );
    cursor.close();
    await store.close();
  });

  it("clears a range, its end excluded", async ({ disk, directory }) => {
    const store = await disk.createStore(join(directory, "store"), OPTIONS);
    for (let i = 1; i <= 5; i++) put(store, "a", [i], [i]);
    put(store, "b", [3], [3]);
    store.clear("a", { from: bytes(2), to: bytes(5) });
    assert.deepEqual(rowsOf(store, "a"), [
      [[1], [1]],
      [[5], [5]],
    ]);
    assert.deepEqual(rowsOf(store, "b"), [[[3], [3]]]);
    await store.close();
  });
}

function fileContract(makeFixture: () => DiskFixture): void {
  const it = contractTest(makeFixture);

  it("reads what was written, and undefined where nothing is", ({ disk, directory }) => {
    const path = join(directory, "file");
    assert.equal(disk.readFile(path), undefined);
    disk.writeFile(path, bytes(1, 2, 3));
    assert.deepEqual(disk.readFile(path), bytes(1, 2, 3));
    disk.writeFile(path, bytes(4));
    assert.deepEqual(disk.readFile(path), bytes(4));
    assert.deepEqual(disk.list(directory), ["file"]);
  });

  it("overwrites bytes of a file in place", ({ disk, directory }) => {
    const path = join(directory, "file");
    assert.throws(() => disk.openFile(path), { code: "STORAGE_IO" });
    disk.writeFile(path, bytes(1, 2, 3, 4));
    const file = disk.openFile(path);
    file.write(1, bytes(8, 9));
    file.sync();
    file.close();
    assert.deepEqual(disk.readFile(path), bytes(1, 8, 9, 4));
  });

  it("refuses to write a file where no directory is", ({ disk, directory }) => {
    assert.throws(() => disk.writeFile(join(directory, "none", "file"), bytes(1)), { code: "STORAGE_IO" });
  });

  it("makes directories with their parents, lists and removes them", ({ disk, directory }) => {
    const path = join(directory, "x", "y");
    disk.makeDirectory(path);
    disk.makeDirectory(path);
    disk.writeFile(join(path, "b"), bytes(1));
    disk.writeFile(join(path, "a"), bytes(1));
    assert.deepEqual(disk.list(path), ["a", "b"]);
    assert.deepEqual(disk.list(join(directory, "x")), ["y"]);
    disk.removeDirectory(join(directory, "x"));
    disk.removeDirectory(join(directory, "x"));
    assert.deepEqual(disk.list(path), []);
    assert.deepEqual(disk.list(directory), []);
    assert.equal(disk.readFile(join(path, "a")), undefined);
  });

  it("gives a lock to one holder at a time", async ({ disk, directory }) => {
    const path = join(directory, "lock");
    const lock = await disk.lock(path);
    await assert.rejects(disk.lock(path), { code: "STORAGE_LOCKED" });
    await lock.release();
    await lock.release();
    await (await disk.lock(path)).release();
  });
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

function put(store: Store, column: string, key: readonly number[], value: readonly number[]): void {
  const batch = store.batch();
  batch.put(column, bytes(...key), bytes(...value));
  batch.write({ sync: false });
}

function rowsOf(store: Store, column: string): number[][][] {
  const rows: number[][][] = [];
  const cursor = store.scan(column, ALL);
  while (cursor.next(100, (key, value) => rows.push([[...key], [...value]])) > 0);
  cursor.close();
  return rows;
}
