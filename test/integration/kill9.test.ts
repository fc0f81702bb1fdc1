import assert from "node:assert/strict";
import { test } from "node:test";
import { runKill9 } from "../../scripts/kill9/kill9-run.js";
import { MOMENTS } from "../../scripts/kill9/moments.js";

/** Each moment once. */
const TIMES = MOMENTS.length;
const CLIENTS = 4;
const SEED = Math.floor(Math.random() * 2 ** 31);

const SCALE = `${TIMES} kills, seed ${SEED}`;

test(`an SCM that is killed loses nothing and does nothing twice (${SCALE})`, async (t) => {
  const print = (line: string): void => t.diagnostic(line);
  const { passed, failure, directory } = await runKill9({
    times: TIMES,
    seed: SEED,
    clients: CLIENTS,
    print,
  });
  const again = `npm run kill9 -- --times ${TIMES} --seed ${SEED} --clients ${CLIENTS}`;
  assert.equal(failure?.message, undefined, `kept in ${directory}; again: ${again}`);
  assert.equal(passed, TIMES);
});
