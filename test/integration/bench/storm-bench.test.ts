import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runOpenStripe } from "../../../bench/scenarios/open-stripe.js";
import { restartStorm } from "../../../bench/scenarios/restart-storm.js";

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
});
after(() => rmSync(directory, { recursive: true }));

test("a storm of a few datanodes ends with all replicas known and answers its figures", async () => {
  const lines: string[] = [];
  const context = { print: (line: string) => lines.push(line), directory: join(directory, "storm") };
  const figures = await restartStorm.run({ ...context, nodes: 12, containers: 1000 });
  assert.ok(
    lines.some((line) => line.startsWith("12000 replicas over 12 sockets")),
    lines.join("\n"),
  );
  const names = figures.map(({ name }) => name);
  assert.deepEqual(names, [
    "storm.merged",
    "storm.resident.peak",
    "storm.heartbeat.p99",
    "storm.main.lag.p99",
    "storm.gc.pause.max",
    "storm.cold.start",
  ]);
  // A short run may see no lag and no collection.
  for (const { name, value } of figures) assert.ok(Number.isFinite(value) && value >= 0, `${name}: ${value}`);
});

test("the open-stripe bench answers a ratio", async () => {
  const context = { print: () => undefined, directory: join(directory, "open-stripe") };
  const [figure] = await runOpenStripe(context, { seconds: 0.2, rowsPerReport: 4 });
  assert.ok(figure !== undefined && figure.value > 0 && Number.isFinite(figure.value));
});
