import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runOpenStripe } from "../../../bench/scenarios/open-stripe.js";
import { restartStorm, socketStorm } from "../../../bench/scenarios/restart-storm.js";

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
});
after(() => rmSync(directory, { recursive: true }));

const WAYS = [
  { bench: restartStorm, prefix: "storm", line: "12000 replicas of 12 datanodes, fed in process" },
  { bench: socketStorm, prefix: "socket.storm", line: "12000 replicas over 12 sockets" },
] as const;

for (const { bench, prefix, line: expected } of WAYS) {
  test(`${bench.name} of a few datanodes ends with all replicas known and answers its figures`, async () => {
    const lines: string[] = [];
    const context = { print: (line: string) => lines.push(line), directory: join(directory, prefix) };
    const figures = await bench.run({ ...context, nodes: 12, containers: 1000 });
    assert.ok(
      lines.some((line) => line.startsWith(expected)),
      lines.join("\n"),
    );
    assert.deepEqual(
      figures.map(({ name }) => name),
      [
        "merged",
        "resident.peak",
        "heartbeat.p99",
        "main.lag.p99",
        "gc.pause.max",
        "gc.pause.cpu.max",
        "cold.start",
      ].map((name) => `${prefix}.${name}`),
    );
    // A short run may see no lag and no collection.
    for (const { name, value } of figures)
      assert.ok(Number.isFinite(value) && value >= 0, `${name}: ${value}`);
  });
}

test("the open-stripe bench answers a ratio", async () => {
  const context = { print: () => undefined, directory: join(directory, "open-stripe") };
  const [figure] = await runOpenStripe(context, { shards: 2, seconds: 0.2, rowsPerReport: 4 });
  assert.ok(figure !== undefined && figure.value > 0 && Number.isFinite(figure.value));
});
