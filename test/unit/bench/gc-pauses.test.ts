import assert from "node:assert/strict";
import { test } from "node:test";
import { GcPauses } from "../../../bench/harness/gc-pauses.js";

const event = { pid: 1, tid: 7, dur: 0, tdur: 0, args: {} };

function pausesOf(...traceEvents: readonly object[]): GcPauses {
  return new GcPauses(JSON.stringify({ traceEvents }));
}

test("a pause lasts from its begin to its end on its thread, by the clock and by CPU", () => {
  const pauses = pausesOf(
    { ...event, name: "MinorGC", ph: "B", ts: 1000, tts: 100 },
    { ...event, name: "MajorGC", ph: "B", ts: 1100, tts: 50, tid: 8 },
    { ...event, name: "V8.GCScavenger", ph: "X", ts: 1001, tts: 100, dur: 9000, tdur: 800 },
    { ...event, name: "MinorGC", ph: "E", ts: 10_000, tts: 1000 },
    { ...event, name: "MajorGC", ph: "E", ts: 3100, tts: 1050, tid: 8 },
  );
  assert.deepEqual(pauses.between(0, 2000), [
    { kind: "scavenge", threadId: 7, ms: 9, cpuMs: 0.9, beganUs: 1000 },
    { kind: "mark-compact", threadId: 8, ms: 2, cpuMs: 1, beganUs: 1100 },
  ]);
});

test("a step of marking is a pause, other events are none, and so is what began at another time", () => {
  const pauses = pausesOf(
    { ...event, name: "V8.GCIncrementalMarking", ph: "X", ts: 5, tts: 1, dur: 1500, tdur: 700 },
    { ...event, name: "V8.DeoptimizeCode", ph: "X", ts: 6, tts: 1, dur: 1500, tdur: 700 },
    { ...event, name: "MinorGC", ph: "E", ts: 7, tts: 3 },
    { ...event, name: "V8.GCIncrementalMarking", ph: "X", ts: 50, tts: 1, dur: 1500, tdur: 700 },
  );
  assert.deepEqual(pauses.between(5, 20), [
    { kind: "marking step", threadId: 7, ms: 1.5, cpuMs: 0.7, beganUs: 5 },
  ]);
});
