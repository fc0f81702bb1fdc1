import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { storageDirectories } from "../../../../engine/storage/directories.js";
import { initialize } from "../../../../engine/storage/initialize.js";
import { logKey } from "../../../../engine/storage/log-format.js";
import { verify } from "../../../../engine/storage/verify.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import { initialized, ManualClock, NO_STEP } from "../../../support/storage/log-fixture.js";
import { MemoryState } from "../../../support/storage/memory-state.js";
import { SmallScm, statePathOf } from "../../../support/storage/small-scm.js";

async function used(values = ["one", "two", "three"]) {
  const disk = new SimDisk();
  const directories = await initialized(disk, "/data");
  const scm = await SmallScm.start(disk, directories, new ManualClock());
  values.forEach((value, i) => {
    scm.set(i + 1, value);
    if (i === 1) scm.flush(false);
  });
  await scm.stop();
  const run = () => verify(disk, directories, new MemoryState(), NO_STEP);
  return { disk, directories, run };
}

function flip(value: Uint8Array): void {
  value[0]! ^= 1;
}

describe("strata verify", () => {
  test("finds nothing in a sound SCM and tells what it holds", async () => {
    const { run } = await used();
    const report = await run();
    assert.deepEqual(report.findings, []);
    const { clusterId, scmId, ...summary } = report.summary!;
    assert.match(clusterId, /^CID-/);
    assert.equal(scmId.length, 36);
    assert.deepEqual(summary, {
      term: 1,
      firstIndex: 1,
      lastIndex: 3,
      lastTerm: 1,
      appliedIndex: 2,
      tailEntryCount: 1,
      rowCount: 3,
      stateHash: "0000000000000002",
    });
  });

  test("names every damage at once, with the way on", async () => {
    const { disk, directories, run } = await used();
    disk.writeFile(directories.versionFile, new Uint8Array(0));
    disk.damageValue(directories.raft, "log", logKey(1, 2), flip);
    for (const row of [1, 2]) {
      disk.damageValue(statePathOf(directories), "rows", Uint8Array.of(2, row), flip);
    }
    const { findings, summary } = await run();
    assert.equal(summary, undefined);
    assert.deepEqual(
      findings.map(({ what }) => what),
      [
        `VERSION_FILE_CORRUPT: ${directories.versionFile}: nodeType is missing`,
        "LOG_CORRUPT: Raft log, entry 2: checksum mismatch",
        "STATE_CORRUPT: state store, table 2 key 01: checksum mismatch",
        "STATE_CORRUPT: state store, table 2 key 02: checksum mismatch",
      ],
    );
    assert.match(findings[0]!.nextStep, /--init/);
    assert.match(findings[1]!.nextStep, /joins again as a new SCM/);
  });

  test("finds missing stores without making new ones", async () => {
    const { disk, directories, run } = await used();
    disk.removeDirectory(directories.raft);
    disk.removeDirectory(directories.state);
    const { findings } = await run();
    assert.deepEqual(
      findings.map(({ where }) => where),
      [directories.raft, statePathOf(directories)],
    );
    assert.deepEqual(disk.list(directories.root), ["current", "in_use.lock"]);
  });

  test("finds acknowledged entries gone, and broken invariants", async () => {
    const lost = await used();
    lost.disk.loseBatches(lost.directories.raft, 1);
    assert.match((await lost.run()).findings[0]!.what, /^LOG_BEHIND_WATERMARK/);
    const broken = await used(["bad", "two", "three"]);
    assert.match((await broken.run()).findings[0]!.what, /^INVARIANT_BROKEN/);
  });

  test("warns of a watermark with one damaged slot", async () => {
    const { disk, directories, run } = await used();
    const path = `${directories.raft}/durable.mark`;
    const bytes = disk.readFile(path)!;
    flip(bytes);
    disk.writeFile(path, bytes);
    const { findings, summary } = await run();
    assert.deepEqual(
      findings.map(({ severity, where }) => [severity, where]),
      [["warning", path]],
    );
    assert.equal(summary?.lastIndex, 3);
  });

  test("the way on for a lost VERSION works", async () => {
    const { disk, directories, run } = await used();
    const before = (await run()).summary;
    disk.removeDirectory(directories.current);
    const { findings } = await run();
    assert.match(findings[0]!.nextStep, /--init/);
    await initialize(disk, directories, { clock: new ManualClock(), random: new SeededRandom(9) });
    assert.deepEqual((await run()).summary, before);
  });

  test("refuses while an SCM runs, and where nothing is", async () => {
    const { disk, directories, run } = await used();
    await disk.lock(directories.lock);
    await assert.rejects(run(), { code: "STORAGE_LOCKED" });
    const nothing = storageDirectories({ metadataDir: "/nothing" });
    await assert.rejects(verify(disk, nothing, new MemoryState(), NO_STEP), {
      code: "STORAGE_NOT_INITIALIZED",
    });
    assert.deepEqual(disk.list("/nothing"), []);
  });
});
