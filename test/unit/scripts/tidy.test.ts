import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { type Finding, tidy } from "../../../scripts/tidy.js";

const USED = "export const used = 1;\n";

/** Findings in a tree of `files`; its dead files are left out unless `withDead`. */
function tidyFiles(files: Record<string, string>, withDead = false): string[] {
  const root = mkdtempSync(join(tmpdir(), "strata-tidy-"));
  try {
    for (const [path, text] of Object.entries({ "package.json": "{}", ...files })) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return hard(tidy(root)).filter((line) => withDead || !line.endsWith("nothing imports this file"));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function hard(findings: readonly Finding[]): string[] {
  return findings.filter(({ soft }) => !soft).map((f) => `${f.file}:${f.line}: ${f.message}`);
}

test("the tree keeps its own rules", () => {
  const found = hard(tidy("."));
  assert.ok(found.length === 0, found.join("\n"));
});

test("a folder imports only what its row allows", () => {
  const files = { "engine/core/a.ts": USED, "engine/raft/b.ts": USED, "engine/storage/c.ts": USED };
  const ok = 'import { used } from "../core/a.js";\nimport "./other.js";\n';
  assert.deepEqual(tidyFiles({ ...files, "engine/raft/d.ts": ok }), []);
  assert.deepEqual(
    tidyFiles({ ...files, "engine/core/d.ts": 'import {\n  used,\n} from "../raft/b.js";\n' }),
    ["engine/core/d.ts:3: engine/core may not import engine/raft/b.ts"],
  );
  assert.deepEqual(tidyFiles({ "engine/elsewhere/a.ts": USED }), [
    "engine/elsewhere/a.ts:1: its folder has no row in scripts/layers.ts",
  ]);
});

test("storage may import types of the cluster, but no code", () => {
  const files = { "engine/cluster/b.ts": USED };
  const typed = 'import type { Used } from "../cluster/b.js";\n';
  assert.deepEqual(tidyFiles({ ...files, "engine/storage/a.ts": typed }), []);
  assert.deepEqual(
    tidyFiles({ ...files, "engine/storage/a.ts": 'export { used } from "../cluster/b.js";\n' }),
    ["engine/storage/a.ts:1: may import only types of engine/cluster/b.ts"],
  );
});

test("main may import the command line, which may not import main", () => {
  const main = 'import { used } from "./cli/a.js";\n';
  const cli = 'import { used } from "../scm.js";\nawait import("../main.js");\n';
  const files = { "engine/main.ts": main, "engine/cli/a.ts": cli, "engine/scm.ts": USED };
  assert.deepEqual(tidyFiles(files), ["engine/cli/a.ts:2: engine/cli may not import engine/main.ts"]);
});

test("a worker's entry is started by address and never imported", () => {
  const pool = 'new URL("../log/entry.js", import.meta.url);\n';
  assert.deepEqual(tidyFiles({ "workers/log/entry.ts": USED, "workers/pool/a.ts": pool }, true), [
    "workers/pool/a.ts:1: nothing imports this file",
  ]);
  const importing = 'import "../../workers/log/entry.js";\n';
  assert.deepEqual(tidyFiles({ "workers/log/entry.ts": USED, "test/unit/a.ts": importing }), [
    "test/unit/a.ts:1: imports a worker's entry: workers/log/entry.ts",
  ]);
});

test("only storage imports the RocksDB binding, and pure code imports no package", () => {
  const binding = 'import { RocksLevel } from "@nxtedition/rocksdb/index.js";\n';
  assert.deepEqual(tidyFiles({ "engine/storage/a.ts": binding }), []);
  assert.equal(tidyFiles({ "engine/host/a.ts": binding }).length, 1);
  assert.deepEqual(tidyFiles({ "engine/core/a.ts": 'import { readFileSync } from "node:fs";\n' }), [
    'engine/core/a.ts:1: pure code imports "node:fs"',
  ]);
});

test("pure code names no clock, timer, randomness or process", () => {
  const text = "// Date\nconst a = { process: x.process, b: `Date` };\nDate.now();\nMath.random();\n";
  assert.deepEqual(tidyFiles({ "engine/raft/a.ts": text, "engine/host/a.ts": text }), [
    "engine/raft/a.ts:3: pure code names Date",
    "engine/raft/a.ts:4: pure code names Math.random",
  ]);
});

test("the environment is read in engine/config and Atomics stands in workers/shared", () => {
  const text = "process.env;\nAtomics.load(a, 0);\n";
  assert.deepEqual(tidyFiles({ "engine/config/a.ts": text, "workers/shared/a.ts": text }), [
    "engine/config/a.ts:2: Atomics outside of workers/shared",
    "workers/shared/a.ts:1: process.env outside of engine/config",
  ]);
});

test("files, functions and lines have limits", () => {
  const body = "  a();\n".repeat(100);
  const method = `class A {\n  b(c: number): Array<{ d: number }> {\n${body}  }\n}\n`;
  const plain = `export function f(\n  a: number,\n): void {\n${body}}\n`;
  const arrow = `const g = (): void => {\n${"  if (a) {\n    b();\n  }\n".repeat(40)}};\n`;
  const suite = `describe("x", () => {\n${body}});\n`;
  const found = tidyFiles({
    "scripts/a.ts": "a();\n".repeat(801),
    "scripts/b.ts": plain,
    "scripts/c.ts": method,
    "scripts/d.ts": arrow,
    "scripts/e.ts": suite,
    "scripts/f.ts": `// ${"x".repeat(108)}\n`,
    "scripts/g.ts": "a();\n".repeat(800),
  });
  assert.deepEqual(found, [
    "scripts/a.ts:1: file of 801 lines (limit 500, hard 800)",
    "scripts/b.ts:3: function of 102 lines (limit 70, hard 100)",
    "scripts/c.ts:2: function of 102 lines (limit 70, hard 100)",
    "scripts/d.ts:1: function of 122 lines (limit 70, hard 100)",
    "scripts/f.ts:1: line of 111 columns (limit 110)",
  ]);
});

test("leftovers, machine paths, registries and copied headers are found in every text file", () => {
  const todo = "TO".concat("DO");
  const lines = [
    `${todo}: later`,
    `${todo}(ann, #12): later`,
    "/ho".concat("me/ann/x"),
    "npm".concat("js.org"),
  ];
  lines.push("Copy".concat("right 2020 X"));
  assert.deepEqual(
    tidyFiles({ "docs/a.md": `${lines.join("\n")}\n` }).map((line) => line.split(" ")[0]),
    ["docs/a.md:1:", "docs/a.md:3:", "docs/a.md:4:", "docs/a.md:5:"],
  );
});

test("a module that nothing imports is dead unless something starts it", () => {
  const files = {
    "package.json": '{"bin":{"x":"dist/engine/main.js"}}',
    "engine/main.ts": USED,
    "engine/core/dead.ts": 'import "./dead.js";\n',
    "engine/core/alive.ts": USED,
    "scripts/x.ts": USED,
    "test/unit/a.test.ts": 'import "../../engine/core/alive.js";\n',
  };
  assert.deepEqual(tidyFiles(files, true), ["engine/core/dead.ts:1: nothing imports this file"]);
});

test("every error code and configuration key is used outside of its table and of tests", () => {
  const errors = "export const ERRORS = {\n  USED_CODE: a(1),\n  DEAD_CODE: a(2),\n};\n";
  const schema =
    'export const RAFT = {\n  tickMs: key("raft.tick", a),\n' +
    '  size: key(\n    "raft.size",\n    a),\n  deadKey: key("raft.dead", a),\n};\n';
  const user = 'throw new E("USED_CODE", config.raft.tickMs, get("raft.size")); // deadKey\n';
  const files = {
    "engine/core/errors.ts": errors,
    "engine/config/keys/raft-keys.ts": schema,
    "engine/config/check.ts": "check(config.raft.deadKey);\n",
    "engine/scm.ts": user,
  };
  assert.deepEqual(tidyFiles({ ...files, "test/unit/a.test.ts": 'const a = "DEAD_CODE";\n' }), [
    "engine/config/keys/raft-keys.ts:6: configuration key raft.dead is used nowhere",
    "engine/core/errors.ts:3: error code DEAD_CODE is used nowhere",
  ]);
});
