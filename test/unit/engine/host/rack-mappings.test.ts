import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runRackScript } from "../../../../engine/host/rack-script.js";
import { readRackTable } from "../../../../engine/host/rack-table.js";

const directory = mkdtempSync(join(tmpdir(), "strata-racks-"));
after(() => rmSync(directory, { recursive: true }));

function run(text: string, hosts: readonly string[]): Promise<readonly string[] | Error> {
  const path = join(directory, "script.sh");
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return new Promise((resolve) => runRackScript(path, hosts, resolve));
}

function look(text: string | undefined, hosts: readonly string[]): Promise<readonly string[] | Error> {
  const path = join(directory, text === undefined ? "none" : "table");
  if (text !== undefined) writeFileSync(path, text);
  return new Promise((resolve) => readRackTable(path, "/default-rack", hosts, resolve));
}

test("a script gets the hosts as arguments and prints a rack for each", async () => {
  const racks = await run('for host in "$@"; do echo "/rack-$host"; done', ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(racks, ["/rack-10.0.0.1", "/rack-10.0.0.2"]);
  assert.deepEqual(await run("echo /a /b", ["1", "2"]), ["/a", "/b"]);
});

test("a script that fails, prints too little or is missing gives its reason", async () => {
  assert.match(String(await run("echo /a; exit 3", ["1"])), /exit code 3/);
  assert.match(String(await run("echo /a", ["1", "2"])), /printed 1 racks for 2 hosts/);
  const missing = await new Promise((resolve) => runRackScript(join(directory, "no"), ["1"], resolve));
  assert.match(String(missing), /ENOENT/);
});

test("a table has a host and a rack in each line; others are in the default rack", async () => {
  const table = "# 10.0.0.3 /c\n\n10.0.0.1   /a\ndn2.example.org\t/b\n10.0.0.4\n10.0.0.5 /a b\n";
  const hosts = ["10.0.0.1", "dn2.example.org", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
  const expected = ["/a", "/b", "/default-rack", "/default-rack", "/default-rack"];
  assert.deepEqual(await look(table, hosts), expected);
  assert.deepEqual(await look(undefined, ["a"]), ["/default-rack"]);
});

test("a table that cannot be read gives its reason", async () => {
  const answer = await new Promise((resolve) => readRackTable(directory, "/default-rack", ["a"], resolve));
  assert.match(String(answer), /EISDIR/);
});
