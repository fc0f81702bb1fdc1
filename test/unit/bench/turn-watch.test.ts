import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { TurnWatch } from "../../../bench/harness/turn-watch.js";

const skip = process.platform === "linux" ? false : "CPU times of threads are read from /proc";
const HELD_MS = 3;

/** Answers how long it was, which is more when others run. */
function hold(): number {
  const startMs = performance.now();
  while (performance.now() - startMs < HELD_MS);
  return performance.now() - startMs;
}

test("the longest turn is told with all its callbacks, and nothing before or after", { skip }, async () => {
  const watch = new TurnWatch();
  hold();
  watch.begin();
  await nextTurn();
  let heldMs = 0;
  const both = [0, 1].map(() =>
    nextTurn().then(() => {
      heldMs += hold();
    }),
  );
  await Promise.all(both);
  await nextTurn();
  const { count, cpuMs, longest } = watch.end();
  hold();
  assert.ok(count >= 2, `${count} turns`);
  const [first] = longest;
  assert.ok(first !== undefined && first.elapsedMs >= heldMs, `${first?.elapsedMs} of ${heldMs} ms`);
  assert.ok(first.cpuMs > 0 && first.cpuMs <= cpuMs);
  assert.equal(longest.filter(({ elapsedMs }) => elapsedMs >= heldMs).length, 1);
});

test("turns that do next to nothing are counted and not told", { skip }, async () => {
  const watch = new TurnWatch();
  watch.begin();
  assert.deepEqual(watch.end().longest, []);
});
