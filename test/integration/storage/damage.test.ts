import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { DISK_TABLE_MIN } from "../../../engine/core/disk-tables.js";
import { SeededRandom } from "../../../engine/core/random.js";
import { NodeClock } from "../../../engine/host/node-clock.js";
import {
  COPY_DIRECTORY,
  type StorageDirectories,
  storageDirectories,
} from "../../../engine/storage/directories.js";
import { MARK_FILE } from "../../../engine/storage/durable-mark.js";
import { initialize } from "../../../engine/storage/initialize.js";
import { LOG_FORMAT_VERSION, META_COLUMN } from "../../../engine/storage/log-format.js";
import { LOG_STORE_OPTIONS, META_KEY } from "../../../engine/storage/log-meta.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { recover } from "../../../engine/storage/recovery.js";
import { seal } from "../../../engine/storage/sealed-row.js";
import { STATE_STORE_OPTIONS } from "../../../engine/storage/state-store.js";
import { verify } from "../../../engine/storage/verify.js";
import { initialized, ManualClock, NO_STEP } from "../../support/storage/log-fixture.js";
import { MemoryState } from "../../support/storage/memory-state.js";
import { SmallScm, statePathOf } from "../../support/storage/small-scm.js";

const ROWS = 40;

const disk = new NodeDisk();
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "strata-damage-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** What a killed SCM leaves: `ROWS` entries, the watermark at `markedAt`, half of them flushed. Its files are
 * copied while it runs; nothing of them is cached by the process. */
async function killed(markedAt: number): Promise<StorageDirectories> {
  const directories = await initialized(disk, join(root, "live"));
  const clock = new ManualClock();
  const scm = await SmallScm.start(disk, directories, clock);
  for (let i = 1; i <= ROWS; i++) {
    scm.set(i, `value ${i} `.repeat(20));
    if (i === ROWS / 2) scm.flush(false);
    if (i !== markedAt) continue;
    clock.nowMs += 1000;
    scm.log.markWhenDue();
  }
  cpSync(join(root, "live"), join(root, "copy"), { recursive: true });
  await scm.stop();
  return storageDirectories({ metadataDir: join(root, "copy") });
}

/** The same after an orderly stop and a start, which moves everything out of RocksDB's write-ahead log. */
async function settled(): Promise<StorageDirectories> {
  await killed(ROWS);
  const directories = storageDirectories({ metadataDir: join(root, "live") });
  await (await SmallScm.start(disk, directories, new NodeClock())).stop();
  return directories;
}

/** Files of a store that end in `suffix`, those with data, the largest last. */
function filesOf(path: string, suffix: string): string[] {
  const files = readdirSync(path).filter((name) => name.endsWith(suffix));
  const sizes = files.map((name) => ({
    name: join(path, name),
    size: readFileSync(join(path, name)).length,
  }));
  return sizes
    .filter(({ size }) => size > 0)
    .sort((a, b) => a.size - b.size)
    .map(({ name }) => name);
}

/** Inverts a byte at a place that is a fraction of the file. */
function flipByte(file: string, fraction: number): void {
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length * fraction);
  bytes[at]! ^= 0xff;
  writeFileSync(file, bytes);
}

async function recoverNow(directories: StorageDirectories): Promise<{ last: number; rows: number }> {
  const state = new MemoryState();
  const found = await recover(disk, directories, state, NO_STEP);
  for (const { index, term, payload } of found.tail) state.apply(index, term, payload);
  return { last: found.last.index, rows: state.rows.size };
}

describe("a damaged write-ahead log of the Raft log", () => {
  test("without damage, a copy of a running SCM's files has everything", async () => {
    assert.deepEqual(await recoverNow(await killed(ROWS)), { last: ROWS, rows: ROWS });
  });

  test("cut off in its last record is found by the watermark, which follows each of them", async () => {
    const directories = await killed(1);
    const log = filesOf(directories.raft, ".log").at(-1)!;
    truncateSync(log, readFileSync(log).length - 5);
    await assert.rejects(recoverNow(directories), { code: "LOG_BEHIND_WATERMARK" });
  });

  test("cut off in its last record by a loss of power loses that one, which nobody was told of", async () => {
    const directories = await killed(ROWS - 1);
    const log = filesOf(directories.raft, ".log").at(-1)!;
    truncateSync(log, readFileSync(log).length - 5);
    // The slot that is not synced had not reached the disk.
    const mark = join(directories.raft, MARK_FILE);
    writeFileSync(mark, readFileSync(mark).fill(0, 4096));
    assert.deepEqual(await recoverNow(directories), { last: ROWS - 1, rows: ROWS - 1 });
  });

  test("flipped in its middle is found before RocksDB ends the log there without a word", async () => {
    const directories = await killed(1);
    const log = filesOf(directories.raft, ".log").at(-1)!;
    flipByte(log, 0.5);
    const damaged = readFileSync(log);
    for (let i = 0; i < 2; i++) {
      await assert.rejects(recoverNow(directories), {
        code: "LOG_CORRUPT",
        message: /\.log: .* at byte \d+/,
      });
      assert.deepEqual(readFileSync(log), damaged);
    }
    const { findings } = await verify(disk, directories, new MemoryState(), NO_STEP);
    assert.match(findings[0]!.what, /^LOG_CORRUPT/);
  });

  test("deleted is found, too", async () => {
    const directories = await killed(ROWS);
    for (const file of filesOf(directories.raft, ".log")) rmSync(file);
    await assert.rejects(recoverNow(directories), { class: "CorruptionError" });
  });
});

describe("a damaged write-ahead log of the state", () => {
  test("is made good from the Raft log", async () => {
    const directories = await killed(ROWS);
    for (const file of filesOf(statePathOf(directories), ".log")) truncateSync(file, 200);
    assert.deepEqual(await recoverNow(directories), { last: ROWS, rows: ROWS });
  });
});

describe("damaged tables", () => {
  test("of the Raft log are refused with LOG_CORRUPT", async () => {
    const directories = await settled();
    flipByte(filesOf(directories.raft, ".sst").at(-1)!, 0.3);
    await assert.rejects(recoverNow(directories), { code: "LOG_CORRUPT" });
  });

  test("of the state are refused with STATE_CORRUPT", async () => {
    const directories = await settled();
    flipByte(filesOf(statePathOf(directories), ".sst").at(-1)!, 0.3);
    await assert.rejects(recoverNow(directories), { code: "STATE_CORRUPT" });
    const { findings } = await verify(disk, directories, new MemoryState(), NO_STEP);
    assert.match(findings[0]!.what, /^STATE_CORRUPT/);
  });

  test("that are missing are refused", async () => {
    const directories = await settled();
    for (const file of filesOf(directories.raft, ".sst")) rmSync(file);
    await assert.rejects(recoverNow(directories), { code: /LOG_CORRUPT|STORAGE_OPEN/ });
  });
});

/** Every file with its content, but for the lock, which is a store of its own. */
function contentOf(directories: StorageDirectories): Map<string, string> {
  const content = new Map<string, string>();
  for (const entry of readdirSync(directories.root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (path.startsWith(directories.lock)) continue;
    content.set(path, entry.isFile() ? readFileSync(path, "latin1") : "");
  }
  return content;
}

describe("strata verify", () => {
  const verifyNow = (directories: StorageDirectories) =>
    verify(disk, directories, new MemoryState(), NO_STEP);
  const newestLog = (path: string) => filesOf(path, ".log").at(-1)!;

  test("changes nothing, whatever it finds, and says what a start will do", async () => {
    const cases: Record<string, [(directories: StorageDirectories) => void, RegExp | undefined]> = {
      nothing: [() => {}, undefined],
      "garbage after the log": [
        ({ raft }) => appendFileSync(newestLog(raft), Buffer.alloc(100, 5)),
        /warning: .*\.log: 100 byte\(s\) from byte \d+ on: these bytes were never a record/,
      ],
      "damaged log": [({ raft }) => flipByte(newestLog(raft), 0.5), /error: .*\.log: LOG_CORRUPT: /],
      "damaged log of the state": [
        (directories) => flipByte(newestLog(statePathOf(directories)), 0.5),
        /warning: .*\.log: \d+ byte\(s\) from byte \d+ on: torn or damaged/,
      ],
      "lost CURRENT": [({ raft }) => rmSync(join(raft, "CURRENT")), /error: .*raft: STORAGE_OPEN: /],
      "lost state": [
        (directories) => rmSync(statePathOf(directories), { recursive: true }),
        /error: .*base: STATE_MISSING: /,
      ],
    };
    for (const [name, [spoil, expected]] of Object.entries(cases)) {
      const directories = await killed(ROWS);
      spoil(directories);
      const before = contentOf(directories);
      const { findings } = await verifyNow(directories);
      assert.deepEqual(contentOf(directories), before, name);
      const lines = findings.map(({ severity, where, what }) => `${severity}: ${where}: ${what}`);
      assert.equal(lines.length, expected === undefined ? 0 : 1, `${name}: ${lines.join("\n")}`);
      if (expected !== undefined) assert.match(lines[0]!, expected, name);
      assert.ok(!lines.join().includes("verify-copy"), lines.join());
      if (findings.some(({ severity }) => severity === "error")) {
        await assert.rejects(recoverNow(directories), { class: /CorruptionError|StorageError/ }, name);
      } else {
        assert.deepEqual(await recoverNow(directories), { last: ROWS, rows: ROWS }, name);
      }
      for (const made of ["live", "copy"]) rmSync(join(root, made), { recursive: true });
    }
  });

  test("reads every table, also what newer rows hide", async () => {
    const directories = await settled();
    for (let i = 0; i < 2; i++) {
      const scm = await SmallScm.start(disk, directories, new NodeClock());
      scm.set(1, "again");
      await scm.stop();
    }
    for (const table of filesOf(directories.raft, ".sst")) {
      const good = readFileSync(table);
      flipByte(table, 0.02);
      const { findings } = await verifyNow(directories);
      assert.ok(
        findings.some(({ what }) => what.startsWith("LOG_CORRUPT")),
        table,
      );
      writeFileSync(table, good);
    }
    assert.deepEqual((await verifyNow(directories)).findings, []);
  });
});

test("a damaged row that no start reads is found by a verification, and a start goes on", async () => {
  const directories = await settled();
  const store = await disk.openStore(statePathOf(directories), STATE_STORE_OPTIONS);
  const batch = store.batch();
  batch.put("rows", Uint8Array.of(DISK_TABLE_MIN, 7), new Uint8Array(20));
  batch.write({ sync: true });
  await store.close();
  const { findings } = await verify(disk, directories, new MemoryState(), NO_STEP);
  assert.equal(findings.length, 1);
  const { severity, what, meaning } = findings[0]!;
  assert.equal(severity, "error");
  assert.match(what, /STATE_CORRUPT.*table 128 key 07/);
  assert.match(meaning, /starts without/);
  assert.deepEqual(await recoverNow(directories), { last: ROWS, rows: ROWS });
});

test("what a killed verification left is gone after a start", async () => {
  const directories = await killed(ROWS);
  const copies = [directories.raft, statePathOf(directories)].map((path) => join(path, COPY_DIRECTORY));
  for (const path of copies) {
    mkdirSync(path);
    writeFileSync(join(path, "000001.sst"), "a second name");
  }
  await recover(disk, directories, new MemoryState(), NO_STEP);
  assert.deepEqual(
    copies.map((path) => existsSync(path)),
    [false, false],
  );
});

test("a VERSION that was renamed where it lay is found as `--init` finds it", async () => {
  const directories = await killed(ROWS);
  renameSync(directories.versionFile, `${directories.versionFile}.bad`);
  const { findings } = await verify(disk, directories, new MemoryState(), NO_STEP);
  assert.equal(findings.length, 1);
  assert.match(findings[0]!.what, /VERSION_FILE_CORRUPT.*VERSION\.bad/);
  // What the next step says.
  rmSync(`${directories.versionFile}.bad`);
  const { isNew } = await initialize(disk, directories, {
    clock: new NodeClock(),
    random: new SeededRandom(1),
  });
  assert.ok(isNew);
  assert.deepEqual((await verify(disk, directories, new MemoryState(), NO_STEP)).findings, []);
});

test("a snapshot takes the place of log and state at once; the next start removes the old ones", async () => {
  const directories = await initialized(disk, join(root, "live"));
  const scm = await SmallScm.start(disk, directories, new ManualClock());
  for (let i = 1; i <= ROWS; i++) scm.set(i, `old ${i}`);
  await scm.install(disk, directories, ROWS + 5, 2);
  cpSync(join(root, "live"), join(root, "copy"), { recursive: true });
  await scm.stop();
  const copied = storageDirectories({ metadataDir: join(root, "copy") });
  const { findings } = await verify(disk, copied, new MemoryState(), NO_STEP);
  assert.deepEqual(
    findings.map(({ severity, where }) => [severity, where]),
    [["warning", statePathOf(copied)]],
  );
  const again = await SmallScm.start(disk, copied, new NodeClock());
  assert.deepEqual(disk.list(copied.state), [`snapshot-${ROWS + 5}`]);
  assert.equal(again.state.appliedIndex, ROWS + 5);
  assert.equal(again.log.last.index, ROWS + 5);
  again.set(1, "after", 2);
  await again.stop();
  assert.deepEqual((await recoverNow(copied)).last, ROWS + 6);
});

describe("a store", () => {
  test("of another format is refused, naming both", async () => {
    const directories = await settled();
    const store = await disk.openStore(directories.raft, LOG_STORE_OPTIONS);
    const batch = store.batch();
    batch.put(
      META_COLUMN,
      META_KEY.IDENTITY,
      seal((writer) => writer.u32(99)),
    );
    batch.write({ sync: true });
    await store.close();
    await assert.rejects(recoverNow(directories), {
      code: "STORAGE_FORMAT",
      details: { path: directories.raft, found: 99, expected: LOG_FORMAT_VERSION },
    });
  });

  test("that is open elsewhere is refused with STORAGE_LOCKED", async () => {
    const directories = await settled();
    const store = await disk.openStore(directories.raft, LOG_STORE_OPTIONS);
    await assert.rejects(recoverNow(directories), { code: "STORAGE_LOCKED" });
    await store.close();
  });

  test("whose files go while they are looked at is refused with STORAGE_LOCKED", async () => {
    const directories = await settled();
    const gone = join(directories.raft, "999999.log");
    symlinkSync(join(root, "gone"), gone);
    await assert.rejects(recoverNow(directories), { code: "STORAGE_LOCKED" });
    rmSync(gone);
  });
});
