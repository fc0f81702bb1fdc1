import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runConformance } from "../../../scripts/conformance.js";

/** Beside the project's folder, where there is one. */
const DATA = fileURLToPath(new URL("../../../../../shared/data/etcd-raft", import.meta.url));

test("etcd's quorum and membership suites pass", { skip: existsSync(DATA) ? false : "no data" }, () => {
  const lines: string[] = [];
  const result = runConformance(DATA, (line) => lines.push(line));
  assert.equal(result?.failures.length, 0, lines.join("\n"));
  assert.ok((result?.passed ?? 0) > 0);
});

test("a directory without suites is no success", () => {
  assert.equal(runConformance(fileURLToPath(new URL(".", import.meta.url)), assert.fail), undefined);
});
