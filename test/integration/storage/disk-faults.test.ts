import assert from "node:assert/strict";
import { test } from "node:test";
import { runMatrix } from "../../support/disk-faults/matrix.js";

/** Of each kind of fault at least one. */
const CASES = 40;
const SEED = 1 + Math.floor(Math.random() * 2 ** 31);

test(`a damaged disk is survived, or refused with a code (${CASES} cases, seed ${SEED})`, async (t) => {
  const lines: string[] = [];
  const print = (line: string): void => {
    lines.push(line);
    t.diagnostic(line);
  };
  const { passed, failed } = await runMatrix({ cases: CASES, seed: SEED, only: undefined, print });
  assert.equal(failed, 0, lines.join("\n"));
  assert.ok(passed >= CASES / 2, lines.join("\n"));
});
