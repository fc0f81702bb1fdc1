import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SeededRandom } from "../../../engine/core/random.js";
import { NodeClock } from "../../../engine/host/node-clock.js";
import type { StorageDirectories } from "../../../engine/storage/directories.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { verify } from "../../../engine/storage/verify.js";
import { initialized, NO_STEP } from "../../support/storage/log-fixture.js";
import { MemoryState } from "../../support/storage/memory-state.js";
import { SmallScm } from "../../support/storage/small-scm.js";

const PROCESS = fileURLToPath(new URL("../../support/storage/small-scm-process.js", import.meta.url));
const KILLS = 6;
const SEED = 7;

let metadataDir: string;
let directories: StorageDirectories;
const disk = new NodeDisk();

before(async () => {
  metadataDir = mkdtempSync(join(tmpdir(), "strata-crash-"));
  directories = await initialized(disk, metadataDir);
});
after(() => rmSync(metadataDir, { recursive: true }));

function start(mode: "lock" | "set"): { readonly child: ChildProcess; readonly lines: string[] } {
  const child = fork(PROCESS, [mode, metadataDir], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => lines.push(line));
  return { child, lines };
}

/** Waits until the process has said `count` lines. */
async function said(child: ChildProcess, lines: readonly string[], count: number): Promise<void> {
  while (lines.length < count) {
    assert.equal(child.exitCode, null, "the process ended by itself");
    await once(child.stdout!, "data");
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}

describe("a process killed with SIGKILL", () => {
  test(`keeps everything it acknowledged (${KILLS} kills, seed ${SEED})`, async () => {
    const random = new SeededRandom(SEED);
    const expected = new Map<number, string>();
    for (let round = 0; round < KILLS; round++) {
      const { child, lines } = start("set");
      await said(child, lines, 20 + random.below(300));
      await kill(child);
      const acknowledged = Number(lines.filter((line) => /^\d+$/.test(line)).at(-1));
      const report = await verify(disk, directories, new MemoryState(), NO_STEP);
      assert.deepEqual(report.findings, []);
      const scm = await SmallScm.start(disk, directories, new NodeClock());
      const last = scm.log.last.index;
      await scm.stop();
      assert.ok(last >= acknowledged, `${acknowledged} was acknowledged, the log ends at ${last}`);
      assert.ok(last <= acknowledged + 1, `${last} was never begun`);
      for (let index = Math.max(1, last - 255); index <= last; index++) {
        expected.set(index % 256, `value ${index} `.repeat(index % 16 === 0 ? 80 : 1));
      }
      assert.deepEqual(scm.state.rows.size, expected.size);
      for (const [row, value] of expected) assert.equal(scm.state.rows.get(row), value);
    }
  });

  test("leaves its lock, which nobody could take while it lived", async () => {
    const { child, lines } = start("lock");
    await said(child, lines, 1);
    assert.deepEqual(lines, ["locked"]);
    await assert.rejects(disk.lock(directories.lock), { code: "STORAGE_LOCKED" });
    await kill(child);
    await (await disk.lock(directories.lock)).release();
  });
});
