import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../engine/core/random.js";
import { liveAsCluster } from "../support/cluster/cluster-lives.js";
import { liveWithTable } from "../support/cluster/table-lives.js";
import { SimDisk } from "../support/simulation/sim-disk.js";

/** One seed again: `--test-name-pattern "seed 7$"`. */
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);
/** A whole cluster's state takes ten times as long as one table. */
const CLUSTER_SEEDS = SEEDS.slice(0, 6);
const TURNS = 400;

function lossyDisk(random: SeededRandom) {
  const disk = new SimDisk();
  return { disk, path: "/state", random: random.stream("lives"), crash: () => disk.crash(random) };
}

for (const seed of CLUSTER_SEEDS) {
  test(`the state survives crashes as in a naive model, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const counters = await liveAsCluster(lossyDisk(random), TURNS, random.stream("cluster"));
    assert.ok(
      counters.flushes > 10 && counters.durable > 0 && counters.crashes > 5,
      JSON.stringify(counters),
    );
    assert.ok(counters.replayed > 0 && counters.truncations > 0, JSON.stringify(counters));
  });
}

for (const seed of SEEDS) {
  test(`scans show the rows of one index, over flushes and crashes, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const counters = await liveWithTable(lossyDisk(random), TURNS, random.stream("table"));
    assert.ok(counters.flushes > 10 && counters.pages > 100 && counters.rows > 500, JSON.stringify(counters));
  });
}
