import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Lock, missingEntries } from "../../../scripts/complete-lock.js";

test("the lock file has an entry for every optional platform package", () => {
  const lock: Lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  assert.deepEqual(Object.keys(missingEntries(lock)), [], "run: node dist/scripts/complete-lock.js");
});

test("the lock file names no registry", () => {
  assert.doesNotMatch(readFileSync("package-lock.json", "utf8"), /"resolved"/);
});

test("a missing platform package gets its system, processor and C library from its name", () => {
  const optionalDependencies = { "@a/b-linux-arm64-musl": "1.0.0", "@a/b-win32-x64": "1.0.0" };
  const added = missingEntries({ packages: { "node_modules/b": { dev: true, optionalDependencies } } });
  assert.deepEqual(added, {
    "node_modules/@a/b-linux-arm64-musl": {
      version: "1.0.0",
      cpu: ["arm64"],
      optional: true,
      os: ["linux"],
      libc: ["musl"],
      dev: true,
    },
    "node_modules/@a/b-win32-x64": {
      version: "1.0.0",
      cpu: ["x64"],
      optional: true,
      os: ["win32"],
      dev: true,
    },
  });
});
