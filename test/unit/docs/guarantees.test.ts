import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const TEXT = readFileSync("docs/GUARANTEES.md", "utf8");
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };

/** Cells of the table below `heading`, without its head. */
function rowsOf(heading: string): string[][] {
  const [, section = ""] = TEXT.split(`\n## ${heading}\n`);
  const [table = ""] = section.split("\n## ");
  const rows = table.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

function quoted(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text as string);
}

const promises = rowsOf("Promises");

test("every file that is named exists", () => {
  const files = quoted(TEXT).filter((text) => /^(test|scripts|bench|engine)\//.test(text));
  assert.ok(files.length > 40, `${files.length} files are named`);
  for (const file of files) assert.ok(existsSync(file), `there is no ${file}`);
});

test("every command that is named exists", () => {
  for (const text of quoted(TEXT)) {
    const name = /^npm run (\S+)/.exec(text)?.[1];
    if (name !== undefined) assert.ok(scripts[name] !== undefined, `there is no npm run ${name}`);
  }
});

test("every promise has a test that npm test runs", () => {
  assert.ok(promises.length > 15);
  for (const [promise, , checks] of promises) {
    assert.ok(
      quoted(checks).some((text) => text.endsWith(".test.ts")),
      promise,
    );
  }
});

test("every invariant is one of those that are checked", () => {
  for (const [promise, invariants = ""] of promises) {
    for (const id of invariants.split(", ")) assert.match(id, /^([RS]\d+)?$/, promise);
  }
});

test("every command of a promise has its last result", () => {
  const results = rowsOf("Last results").map(([command]) => command ?? "");
  for (const [promise, , checks] of promises) {
    for (const command of quoted(checks).filter((text) => text.startsWith("npm run"))) {
      assert.ok(
        results.some((result) => result.startsWith(`\`${command}`)),
        `${promise}: ${command} has no result`,
      );
    }
  }
});

test("every bug of the track record has a test that sees it again", () => {
  const bugs = rowsOf("Track record");
  assert.ok(bugs.length > 5);
  for (const [bug, introduced, , fixed, again] of bugs) {
    assert.match(introduced ?? "", /^[0-9a-f]{7}$/, bug);
    assert.match(fixed ?? "", /^[0-9a-f]{7}$/, bug);
    assert.equal(quoted(again).length, 1, bug);
  }
});
