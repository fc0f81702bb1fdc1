import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { NodeDisk } from "../../../engine/storage/node-disk.js";

const PROCESS = fileURLToPath(new URL("../../support/storage/stuck-open-process.js", import.meta.url));

test("a process ends though one of its threads is stuck in a store that does not open", async () => {
  const root = mkdtempSync(join(tmpdir(), "strata-stuck-"));
  try {
    const path = join(root, "store");
    const open = () =>
      new NodeDisk().createStore(path, { kind: "log", columns: ["a"], memtableBytes: 1 << 20 });
    const store = await open();
    const batch = store.batch();
    batch.put("a", Uint8Array.of(1), Uint8Array.of(1));
    batch.write({ sync: true });
    await store.close();
    // The next open moves the row into a table, which every later one opens; that of a pipe has no end.
    await (await open()).close();
    const table = readdirSync(path).find((name) => name.endsWith(".sst"))!;
    rmSync(join(path, table));
    execFileSync("mkfifo", [join(path, table)]);
    const child = spawn(process.execPath, [PROCESS, path], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (text) => (output += text));
    const [, signal] = await once(child, "close");
    assert.equal(output, "ending\n");
    assert.equal(signal, "SIGKILL");
  } finally {
    rmSync(root, { recursive: true });
  }
});
