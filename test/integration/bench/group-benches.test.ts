import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { failover } from "../../../bench/scenarios/failover.js";
import { fill } from "../../../bench/scenarios/snapshot.js";

/** A run of two is enough to see that they work; on a busy machine the times mean nothing. */
for (const only of ["deaf", "transfer"]) {
  test(`real processes go on without their leader (${only}), and all answers are right`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
    try {
      const print = (line: string): void => t.diagnostic(line);
      const figures = await failover.run({ directory, print, runs: 1, only });
      const values = new Map(figures.map(({ name, value }) => [name, value]));
      assert.equal(values.get(`failover.${only}.wrong`), 0);
      assert.ok((values.get(`failover.${only}.max`) ?? 0) > 0);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

test("a new member of real processes is filled while its leader takes mutations", async (t) => {
  const context = { directory: "", print: (line: string): void => t.diagnostic(line) };
  const values = new Map(
    (await fill(context, { containerCount: 5_000, baseSeconds: 1 })).map(({ name, value }) => [name, value]),
  );
  assert.ok((values.get("snapshot.fill") ?? 0) > 0);
  assert.equal(values.get("snapshot.leader.failed"), 0);
});
