import assert from "node:assert/strict";
import { test } from "node:test";
import { closingLine, countsOf, selectFiles } from "../../../scripts/test.js";

const SUMMARY = "# tests 9\n# suites 0\n# pass 4\n# fail 1\n# cancelled 1\n# skipped 2\n# todo 1\n";

test("the counts come from the last summary, and a cancelled test is a failed one", () => {
  assert.deepEqual(countsOf(`# pass 77\n# fail 77\n${SUMMARY}`), { passed: 4, failed: 2, skipped: 3 });
});

test("output without a summary has no counts", () => {
  assert.equal(countsOf("TAP version 13\n# pass 3\n"), undefined);
});

test("the closing line names skipped tests only when there are some", () => {
  assert.equal(closingLine({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
  assert.equal(closingLine({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped");
});

test("a filter selects the files whose source path contains it", () => {
  const files = ["dist/test/unit/workers/shared/ring.test.js", "dist/test/unit/engine/raft/log.test.js"];
  assert.deepEqual(selectFiles(files, ["ring", "nothing"]), [files[0]]);
  assert.deepEqual(selectFiles(files, ["log.test.ts"]), [files[1]]);
  assert.deepEqual(selectFiles(files, []), files);
});
