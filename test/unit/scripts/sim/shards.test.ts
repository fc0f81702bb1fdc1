import assert from "node:assert/strict";
import { test } from "node:test";
import { playShards, shardLinesOf } from "../../../../scripts/sim/shards.js";

const ROUNDS = 3;

test("a run that goes well is one line, and the same seed goes the same way", async () => {
  const lines = shardLinesOf(await playShards(7, ROUNDS));
  assert.equal(lines.length, 1);
  assert.match(lines[0] as string, /^PASS seed=7 rows=[1-9]\d* decisions=[1-9]\d* /);
  assert.deepEqual(shardLinesOf(await playShards(7, ROUNDS)), lines);
});

test("a run that fails says why, and how to play it again", async () => {
  const { figures } = await playShards(7, ROUNDS);
  const outcome = { seed: 7, rounds: ROUNDS, figures, error: new Error("tables differ") };
  const lines = shardLinesOf(outcome);
  assert.match(lines[0] as string, /tables differ/);
  assert.match(lines[1] as string, /^FAIL seed=7 /);
  assert.equal(lines[2], "replay: npm run sim -- --shards --seed 7 --rounds 3");
});
