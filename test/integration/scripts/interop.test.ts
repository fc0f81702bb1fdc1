import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../../support/process/end-with-us.js";

const SCRIPT = fileURLToPath(new URL("../../../scripts/interop.js", import.meta.url));
const SHORT_STEPS = ["1", "2", "3", "4"];

describe("npm run interop", () => {
  it("says aloud that it is skipped without Java", async () => {
    const { code, text } = await interop([], { PATH: "" });
    assert.equal(text, "skipped (no Java)\n");
    assert.equal(code, 0);
  });

  it("shows its steps, and refuses others", async () => {
    assert.match((await interop(["--list"])).text, /^ 2 handshake +\S/m);
    assert.match((await interop(["no-such-step"])).text, /no step is called no-such-step/);
  });

  it("passes its first steps with the released programs", async (t) => {
    // Without fetching: that would be 300 MB.
    const { code, text } = await interop(["--no-fetch", ...SHORT_STEPS]);
    const skipped = /^skipped \((.*)\)$/m.exec(text)?.[1];
    if (skipped !== undefined) return t.skip(skipped);
    assert.match(text, /^\d+ passed, 0 failed$/m);
    assert.equal(code, 0, text);
  });
});

function interop(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<{ code: number; text: string }> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: "pipe", ...(env && { env }) });
  endWithUs(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes) => {
      text += String(bytes);
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? -1, text }));
  });
}
