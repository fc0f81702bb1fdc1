import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ShimLibraries } from "../../../support/chaos/process-shims.js";
import { waitFor } from "../../../support/wait.js";

/** Writes to a file all the time on a thread, and tells both clocks. */
const PROGRAM = `
const { writeFile } = require("node:fs");
let written = 0;
const go = () => writeFile(process.argv[1], "x", () => { written++; setTimeout(go, 5); });
go();
setInterval(() => console.log(JSON.stringify([Date.now(), performance.now(), written])), 10);
`;

describe("libraries under a process", () => {
  const directory = mkdtempSync(join(tmpdir(), "strata-shims-"));
  const libraries = ShimLibraries.build(directory);
  const skip = libraries === undefined ? "no C compiler" : false;
  let child: ChildProcess;
  let line: [number, number, number];
  const shims = libraries?.forProcess(join(directory, "a"));

  before(async () => {
    mkdirSync(join(directory, "scm"));
    const words = ["-e", PROGRAM, join(directory, "scm", "file")];
    const [command = "", ...args] = [...(shims?.prefix ?? []), process.execPath, ...words];
    child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout?.on("data", (bytes) => {
      line = JSON.parse(String(bytes).trim().split("\n").at(-1) ?? "");
    });
    await waitFor("it prints", () => line !== undefined);
  });

  after(() => {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  /** Waits until so many ms have gone by for the process: it has had its chance. */
  const passes = async (ms: number): Promise<void> => {
    const dueMs = line[1] + ms;
    await waitFor(`${ms} ms go by`, () => line[1] >= dueMs);
  };

  /** Whether `clock` is about what it should be. */
  const isNear = (clock: number, wanted: number): boolean => Math.abs(clock - wanted) < 5_000;

  test("let its wall clock jump to and fro, and its monotonic one go on", { skip }, async () => {
    const [, firstMs] = line;
    const startMs = performance.now();
    for (const offset of [3_600_000, -3_600_001, 0]) {
      shims?.setClockOffset(offset);
      await waitFor(`the clock is off by ${offset}`, () => isNear(line[0], Date.now() + offset));
    }
    assert.ok(Math.abs(line[1] - firstMs - (performance.now() - startMs)) < 500);
  });

  test("let its writes wait, and go on", { skip }, async () => {
    shims?.slowDisk(60_000);
    // The write that is under way may end yet.
    await passes(100);
    const [, , before] = line;
    await passes(200);
    assert.equal(line[2], before);
    shims?.healDisk();
    await waitFor("it writes again", () => line[2] > before + 3);
  });

  test("make each write take a while", { skip }, async () => {
    shims?.slowDisk(100);
    const [, , before] = line;
    await passes(1_000);
    const count = line[2] - before;
    assert.ok(count >= 2 && count <= 11, `${count} writes in a second`);
    shims?.healDisk();
  });
});
