import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
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
