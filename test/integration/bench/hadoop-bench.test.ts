import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runHadoop } from "../../../bench/scenarios/hadoop.js";

const CALLS = ["allocate-block", "allocate-block.single", "heartbeat", "allocate-container"];

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
});
after(() => rmSync(directory, { recursive: true }));

test("the hadoop bench answers its figures, and says when the reference is not there", async () => {
  const lines: string[] = [];
  const context = {
    print: (line: string) => lines.push(line),
    directory: join(directory, "run"),
    reference: { cache: join(directory, "nothing") },
  };
  const figures = await runHadoop(context, {
    calls: { nodeCount: 3, seconds: 0.2, rounds: 1, warmUpShare: 0.01 },
    reports: { groups: 3, nodesPerGroup: 3, containersPerNode: 50 },
    pauses: { groups: 2, nodesPerGroup: 3, containersPerNode: 50 },
    connections: { count: 50, seconds: 0.2 },
    decodingRuns: 1,
  });
  assert.match(lines.join("\n"), /^the reference: skipped \(no /m);
  assert.match(lines.join("\n"), /^strata: 3 datanodes \(0 refused\)/m);
  assert.deepEqual(
    figures.map(({ name }) => name),
    [
      ...[...CALLS, "report.first", "report.repeated"].flatMap((name) => [`${name}.rate`, `${name}.work`]),
      ...["report.pause.first", "report.pause.repeated"],
      ...["", ".resident", ".heartbeat.rate", ".heartbeat.p99"].map((name) => `connections${name}`),
      ...["report.ascending", "report.shuffled"],
    ].map((name) => `hadoop.${name}`),
  );
  for (const line of lines.filter((text) => text.includes("callers, round"))) assert.match(line, /failed 0,/);
  assert.match(lines.join("\n"), /nothing new, round 3, strata: 1350 replicas of 9 datanodes/);
  assert.match(lines.join("\n"), /^pauses, nothing new, round 3, 6 reports of 150 replicas/m);
  assert.match(lines.join("\n"), /^connections: 50 opened in /m);
  for (const { name, value } of figures.filter((figure) => figure.name.endsWith("rate")))
    assert.ok(Number.isFinite(value) && value > 0, `${name} is ${value}`);
});
