import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { emptyCluster } from "../../../bench/harness/cluster.js";
import { recoveredNew } from "../../../bench/harness/storage.js";
import { FlushTurns } from "../../../bench/micro/flush-turns.js";
import { runFlushes } from "../../../bench/scenarios/flush.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { STATE_STORE_OPTIONS, StateScan } from "../../../engine/storage/state-store.js";
import { scmWorkerPool } from "../../../workers/pool/roles.js";

const CONTAINERS = 5000;
const PAGES = 40;
const FLUSHES = 3;

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
});
after(() => rmSync(directory, { recursive: true }));

test("what the flush bench has flushed is the state as it was frozen", async () => {
  const disk = new NodeDisk();
  const cluster = emptyCluster();
  const { recovered } = await recoveredNew(disk, join(directory, "turns"), cluster);
  const pool = scmWorkerPool({ scheduler: new NodeScheduler(), shardCount: 1 });
  let hash = "";
  try {
    const turns = await FlushTurns.start(pool, recovered, cluster, CONTAINERS);
    const busy = await turns.run(FLUSHES, PAGES, true);
    assert.ok(busy.appliedIds > 0, "nothing was applied during the flushes");
    const quiet = await turns.run(FLUSHES, PAGES, false);
    // Each with the row of the meta table, and with what was noted in the history.
    for (const { rows } of [busy, quiet]) assert.ok(rows > FLUSHES * (PAGES + 1));
    hash = cluster.hash();
    await turns.stop();
  } finally {
    await pool.destroy();
  }
  const store = await disk.openStore(recovered.statePath, STATE_STORE_OPTIONS);
  const loaded = emptyCluster();
  const scan = new StateScan(store, "memory");
  while (scan.step(1024, (table, key, value) => loaded.load(table, key, value)) > 0);
  scan.close();
  await store.close();
  loaded.loaded(recovered.confState);
  assert.equal(loaded.hash(), hash);
});

test("the flush bench answers its figures", async () => {
  const sizes = { containerCount: CONTAINERS, pageCount: PAGES, largePageCount: 2 * PAGES, flushCount: 2 };
  const figures = await runFlushes({ print: () => undefined, directory: join(directory, "run") }, sizes);
  for (const { name, value } of figures) {
    // What is left of a short turn when the time in which main waited for a core is taken out may be nothing.
    const isWhole = Number.isFinite(value) && (value > 0 || (value === 0 && name.includes(".held.")));
    assert.ok(isWhole, `${name} is ${value}`);
  }
});
