import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Player } from "../../../scripts/replay/player.js";
import { readRuns } from "../../../scripts/replay/trace.js";
import { smallTrace } from "../../support/replay/small-trace.js";

const RECORDED = fileURLToPath(new URL("../../../../../shared/data/ozone-trace", import.meta.url));

/** Differences of all runs at `path`. */
async function differencesOf(path: string): Promise<{ lines: string[]; rpcCount: number }> {
  const lines: string[] = [];
  let rpcCount = 0;
  for (const run of readRuns([path])) {
    const player = new Player(run, []);
    await player.play(() => undefined);
    lines.push(...player.differences.lines);
    rpcCount += player.rpcCount;
  }
  return { lines, rpcCount };
}

async function playSmall(answeredUsedBytes: number): Promise<{ lines: string[]; rpcCount: number }> {
  const directory = mkdtempSync(join(tmpdir(), "strata-replay-test-"));
  try {
    writeFileSync(join(directory, "scene.ndjson"), smallTrace({ answeredUsedBytes }));
    return await differencesOf(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("a trace with a restart and kept heartbeats leaves the tables that it says", async () => {
  assert.deepEqual(await playSmall(1000), { lines: [], rpcCount: 11 });
});

test("an answer of the trace that the SCM's table contradicts is a difference", async () => {
  const { lines } = await playSmall(999);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /container 1 on fcb42188.*: used: ours 1000, trace 999/);
});

test("the recorded traffic of a real cluster leaves equal tables", {
  skip: existsSync(RECORDED) ? false : "no data",
}, async () => {
  const { lines, rpcCount } = await differencesOf(RECORDED);
  assert.deepEqual(lines, []);
  assert.ok(rpcCount > 0, "the trace has calls");
});
