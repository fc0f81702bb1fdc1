import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const LONG_OUTPUT = fileURLToPath(new URL("../../support/cli/long-output.js", import.meta.url));
const LINES = 5000;

const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

function start() {
  const child = spawn(process.execPath, [LONG_OUTPUT, String(LINES)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {},
  });
  children.push(child);
  return child;
}

test("a long result reaches a slow reader as a whole, and waits for it", async () => {
  const child = start();
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => {
    err += String(chunk);
  });
  // Only looked at, not read: the writer cannot get far ahead.
  await once(child.stdout, "readable");
  assert.equal(err, "");
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  assert.deepEqual([exitCode, bytes, err], [3, LINES * 1024, "written\n"]);
});

test("a reader that goes away ends the command quietly", async () => {
  const child = start();
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => {
    err += String(chunk);
  });
  child.stdout.once("data", () => child.stdout.destroy());
  const [exitCode] = (await once(child, "close")) as [number | null];
  assert.deepEqual([exitCode, err], [0, ""]);
});
