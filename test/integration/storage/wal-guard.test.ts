import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { StoreOptions } from "../../../engine/core/disk.js";
import { type DiskNotice, NodeDisk } from "../../../engine/storage/node-disk.js";
import { CUT_FILE } from "../../../engine/storage/wal-guard.js";
import { WalBuilder } from "../../support/storage/wal-builder.js";

/** Types that make RocksDB 9.7 read the same place again and again (stack-limits.md §6). */
const LOOPING_TYPES = [5, 6, 7, 8, 11];
const ROWS = 30;
const OPTIONS: StoreOptions = { kind: "log", columns: ["a"], memtableBytes: 1024 * 1024 };

let root: string;
/** A store that nobody closed. */
let original: string;

before(async () => {
  root = mkdtempSync(join(tmpdir(), "strata-wal-"));
  const live = join(root, "live");
  original = join(root, "original");
  const store = await new NodeDisk().createStore(live, OPTIONS);
  const batch = store.batch();
  for (let i = 1; i <= ROWS; i++) {
    batch.put("a", Uint8Array.of(i), new Uint8Array(i * 30).fill(i));
    batch.write({ sync: true });
  }
  cpSync(live, original, { recursive: true });
  await store.close();
});
after(() => rmSync(root, { recursive: true }));

/** A copy of the store, and its newest log file. */
function copy(): { readonly path: string; readonly log: string; readonly manifest: string } {
  const path = mkdtempSync(join(root, "copy-"));
  cpSync(original, path, { recursive: true });
  const names = readdirSync(path);
  const log = names
    .filter((name) => name.endsWith(".log"))
    .sort()
    .at(-1)!;
  const manifest = names.find((name) => name.startsWith("MANIFEST"))!;
  return { path, log: join(path, log), manifest: join(path, manifest) };
}

async function rowCount(path: string, options = OPTIONS): Promise<{ rows: number; notices: DiskNotice[] }> {
  const notices: DiskNotice[] = [];
  const store = await new NodeDisk((notice) => notices.push(notice)).openStore(path, options);
  const cursor = store.scan("a", { from: Uint8Array.of(0), to: Uint8Array.of(255) });
  const rows = cursor.next(1000, () => {});
  cursor.close();
  await store.close();
  return { rows, notices };
}

function garbage(type: number): Buffer {
  return Buffer.alloc(100, 0x5a).fill(type, 6, 7);
}

describe("garbage that RocksDB would read for ever", () => {
  for (const type of LOOPING_TYPES) {
    test(`after the end of a write-ahead log is cut off and kept, type ${type}`, async () => {
      const { path, log } = copy();
      const whole = readFileSync(log);
      appendFileSync(log, garbage(type));
      const { rows, notices } = await rowCount(path);
      assert.equal(rows, ROWS);
      assert.equal(notices.length, 1);
      const [notice] = notices;
      assert.ok(notice?.kind === "cut");
      assert.deepEqual(
        [notice.finding.kind, notice.finding.offset, notice.finding.bytes],
        ["garbage", whole.length, 100],
      );
      assert.deepEqual(readFileSync(join(path, CUT_FILE)), garbage(type));
    });

    test(`after the end of a MANIFEST is cut off, type ${type}`, async () => {
      const { path, manifest } = copy();
      appendFileSync(manifest, garbage(type));
      assert.equal((await rowCount(path)).rows, ROWS);
    });
  }

  test("after both is kept of both", async () => {
    const { path, log, manifest } = copy();
    appendFileSync(log, garbage(5));
    appendFileSync(manifest, garbage(11));
    const { rows, notices } = await rowCount(path);
    assert.equal(rows, ROWS);
    assert.equal(notices.length, 2);
    assert.deepEqual(readFileSync(join(path, CUT_FILE)), Buffer.concat([garbage(11), garbage(5)]));
  });

  test("in a flipped type of a record within is refused, and nothing is changed", async () => {
    for (const file of ["log", "manifest"] as const) {
      const fixture = copy();
      const bytes = readFileSync(fixture[file]);
      // The second record: the first one may name the type of the file.
      const second = 7 + bytes.readUInt16LE(4);
      bytes[second + 6]! ^= 4;
      writeFileSync(fixture[file], bytes);
      const names = readdirSync(fixture.path);
      await assert.rejects(rowCount(fixture.path), {
        code: "LOG_CORRUPT",
        message: /damaged|wrong|no intact/,
      });
      assert.deepEqual(readdirSync(fixture.path), names);
      assert.deepEqual(readFileSync(fixture[file]), bytes);
    }
  });

  test("in a store that need not be whole ends it there", async () => {
    const { path, log } = copy();
    const bytes = readFileSync(log);
    let at = 0;
    for (let i = 0; i < 10; i++) at += 7 + bytes.readUInt16LE(at + 4);
    bytes[at + 6]! ^= 4;
    writeFileSync(log, bytes);
    const { rows } = await rowCount(path, { ...OPTIONS, kind: "state" });
    assert.ok(rows >= 5 && rows < 12, `${rows} rows`);
    assert.deepEqual(readFileSync(join(path, CUT_FILE)), bytes.subarray(at));
  });
});

test("a log that does not go on from where an older one was cut off is not taken", async () => {
  const rows: number[] = [];
  for (const hasNext of [false, true]) {
    const { path, log } = copy();
    const bytes = readFileSync(log);
    const starts = [0];
    // No record of this store crosses the end of a block.
    for (let at = 0; at < bytes.length; starts.push(at)) at += 7 + bytes.readUInt16LE(at + 4);
    const last = bytes.subarray(starts.at(-2)! + 7);
    const next = new WalBuilder().batch(Number(last.readBigUInt64LE()) + 1, 1, last.subarray(12));
    const nextNumber = String(Number.parseInt(basename(log), 10) + 1).padStart(6, "0");
    if (hasNext) writeFileSync(join(path, `${nextNumber}.log`), next.bytes);
    bytes[starts[10]! + 50]! ^= 1;
    writeFileSync(log, bytes);
    rows.push((await rowCount(path, { ...OPTIONS, kind: "state" })).rows);
  }
  assert.ok(rows[0]! > 0 && rows[0]! < ROWS, `${rows[0]} rows`);
  assert.equal(rows[1], rows[0]);
});

test("a store that lost its CURRENT is refused, since RocksDB would begin a new one", async () => {
  const { path } = copy();
  rmSync(join(path, "CURRENT"));
  const names = readdirSync(path);
  await assert.rejects(rowCount(path), { code: "STORAGE_OPEN", message: /CURRENT/ });
  assert.deepEqual(readdirSync(path), names);
});
