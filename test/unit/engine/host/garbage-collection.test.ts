import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const MODULE = new URL("../../../../engine/host/garbage-collection.js", import.meta.url).href;
const MEBIBYTE = 2 ** 20;

/** A process in which everything survives; prints how large its young generation was at most. */
const PROGRAM = `
  import { getHeapSpaceStatistics } from "node:v8";
  import { Worker } from "node:worker_threads";
  import { keepCollectionsShort } from "${MODULE}";
  const kept = [];
  let bytesMax = 0;
  function keep() {
    for (let item = 0; item < 500_000; item++) {
      kept.push({ item });
      if (item % 10_000 !== 0) continue;
      const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
      bytesMax = Math.max(bytesMax, space.space_size);
    }
  }
  keep();
  const worker = new Worker("setInterval(() => undefined, 1000)", { eval: true });
  await new Promise((resolve) => worker.once("online", resolve));
  keepCollectionsShort();
  keep();
  console.log(bytesMax);
  process.exit();
`;

test("the young generation does not grow with what survives, also after a thread was started", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", PROGRAM], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  // Two halves of 1 MB; the thread's start may let it double once or twice before the setting is made again.
  assert.ok(Number(stdout) <= 8 * MEBIBYTE, `${stdout} bytes`);
});
