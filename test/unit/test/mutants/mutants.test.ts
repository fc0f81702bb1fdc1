import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { MUTANTS } from "../../../mutants/all-mutants.js";
import { type Mutant, patched } from "../../../mutants/mutant.js";

const MUTANT: Mutant = {
  name: "example",
  bug: "none",
  source: "nowhere",
  edits: [
    { file: "a.ts", find: "x", replace: "$&1" },
    { file: "b.ts", find: "y", replace: "z" },
  ],
  catchers: [],
  budgetSeconds: 1,
};

test("an edit takes effect as it stands, in its own file only", () => {
  assert.equal(patched(MUTANT, "a.ts", "x y"), "$&1 y");
});

test("a text that is not there, or twice, is an error that names mutant and file", () => {
  assert.throws(() => patched(MUTANT, "a.ts", "y"), /example: a\.ts has its text 0 times/);
  assert.throws(() => patched(MUTANT, "a.ts", "xx"), /example: a\.ts has its text 2 times/);
});

test("each mutant has a name of its own, and something that can catch it", () => {
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const { name, catchers, edits } of MUTANTS) {
    assert.ok(catchers.length > 0 && edits.length > 0, name);
    for (const catcher of catchers) {
      if (catcher.kind !== "tests") continue;
      for (const file of catcher.files) assert.ok(existsSync(file), `${name}: there is no ${file}`);
    }
  }
});

for (const mutant of MUTANTS) {
  test(`${mutant.name} fits the sources`, () => {
    for (const file of new Set(mutant.edits.map((edit) => edit.file))) {
      const text = readFileSync(file, "utf8");
      assert.notEqual(patched(mutant, file, text), text);
    }
  });
}
