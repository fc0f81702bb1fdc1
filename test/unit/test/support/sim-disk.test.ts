import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Store, StoreOptions } from "../../../../engine/core/disk.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { describeDiskContract } from "../../../support/contracts/disk-contract.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";

const OPTIONS: StoreOptions = { kind: "log", columns: ["a"], memtableBytes: 1024 };
const SEEDS = 200;

describeDiskContract("SimDisk", () => {
  const disk = new SimDisk();
  disk.makeDirectory("/data");
  return { disk, directory: "/data", dispose: () => {} };
});

describe("SimDisk: crash", () => {
  test("keeps every synced batch and a prefix of the others; all outcomes happen", async () => {
    const kept = new Map<number, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const disk = new SimDisk();
      const store = await disk.createStore("/s", OPTIONS);
      for (let i = 1; i <= 6; i++) write(store, i, i === 3);
      disk.crash(new SeededRandom(seed));
      const again = await disk.openStore("/s", OPTIONS);
      let count = 0;
      while (again.get("a", Uint8Array.of(count + 1)) !== undefined) count++;
      for (let i = count + 1; i <= 6; i++) assert.equal(again.get("a", Uint8Array.of(i)), undefined);
      assert.ok(count >= 3, `seed ${seed}: a synced batch is gone`);
      kept.set(count, (kept.get(count) ?? 0) + 1);
    }
    assert.deepEqual([...kept.keys()].sort(), [3, 4, 5, 6]);
  });

  test("makes what survived durable: a second crash takes nothing more", async () => {
    const disk = new SimDisk();
    const store = await disk.createStore("/s", OPTIONS);
    write(store, 1, false);
    disk.crash(fixed(1));
    disk.crash(fixed(0));
    const again = await disk.openStore("/s", OPTIONS);
    assert.notEqual(again.get("a", Uint8Array.of(1)), undefined);
  });

  test("tears unsynced bytes of a file, keeps synced ones and whole replacements", () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const disk = new SimDisk();
      disk.writeFile("/f", new Uint8Array(64));
      const file = disk.openFile("/f");
      file.write(0, new Uint8Array(32).fill(1));
      file.sync();
      file.write(32, new Uint8Array(32).fill(2));
      disk.crash(new SeededRandom(seed));
      const bytes = disk.readFile("/f")!;
      assert.ok(
        bytes.subarray(0, 32).every((byte) => byte === 1),
        `seed ${seed}: synced bytes changed`,
      );
      outcomes.add(bytes.subarray(32).join(""));
    }
    assert.ok(outcomes.has("2".repeat(32)));
    assert.ok(outcomes.has("0".repeat(32)));
    assert.ok(outcomes.size > 10, "no torn write was seen");
  });

  test("frees locks and lets nobody use a handle of the life before", async () => {
    const disk = new SimDisk();
    await disk.lock("/lock");
    const store = await disk.createStore("/s", OPTIONS);
    disk.crash(new SeededRandom(1));
    assert.throws(() => store.get("a", Uint8Array.of(1)), { name: "AssertionError" });
    await (await disk.lock("/lock")).release();
  });

  test("loses synced batches on request, as a damaged write-ahead log does", async () => {
    const disk = new SimDisk();
    const store = await disk.createStore("/s", OPTIONS);
    for (let i = 1; i <= 4; i++) write(store, i, true);
    await store.close();
    disk.loseBatches("/s", 2);
    const again = await disk.openStore("/s", OPTIONS);
    assert.notEqual(again.get("a", Uint8Array.of(2)), undefined);
    assert.equal(again.get("a", Uint8Array.of(3)), undefined);
  });
});

function write(store: Store, key: number, sync: boolean): void {
  const batch = store.batch();
  batch.put("a", Uint8Array.of(key), Uint8Array.of(key));
  batch.write({ sync });
}

/** A generator that always answers the bound less one (1) or 0. */
function fixed(high: 0 | 1): SeededRandom {
  const random = new SeededRandom(1);
  random.below = (bound) => (high === 1 ? bound - 1 : 0);
  return random;
}
