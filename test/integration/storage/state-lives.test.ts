import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { SeededRandom } from "../../../engine/core/random.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { liveAsCluster } from "../../support/cluster/cluster-lives.js";
import { liveWithTable } from "../../support/cluster/table-lives.js";

/** What `test/simulation/state-store.test.ts` does on a simulated disk, on RocksDB. */
const SEEDS = [1, 2];
const TURNS = 150;

const root = mkdtempSync(join(tmpdir(), "strata-state-"));
after(() => rmSync(root, { recursive: true, force: true }));

for (const seed of SEEDS) {
  test(`the state survives restarts on RocksDB as in a naive model, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const store = {
      disk: new NodeDisk(),
      path: join(root, `cluster-${seed}`),
      random: random.stream("lives"),
    };
    const { crashes } = await liveAsCluster(store, TURNS, random.stream("cluster"));
    assert.ok(crashes > 0);
  });

  test(`scans of RocksDB show the rows of one index, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const store = { disk: new NodeDisk(), path: join(root, `table-${seed}`), random: random.stream("lives") };
    const { pages } = await liveWithTable(store, TURNS, random.stream("table"));
    assert.ok(pages > 50);
  });
}
