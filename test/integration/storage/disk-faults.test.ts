import assert from "node:assert/strict";
import { test } from "node:test";
import { runMatrix } from "../../support/disk-faults/matrix.js";

/** So few that there is one of each kind. */
const CASES = 1;
/** Some kinds cannot be tried everywhere. */
const PASSED_MIN = 20;
const SEED = 1 + Math.floor(Math.random() * 2 ** 31);

test(`a damaged disk is survived, or refused with a code (a case of each kind, seed ${SEED})`, async (t) => {
  const lines: string[] = [];
  const print = (line: string): void => {
    lines.push(line);
    t.diagnostic(line);
  };
  const { passed, failed } = await runMatrix({ cases: CASES, seed: SEED, only: undefined, print });
  assert.equal(failed, 0, lines.join("\n"));
  assert.ok(passed >= PASSED_MIN, lines.join("\n"));
});
