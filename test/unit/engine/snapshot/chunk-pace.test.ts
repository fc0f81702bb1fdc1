import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scheduler } from "../../../../engine/core/scheduler.js";
import { ChunkPace } from "../../../../engine/snapshot/chunk-pace.js";
import { SimWorld } from "../../../support/simulation/sim-world.js";

/** Chunks that take no time, on a loop that is `lateMs` late. */
function paced() {
  const { clock, scheduler } = new SimWorld(1);
  const busy = { lateMs: 0 };
  const late: Scheduler = {
    after: (delayMs, task) => scheduler.after(delayMs + busy.lateMs, task),
    every: (intervalMs, task) => scheduler.every(intervalMs, task),
    endOfTurn: (task) => scheduler.endOfTurn(task),
  };
  const pace = new ChunkPace(clock, late);
  let chunkCount = 0;
  const send = (): void => {
    chunkCount++;
    pace.next(send);
  };
  pace.next(send);
  /** How many chunks leave in so many milliseconds. */
  const chunksIn = async (ms: number): Promise<number> => {
    const before = chunkCount;
    const endMs = scheduler.nowMs + ms;
    await scheduler.runUntil("the time is over", () => scheduler.nowMs >= endMs);
    return chunkCount - before;
  };
  return { busy, chunksIn };
}

test("an idle loop sends faster and faster, up to a chunk in a millisecond", async () => {
  const { chunksIn } = paced();
  const first = await chunksIn(1000);
  assert.ok(first >= 31 && first < 50, `${first} chunks in the first second`);
  await chunksIn(10_000);
  assert.equal(await chunksIn(1000), 1000);
});

test("a loop that is always late still sends the least that is promised", async () => {
  const { busy, chunksIn } = paced();
  await chunksIn(10_000);
  busy.lateMs = 20;
  await chunksIn(200);
  const count = await chunksIn(10_000);
  assert.ok(count >= 10_000 / 32 - 1 && count <= 10_000 / 32 + 1, `${count} chunks in ten seconds`);
});

test("each late turn halves the pace, and an idle loop wins it back", async () => {
  const { busy, chunksIn } = paced();
  await chunksIn(10_000);
  busy.lateMs = 5;
  await chunksIn(6);
  busy.lateMs = 0;
  // The next one is under way, and late as well: then there is one in 4 ms.
  await chunksIn(10);
  const count = await chunksIn(20);
  assert.ok(count === 5 || count === 6, `${count} chunks`);
  await chunksIn(1000);
  assert.equal(await chunksIn(20), 20);
});

test("time that was lost is not made up for by a burst", async () => {
  const { busy, chunksIn } = paced();
  await chunksIn(10_000);
  busy.lateMs = 500;
  await chunksIn(501);
  busy.lateMs = 0;
  // The one that was due in between still comes 500 ms late.
  const count = await chunksIn(520);
  assert.ok(count <= 10, `${count} chunks`);
});
