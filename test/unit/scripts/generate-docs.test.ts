import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ERRORS } from "../../../engine/core/errors.js";
import { generatedPages } from "../../../scripts/generate-docs.js";

const ROOT = new URL("../../../../", import.meta.url);

test("the generated pages are those in docs/; `npm run docs` writes them", () => {
  for (const [path, text] of generatedPages()) {
    assert.equal(readFileSync(new URL(path, ROOT), "utf8"), text, `${path} is out of date`);
  }
});

test("each error and each key has its row", () => {
  const errors = generatedPages().get("docs/ERRORS.md") ?? "";
  for (const [code, { wire }] of Object.entries(ERRORS))
    assert.ok(errors.includes(`| \`${code}\` | ${wire} | `), code);
  const configuration = generatedPages().get("docs/CONFIGURATION.md") ?? "";
  assert.ok(configuration.includes("| `hdds.heartbeat.interval` | time | `30s` | 100ms … 1h | "));
  assert.ok(configuration.includes("| `strata.ws.address` † | addr | `0.0.0.0:9865` |  | "));
});
