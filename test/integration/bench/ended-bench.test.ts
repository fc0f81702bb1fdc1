import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { endWithUs } from "../../support/process/end-with-us.js";
import { waitFor } from "../../support/wait.js";

/** What a bench does that has an SCM: it prints the SCM's process, and waits for an end. */
const BENCH = `
  import { temporaryDirectory } from ${harness("temporary-directory")};
  import { ScmUnderTest } from ${harness("scm-under-test")};
  const scm = await ScmUnderTest.start({ directory: temporaryDirectory() + "/scm" });
  console.log(scm.pid);
  setInterval(() => undefined, 1000);
`;

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "strata-bench-test-"));
});
after(() => rmSync(directory, { recursive: true }));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`a bench that ${signal} ends leaves nothing behind`, async () => {
    const args = ["--input-type=module", "--eval", BENCH];
    const bench = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { TMPDIR: directory },
    });
    endWithUs(bench);
    const ended = once(bench, "exit");
    const [printed] = await Promise.race([once(bench.stdout, "data"), ended]);
    const scm = Number(printed);
    assert.ok(isThere(scm) && readdirSync(directory).length === 1, `it printed ${printed}`);
    bench.kill(signal);
    await ended;
    try {
      await waitFor("the SCM is gone", () => !isThere(scm));
    } finally {
      if (isThere(scm)) process.kill(scm, "SIGKILL");
    }
    assert.deepEqual(readdirSync(directory), []);
  });
}

function harness(name: string): string {
  return JSON.stringify(new URL(`../../../bench/harness/${name}.js`, import.meta.url));
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
