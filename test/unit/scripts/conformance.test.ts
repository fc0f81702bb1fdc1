import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runConformance } from "../../../scripts/conformance.js";

/** Beside the project's folder, where there is one. */
const DATA = fileURLToPath(new URL("../../../../../shared/data/etcd-raft", import.meta.url));
const NO_DATA = existsSync(DATA) ? false : "no data of etcd-io/raft beside the project";

function withFiles(files: Readonly<Record<string, string>>, run: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "strata-conformance-test-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("etcd's suites pass: quorum, membership and whole clusters", { skip: NO_DATA }, () => {
  const lines: string[] = [];
  const result = runConformance(DATA, (line) => lines.push(line));
  assert.equal(result?.failures.length, 0, lines.join("\n"));
  assert.ok((result?.passed ?? 0) > 0);
});

test("suites without files are skipped aloud", () => {
  withFiles({ "quorum/deep/one.txt": "vote cfg=(1) votes=(y)\n----\nVoteWon\n" }, (directory) => {
    const lines: string[] = [];
    const result = runConformance(directory, (line) => lines.push(line));
    assert.equal(result?.passed, 1);
    assert.deepEqual(lines, [
      "quorum: 1 files, 1 passed, 0 failed",
      "confchange: skipped (no files)",
      "interaction: skipped (no files)",
    ]);
  });
});

test("a directory without suites is no success", () => {
  withFiles({ "quorum/readme.md": "nothing" }, (directory) => {
    assert.equal(
      runConformance(directory, () => undefined),
      undefined,
    );
  });
  assert.throws(() => runConformance("/nowhere/at/all", assert.fail), { code: "ENOENT" });
});
