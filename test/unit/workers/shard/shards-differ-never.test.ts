import { test } from "node:test";
import { ShardHistory, shardOptionsOf } from "../../../support/workers/shard-history.js";

const ROUNDS = 60;
/** Of every kind: late, at the limit of unknown ids, and neither. */
const fixedSeeds = [1, 2, 3, 5];
const randomSeed = Math.floor(Math.random() * 2 ** 31);

for (const seed of [...fixedSeeds, randomSeed]) {
  test(`1 to 5 shards hold and decide what a model does, whatever is reported (seed ${seed})`, async () => {
    await new ShardHistory(shardOptionsOf(seed, ROUNDS)).run();
  });
}
