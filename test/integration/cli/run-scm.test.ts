import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { waitFor } from "../../support/wait.js";

const FAKE_SCM = fileURLToPath(new URL("../../support/cli/fake-scm.js", import.meta.url));

interface Run {
  readonly child: ChildProcess;
  out(): string;
  err(): string;
  /** Exit code; fails when a signal killed it. */
  ended(): Promise<number>;
}

function start(behaviour: string, ...words: string[]): Run {
  const args = [FAKE_SCM, behaviour, "-Dozone.metadata.dirs=/data", ...words];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env: {} });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += String(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += String(chunk);
  });
  const closed = once(child, "close");
  const ended = async (): Promise<number> => {
    const [code, signal] = (await closed) as [number | null, string | null];
    assert.ok(code !== null, `killed by ${signal}: ${err}`);
    return code;
  };
  return { child, out: () => out, err: () => err, ended };
}

async function startAndWait(behaviour: string, ...words: string[]): Promise<Run> {
  const run = start(behaviour, ...words);
  await waitFor("it has started", () => run.out().includes("started"));
  return run;
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} stops the SCM and ends with 0`, async () => {
    const run = await startAndWait("sound");
    run.child.kill(signal);
    assert.equal(await run.ended(), 0);
    assert.equal(run.out(), "started\nstopped\n");
    const messages = run
      .err()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).msg);
    assert.deepEqual(messages, ["configuration", "stopping", "stopped"]);
  });
}

test("a second signal ends the process at once", async () => {
  const run = await startAndWait("stuck");
  run.child.kill("SIGTERM");
  await waitFor("the first signal is seen", () => run.err().includes('"stopping"'));
  run.child.kill("SIGINT");
  assert.equal(await run.ended(), 1);
  assert.match(run.err(), /second signal: ending at once/);
});

test("a stop that takes longer than the limit ends the process", async () => {
  const run = await startAndWait("stuck", "-Dozone.service.shutdown.timeout=1s");
  run.child.kill("SIGTERM");
  assert.equal(await run.ended(), 1);
  assert.match(run.err(), /"the stop takes too long"/);
});

test("a start that fails ends with the error's exit code", async () => {
  const run = start("locked");
  assert.equal(await run.ended(), 74);
  assert.match(run.err(), /\/data is in use by another process \(STORAGE_LOCKED\)/);
});

test("a fatal error ends the process with its exit code, though stopping fails too", async () => {
  const run = start("fatal");
  assert.equal(await run.ended(), 74);
  assert.match(run.err(), /"the SCM cannot go on"/);
  assert.match(run.err(), /STORAGE_IO/);
  assert.match(run.err(), /"nextStep":"Check the disk, then restart."/);
});

test("a part that dies without a code is a bug", async () => {
  assert.equal(await start("dead").ended(), 70);
});

for (const behaviour of ["throwing", "rejecting"]) {
  test(`an error that nobody caught (${behaviour}) is logged and ends with 70`, async () => {
    const run = start(behaviour);
    assert.equal(await run.ended(), 70);
    assert.match(run.err(), /"name":"TypeError","message":"no"/);
  });
}
