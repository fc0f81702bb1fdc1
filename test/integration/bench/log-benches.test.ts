import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { emptyCluster } from "../../../bench/harness/cluster.js";
import type { Figure } from "../../../bench/harness/figure.js";
import { leaveCrashedScm } from "../../../bench/load/crashed-scm.js";
import { runAppends } from "../../../bench/scenarios/append.js";
import { restartSeconds } from "../../../bench/scenarios/restart.js";
import { storageDirectories } from "../../../engine/storage/directories.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import type { RecoveryStep } from "../../../engine/storage/recovered.js";
import { recover } from "../../../engine/storage/recovery.js";

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
});
after(() => rmSync(directory, { recursive: true }));

const print = (): void => {};

function allPositive(figures: readonly Figure[]): void {
  assert.ok(figures.length > 0);
  for (const { name, value } of figures)
    assert.ok(Number.isFinite(value) && value > 0, `${name} is ${value}`);
}

test("the append bench measures appends that the log thread made durable", async () => {
  const sizes = { seconds: 0.2, clientCount: 16, otherClientCounts: [4] };
  allPositive(await runAppends({ print, directory: join(directory, "appends") }, sizes));
});

test("a crashed SCM leaves the log and the share to replay that were asked for", async () => {
  const metadataDir = join(directory, "crashed");
  const sizes = { entryCount: 500, entriesPerBlob: 8, replayCount: 100, containerCount: 300 };
  await leaveCrashedScm({ directory: metadataDir, ...sizes });
  const steps = new Map<string, RecoveryStep>();
  const cluster = emptyCluster();
  const found = await recover(new NodeDisk(), storageDirectories({ metadataDir }), cluster, (step) => {
    steps.set(step.name, step);
  });
  assert.equal(found.last.index, sizes.entryCount);
  assert.equal(found.log.blobFirstIndexes.length, Math.ceil(sizes.entryCount / sizes.entriesPerBlob));
  assert.equal(cluster.containers.table.count, sizes.containerCount);
  // The last batch is not known to be committed.
  const lastBatch = sizes.entryCount % sizes.entriesPerBlob;
  assert.equal(found.tail.length, lastBatch);
  assert.equal(steps.get("replay")?.count, sizes.replayCount - lastBatch);
});

test("the restart bench starts an SCM on what a killed one left", async () => {
  const sizes = { entryCount: 200, replayCount: 50, containerCount: 90 };
  assert.ok((await restartSeconds({ print, directory: join(directory, "restart") }, sizes, 4)) > 0);
});
