import assert from "node:assert/strict";
import { test } from "node:test";
import { runMutants } from "../../scripts/mutants/run-mutants.js";
import { MUTANTS } from "../mutants/all-mutants.js";
import type { Mutant } from "../mutants/mutant.js";

/** The cheapest; `npm run mutants` takes all. */
const NAMES = ["ids-before-commit"];

const HARMLESS: Mutant = {
  name: "harmless",
  bug: "none: what a comment says is no behaviour",
  source: "nowhere",
  edits: [{ file: "engine/cluster/sequence/id-range.ts", find: "cost no bigint", replace: "need no bigint" }],
  catchers: [{ kind: "tests", files: ["test/unit/engine/cluster/sequence/id-range.test.ts"] }],
  budgetSeconds: 30,
};

test("known bugs are caught in a copy of the tree, and what is none is not", async (t) => {
  const mutants = [...MUTANTS.filter(({ name }) => NAMES.includes(name)), HARMLESS];
  const print = (line: string): void => t.diagnostic(line);
  const results = await runMutants(".", { mutants, all: false, print });
  assert.deepEqual(
    results.map(({ name, isCaught }) => ({ name, isCaught })),
    mutants.map(({ name }) => ({ name, isCaught: name !== HARMLESS.name })),
  );
});
