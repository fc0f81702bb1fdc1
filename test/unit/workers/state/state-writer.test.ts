import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logIndex } from "../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { STATE_STORE_OPTIONS, StateScan } from "../../../../engine/storage/state-store.js";
import {
  newStateFlushed,
  readScannedComplete,
  readStateFlushed,
  readStateRow,
  readUnread,
  STATE_RECORD,
  type StateFlushed,
  StateRecordWriter,
} from "../../../../workers/shared/state-records.js";
import { StateWriter, type StateWriterData } from "../../../../workers/state/state-writer.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import { initialized, ManualClock, readWholeLog } from "../../../support/storage/log-fixture.js";
import { workerHarness } from "../../../support/storage/worker-harness.js";

async function start(answerBytes = 1024 * 1024) {
  const disk = new SimDisk();
  const { raft, state } = await initialized(disk, "/data");
  const path = `${state}/base`;
  const data: StateWriterData = { path, identity: (await readWholeLog(disk, raft)).log.meta.identity };
  const harness = workerHarness(data, 1024 * 1024, answerBytes);
  const loop = new StateWriter(harness.context, disk, new ManualClock());
  await loop.start();
  const answers = (): StateFlushed[] => {
    harness.context.sender.publish();
    const taken: StateFlushed[] = [];
    harness.fromWorker.drain((_, offset) => {
      const flushed = newStateFlushed();
      readStateFlushed(harness.fromWorker.view, offset, flushed);
      taken.push(flushed);
    }, 1000);
    return taken;
  };
  let keys: number[] = [];
  /** Keys of each page that was answered, and whether it was the last of its range; of the rest nothing. */
  const pages = (): [number[], boolean][] => {
    harness.context.sender.publish();
    const taken: [number[], boolean][] = [];
    const row = { keyStart: 0, valueStart: 0, valueEnd: 0 };
    const { bytes: memory, view } = harness.fromWorker;
    harness.fromWorker.drain((kind, offset) => {
      if (kind === STATE_RECORD.ROW) {
        readStateRow(view, offset, row);
        assert.equal(memory[row.keyStart], 200);
        keys.push(memory[row.keyStart + 1]!);
      } else if (kind === STATE_RECORD.SCANNED) {
        taken.push([keys, readScannedComplete(view, offset)]);
        keys = [];
      }
    }, 1000);
    return taken;
  };
  const writer = new StateRecordWriter(harness.toWorker);
  const poll = (): void => {
    harness.toWorker.publish();
    while (loop.poll());
  };
  return { disk, path, data, loop, writer, answers, pages, poll };
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

async function rowsOf(disk: SimDisk, path: string): Promise<[number, number[], number[]][]> {
  const store = await disk.openStore(path, STATE_STORE_OPTIONS);
  try {
    const rows: [number, number[], number[]][] = [];
    const scan = new StateScan(store, "all");
    while (scan.step(2, (table, key, value) => rows.push([table, [...key], [...value]])) > 0);
    return rows;
  } finally {
    await store.close();
  }
}

describe("state writer", () => {
  test("commits the rows of a flush as one batch and tells of it", async () => {
    const { disk, path, loop, writer, answers, poll } = await start();
    let writeCount = 0;
    disk.beforeWrite = () => {
      writeCount++;
    };
    writer.put(2, bytes(0, 0, 0, 1), bytes(1, 2, 3));
    writer.put(3, bytes(), bytes());
    writer.put(1, bytes(), bytes(9));
    poll();
    assert.equal(writeCount, 0);
    assert.deepEqual(answers(), []);
    writer.commit(logIndex(17), false);
    poll();
    assert.equal(writeCount, 1);
    assert.deepEqual(answers(), [{ appliedIndex: 17, bytes: 11, rowCount: 3, durable: false, writeUs: 0 }]);
    await loop.stop();
    disk.beforeWrite = () => {};
    assert.deepEqual(await rowsOf(disk, path), [
      [1, [], [9]],
      [2, [0, 0, 0, 1], [1, 2, 3]],
      [3, [], []],
    ]);
  });

  test("deletes rows", async () => {
    const { disk, path, loop, writer, poll } = await start();
    writer.put(2, bytes(1), bytes(1));
    writer.put(2, bytes(2), bytes(2));
    writer.commit(logIndex(1), false);
    poll();
    writer.delete(2, bytes(1));
    writer.put(2, bytes(3), bytes(3));
    writer.commit(logIndex(2), false);
    // The answer to the first flush is out, so the second may come.
    poll();
    await loop.stop();
    assert.deepEqual(await rowsOf(disk, path), [
      [2, [2], [2]],
      [2, [3], [3]],
    ]);
  });

  test("scans what is committed, in its place between flushes, up to the limits", async () => {
    const { loop, writer, pages, poll } = await start();
    const scan = (rowCountMax: number, bytesMax: number, to?: Uint8Array): void => {
      assert.ok(writer.scan({ table: 200, from: bytes(2), to, rowCountMax, bytesMax }));
    };
    for (let key = 1; key <= 40; key++) writer.put(200, bytes(key), bytes(key, key));
    writer.put(201, bytes(1), bytes(1));
    scan(5, 1000);
    writer.commit(logIndex(1), false);
    scan(3, 1000);
    writer.delete(200, bytes(3));
    scan(100, 1000, bytes(5));
    writer.deleteBelow(200, bytes(4));
    writer.commit(logIndex(2), false);
    scan(100, 1000, bytes(6));
    scan(100, 1);
    poll();
    assert.deepEqual(pages(), [
      [[], true],
      [[2, 3, 4], false],
      [[2, 3, 4], true],
      [[4, 5], true],
      // Bytes are counted after each step of 16 rows.
      [Array.from({ length: 16 }, (_, i) => 4 + i), false],
    ]);
    await loop.stop();
  });

  test("a damaged row is told to who reads it; flushes and other pages go on", async () => {
    const first = await start();
    const { disk, path, data } = first;
    for (let key = 1; key <= 3; key++) first.writer.put(200, bytes(key), bytes(key, key));
    first.writer.commit(logIndex(1), true);
    first.poll();
    await first.loop.stop();
    disk.damageValue(path, "rows", bytes(200, 2), (value) => {
      value[0]! ^= 1;
    });
    const { context, toWorker, fromWorker } = workerHarness(data, 1024 * 1024, 1024 * 1024);
    const loop = new StateWriter(context, disk, new ManualClock());
    await loop.start();
    const writer = new StateRecordWriter(toWorker);
    writer.scan({ table: 200, from: bytes(1), to: undefined, rowCountMax: 9, bytesMax: 1000 });
    writer.put(200, bytes(4), bytes(4));
    writer.commit(logIndex(2), false);
    writer.scan({ table: 200, from: bytes(3), to: undefined, rowCountMax: 9, bytesMax: 1000 });
    toWorker.publish();
    while (loop.poll());
    context.sender.publish();
    const answers: unknown[] = [];
    fromWorker.drain((kind, offset) => {
      const isError = kind === STATE_RECORD.UNREAD;
      answers.push(isError ? readUnread(fromWorker.bytes, fromWorker.view, offset).message : kind);
    }, 1000);
    const { ROW, SCANNED, FLUSHED } = STATE_RECORD;
    const message = "state store, table 200 key 02: checksum mismatch";
    assert.deepEqual(answers, [ROW, message, FLUSHED, ROW, ROW, SCANNED]);
    await loop.stop();
  });

  test("a page that finds no room is answered later, before anything after it is done", async () => {
    const { loop, writer, pages, answers, poll } = await start(4096);
    for (let key = 1; key <= 20; key++) writer.put(200, bytes(key), new Uint8Array(400));
    writer.commit(logIndex(1), false);
    poll();
    assert.equal(answers().length, 1);
    writer.scan({ table: 200, from: bytes(0), to: undefined, rowCountMax: 21, bytesMax: 1 << 20 });
    const found: unknown[] = [];
    for (let round = 0; found.length === 0 && round < 20; round++) {
      poll();
      found.push(...pages());
    }
    assert.deepEqual(found, [[Array.from({ length: 20 }, (_, i) => 1 + i), true]]);
    await loop.stop();
  });

  test("a durable flush survives a loss of power with all before it, others may not", async () => {
    const outcomes = new Set<number>();
    for (let seed = 1; seed <= 40; seed++) {
      const { disk, path, writer, answers, poll } = await start();
      for (const [index, durable] of [
        [1, false],
        [2, true],
        [3, false],
      ] as const) {
        writer.put(1, bytes(), bytes(index));
        writer.put(2, bytes(index), bytes(index));
        writer.commit(logIndex(index), durable);
        poll();
        assert.equal(answers()[0]?.durable, durable);
      }
      disk.crash(new SeededRandom(seed));
      const rows = await rowsOf(disk, path);
      const applied = rows[0]?.[2][0] ?? 0;
      assert.ok(applied >= 2, `seed ${seed}`);
      assert.equal(rows.length, 1 + applied, `seed ${seed}: the flush at ${applied} is not whole`);
      outcomes.add(applied);
    }
    assert.deepEqual([...outcomes].sort(), [2, 3]);
  });

  test("drops a flush that got no commit when it is stopped", async () => {
    const { disk, path, loop, writer, poll } = await start();
    writer.put(2, bytes(1), bytes(1));
    poll();
    await loop.stop();
    assert.deepEqual(await rowsOf(disk, path), []);
  });

  test("refuses a store of another SCM", async () => {
    const { disk, path, data, loop } = await start();
    await loop.stop();
    const identity = { ...data.identity, clusterId: "CID-other" };
    const other = new StateWriter(workerHarness({ path, identity }).context, disk, new ManualClock());
    await assert.rejects(other.start(), { code: "STORAGE_IDS_DIFFER" });
  });

  test("a row with a flipped bit is not handed out", async () => {
    const { disk, path, loop, writer, poll } = await start();
    writer.put(2, bytes(7, 8), bytes(1, 2, 3));
    writer.commit(logIndex(1), true);
    poll();
    await loop.stop();
    disk.damageValue(path, "rows", bytes(2, 7, 8), (value) => {
      value[1]! ^= 4;
    });
    await assert.rejects(rowsOf(disk, path), {
      code: "STATE_CORRUPT",
      message: "state store, table 2 key 0708: checksum mismatch",
    });
  });
});
