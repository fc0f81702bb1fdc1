import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readRuns } from "../../../scripts/replay/trace.js";
import { ModelRun } from "../../support/replay/model-run.js";

const RECORDED = fileURLToPath(new URL("../../../../../shared/data/ozone-trace", import.meta.url));

test("the rules alone give the container answers of a real cluster", {
  skip: existsSync(RECORDED) ? false : "no data",
}, () => {
  for (const run of readRuns([RECORDED])) {
    const alone = new ModelRun();
    alone.play(run);
    assert.deepEqual(alone.differences, []);
    assert.ok(alone.agreedCount > 0, "the trace shows containers");
  }
});
