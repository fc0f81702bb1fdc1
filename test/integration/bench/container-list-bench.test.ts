import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runContainerList } from "../../../bench/scenarios/container-list.js";

test("the container-list bench finds what is rare, and changes and writes what it says", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
  const lines: string[] = [];
  const print = (line: string): void => {
    lines.push(line);
    t.diagnostic(line);
  };
  const sizes = { containerCount: 9000, rareCount: 90, queryCount: 5, changeCount: 3000, runCount: 1 };
  try {
    const figures = await runContainerList({ directory: join(directory, "scm"), print }, sizes);
    for (const { name, value } of figures)
      assert.ok(Number.isFinite(value) && value >= 0, `${name} is ${value}`);
    const pages = Number(/(\d+) pages and rows/.exec(lines.at(-1) ?? "")?.[1]);
    // Every third id: all pages of 16.
    assert.ok(pages > 9000 / 16, `${pages} pages and rows`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
