import assert from "node:assert/strict";
import { test } from "node:test";
import { runChaos } from "../../scripts/chaos/chaos-run.js";

/** A crash that costs an election, and a network that lies. */
const FAULTS = ["kill leader", "deaf leader"];
/** How long it takes says something on a machine that does nothing else. */
const RECOVERY_MS_MAX = 60_000;
const SEED = 1 + Math.floor(Math.random() * 2 ** 30);

test(`three SCMs lose and repeat nothing through faults (seed ${SEED})`, async (t) => {
  const lines: string[] = [];
  const print = (line: string): void => {
    lines.push(line);
    t.diagnostic(line);
  };
  const options = { rounds: FAULTS.length, minutes: 5, seed: SEED, clients: 6, only: undefined };
  const { passed, failed } = await runChaos({
    ...options,
    inOrder: FAULTS,
    recoveryMsMax: RECOVERY_MS_MAX,
    print,
  });
  assert.equal(failed, 0, lines.join("\n"));
  assert.equal(passed, FAULTS.length);
});
