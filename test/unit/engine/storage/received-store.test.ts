import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { parseUuid, type Uuid } from "../../../../engine/core/uuid.js";
import { nodeId } from "../../../../engine/raft/types.js";
import { ReceivedStore } from "../../../../engine/storage/received-store.js";
import type { StorageIdentity } from "../../../../engine/storage/recovered.js";
import { chunkCrc, visitChunk } from "../../../../engine/storage/snapshot-chunk.js";
import type { StateReader } from "../../../../engine/storage/state-reader.js";
import { StateStore } from "../../../../engine/storage/state-store.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";

const PATH = "/state/snapshot-9";
const ROWS = 300;

function identityOf(number: number): StorageIdentity {
  const scmId = parseUuid(`00000000-0000-4000-8000-00000000000${number}`) as Uuid;
  return { clusterId: "CID-1", scmId, nodeId: nodeId(number) };
}

interface Chunk {
  readonly number: number;
  readonly rowCount: number;
  readonly crc: number;
  readonly rows: Uint8Array;
}

/** A store with rows of many sizes in three tables, one of them disk-resident. */
async function source(): Promise<StateStore> {
  const disk = new SimDisk();
  const made = await ReceivedStore.create(disk, "/state/base", identityOf(1));
  const store = new StateStore(made.store);
  const random = new SeededRandom(5);
  for (let i = 0; i < ROWS; i++) {
    const key = Uint8Array.of(i < 1 ? 1 : i < 200 ? 2 : 130, i >> 8, i & 0xff, ...(i % 3 === 0 ? [] : [7]));
    const size = i === 150 ? 5000 : random.below(200);
    const row = new Uint8Array(key.length + size + 4).fill(i);
    row.set(key);
    const view = new DataView(row.buffer);
    store.put(row, view, { keyStart: 0, valueStart: key.length, valueEnd: key.length + size });
  }
  store.commit(true);
  return store;
}

/** All chunks behind a row. */
function readAll(reader: StateReader, from: { after: Uint8Array; total: number }, bytesMax: number) {
  const chunks: Chunk[] = [];
  let { after, total } = from;
  for (;;) {
    const chunk = reader.read({ after, total, bytesMax });
    const { rowCount, crc, isLast } = chunk;
    chunks.push({ number: chunks.length + 1, rowCount, crc, rows: chunk.rows.slice() });
    after = chunk.lastKey;
    total = chunk.total;
    if (isLast) break;
  }
  return { chunks, total, rowCount: chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0) };
}

const BEGINNING = { after: new Uint8Array(0), total: 0 };

async function receive(disk = new SimDisk()): Promise<ReceivedStore> {
  return await ReceivedStore.create(disk, PATH, identityOf(2));
}

describe("a state that is read in chunks", () => {
  test("is the same however it is cut, and from wherever it goes on", async () => {
    const reader = (await source()).openReader("all");
    const whole = readAll(reader, BEGINNING, 1_000_000);
    assert.equal(whole.chunks.length, 1);
    assert.equal(whole.rowCount, ROWS);
    for (const bytesMax of [1, 100, 1000, 4096]) {
      const cut = readAll(reader, BEGINNING, bytesMax);
      assert.equal(cut.total, whole.total);
      assert.equal(cut.rowCount, ROWS);
      for (const { rows, rowCount } of cut.chunks) assert.ok(rows.length <= bytesMax || rowCount === 1);
      assert.deepEqual(Buffer.concat(cut.chunks.map(({ rows }) => rows)), Buffer.from(whole.chunks[0]!.rows));
    }
    // Another reader of the same state, at another place.
    const first = reader.read({ ...BEGINNING, bytesMax: 3000 });
    const place = { after: first.lastKey.slice(), total: first.total };
    const firstCount = first.rowCount;
    readAll(reader, BEGINNING, 700);
    const rest = readAll(reader, place, 900);
    assert.equal(rest.total, whole.total);
    assert.equal(rest.rowCount + firstCount, ROWS);
  });

  test("leaves disk-resident tables out when it is to, and finds a single row", async () => {
    const store = await source();
    assert.equal(readAll(store.openReader("memory"), BEGINNING, 4096).rowCount, 200);
    const reader = store.openReader("all");
    assert.deepEqual(reader.value(Uint8Array.of(1)), undefined);
    assert.ok(reader.value(Uint8Array.of(1, 0, 0)) !== undefined);
    assert.equal(readAll(reader, BEGINNING, 4096).rowCount, ROWS);
  });
});

describe("a store that is received", () => {
  test("holds what was sent, for its own SCM, after a crash, too", async () => {
    const reader = (await source()).openReader("all");
    const { chunks, total, rowCount } = readAll(reader, BEGINNING, 2000);
    const disk = new SimDisk();
    const received = await receive(disk);
    for (const chunk of chunks) received.write(chunk);
    received.finish({ rowCount, total });
    disk.crash(new SeededRandom(1));
    const opened = await StateStore.open(disk, PATH, identityOf(2));
    const copy = readAll(opened.openReader("all"), BEGINNING, 2000);
    assert.equal(copy.total, total);
    await opened.close();
    await assert.rejects(StateStore.open(disk, PATH, identityOf(1)), { code: "STORAGE_IDS_DIFFER" });
  });

  test("is begun anew, whatever lay there", async () => {
    const reader = (await source()).openReader("all");
    const { chunks } = readAll(reader, BEGINNING, 2000);
    const disk = new SimDisk();
    const first = await receive(disk);
    first.write(chunks[0] as Chunk);
    await first.close();
    const second = await receive(disk);
    second.finish({ rowCount: 0, total: 0 });
    assert.equal(readAll(second.openReader("all"), BEGINNING, 2000).rowCount, 0);
    await second.discard();
    assert.deepEqual(disk.list("/state"), []);
  });

  const wrongs: readonly [string, (chunk: Chunk) => Chunk][] = [
    ["a chunk out of order", (chunk) => ({ ...chunk, number: 3 })],
    [
      "a flipped bit",
      (chunk) => ({ ...chunk, rows: chunk.rows.map((byte, i) => (i === 40 ? byte ^ 4 : byte)) }),
    ],
    ["another count of rows", (chunk) => ({ ...chunk, rowCount: chunk.rowCount + 1 })],
    ["a row that is cut off", (chunk) => resealed({ ...chunk, rows: chunk.rows.slice(0, -1) })],
    [
      "a row whose own checksum is wrong",
      (chunk) => resealed({ ...chunk, rows: withLastByteFlipped(chunk.rows) }),
    ],
    ["keys that do not ascend", (chunk) => resealed({ ...chunk, rows: doubled(chunk.rows) })],
  ];
  for (const [name, change] of wrongs) {
    test(`refuses ${name}`, async () => {
      const reader = (await source()).openReader("all");
      const { chunks } = readAll(reader, BEGINNING, 2000);
      const received = await receive();
      received.write(chunks[0] as Chunk);
      assert.throws(() => received.write(change(chunks[1] as Chunk)), { code: "SNAPSHOT_INVALID" });
    });
  }

  test("refuses an end that does not fit what has come", async () => {
    const reader = (await source()).openReader("all");
    const { chunks, total, rowCount } = readAll(reader, BEGINNING, 2000);
    const received = await receive();
    for (const chunk of chunks.slice(0, -1)) received.write(chunk);
    assert.throws(() => received.finish({ rowCount, total }), { code: "SNAPSHOT_INVALID" });
    received.write(chunks.at(-1) as Chunk);
    assert.throws(() => received.finish({ rowCount, total: total ^ 1 }), { code: "SNAPSHOT_INVALID" });
    received.finish({ rowCount, total });
  });
});

function resealed(chunk: Chunk): Chunk {
  return { ...chunk, crc: chunkCrc(chunk.rows) };
}

function withLastByteFlipped(rows: Uint8Array): Uint8Array {
  const changed = rows.slice();
  changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
  return changed;
}

/** The rows twice. */
function doubled(rows: Uint8Array): Uint8Array {
  assert.ok(visitChunk(rows, () => {}) > 0);
  return Uint8Array.from([...rows, ...rows]);
}
