import assert from "node:assert/strict";
import { test } from "node:test";
import { readGcLine } from "../../../bench/harness/gc-pauses.js";

test("a pause is what held the thread: the first of the two times", () => {
  const scavenge = "[27:0x55d8c0]     338 ms: Scavenge 5.7 (8.0) -> 4.9 (9.0) MB, 1.72 / 0.00 ms  task; ";
  const compact =
    "[27:0x55d8c0] 1338 ms: Mark-Compact (reduce) 9.2 (16.6) -> 8.8 (12.3) MB, 2.83 / 0.10 ms (+ 7)";
  assert.deepEqual(readGcLine(scavenge, 7), { kind: "Scavenge", heap: "0x55d8c0", ms: 1.72, atMs: 7 });
  assert.deepEqual(readGcLine(compact, 8), {
    kind: "Mark-Compact (reduce)",
    heap: "0x55d8c0",
    ms: 2.83,
    atMs: 8,
  });
});

test("other output is no pause", () => {
  assert.equal(readGcLine("listening", 1), undefined);
});
