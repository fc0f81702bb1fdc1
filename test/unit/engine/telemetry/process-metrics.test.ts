import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics } from "../../../../engine/telemetry/metrics.js";
import {
  addProcessMetrics,
  LoopLag,
  mainThreadCpuSeconds,
} from "../../../../engine/telemetry/process-metrics.js";
import { waitFor } from "../../../support/wait.js";

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test("a blocked event loop shows as lag until it is reset", async () => {
  const lag = new LoopLag();
  lag.start();
  try {
    assert.equal(lag.quantileMs(1), 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    block(200);
    await waitFor("lag is seen", () => lag.quantileMs(1) >= 100);
    lag.reset();
    assert.equal(lag.quantileMs(1), 0);
  } finally {
    lag.stop();
  }
});

test("CPU time of the main thread grows with work", () => {
  const before = mainThreadCpuSeconds();
  block(50);
  const used = mainThreadCpuSeconds() - before;
  assert.ok(used > 0.005 && used < 10, `used ${used} s`);
});

test("a scrape shows memory, CPU time and lag", async () => {
  const metrics = new Metrics();
  addProcessMetrics(metrics, new LoopLag());
  const text = await metrics.scrape();
  const value = (name: string) => Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
  assert.ok(value("strata_process_resident_bytes") > 1e6);
  assert.ok(value("strata_process_cpu_seconds_total") > 0);
  assert.ok(value("strata_main_cpu_seconds") > 0);
  assert.equal(value("strata_main_lag_p99_seconds"), 0);
});
