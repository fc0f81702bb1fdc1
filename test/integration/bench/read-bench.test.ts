import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runReadContainers } from "../../../bench/scenarios/read-containers.js";

test("the bench of reads asks a real SCM for containers with their pipelines", {
  timeout: 60_000,
}, async () => {
  const parent = mkdtempSync(join(tmpdir(), "strata-read-bench-"));
  try {
    const figures = await runReadContainers(
      { directory: join(parent, "scm"), print: () => undefined },
      { nodeCount: 12, containersPerNode: 200, seconds: 0.3, runCount: 1 },
    );
    assert.deepEqual(
      figures.map(({ name }) => name),
      [
        "read-containers.closed",
        "read-containers.closed.main.cpu",
        "read-containers.open",
        "read-containers.open.main.cpu",
      ],
    );
    for (const { name, value } of figures) assert.ok(value > 0, name);
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
});
