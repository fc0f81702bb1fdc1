import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseImportLine } from "../../../../../engine/cli/admin/import-record.js";
import type { AdminConnection } from "../../../../../engine/cli/parts.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import type { ContainerRecord, PipelineRecord } from "../../../../../protocol/schema/records.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import { containerOf, pipelineOf, RATIS_THREE, uuidOf } from "../../../../support/records.js";

const folder = mkdtempSync(join(tmpdir(), "strata-import-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const MEMBER = {
  uuid: uuidOf(1),
  ipAddress: "10.0.0.1",
  hostName: "dn1.example.com",
  ports: { RATIS: 9858 },
};
const CONTAINER = {
  type: "container",
  containerId: 7,
  state: "CLOSED",
  replication: "RATIS/THREE",
  owner: "om1",
  usedBytes: 5,
  keyCount: 2,
  sequenceId: 9,
  stateEnterTimeMs: 1_700_000_000_000,
};
const PIPELINE = {
  type: "pipeline",
  pipelineId: uuidOf(100),
  replication: "RATIS/THREE",
  state: "OPEN",
  members: [{ ...MEMBER, networkLocation: "/default-rack" }],
  leaderId: uuidOf(1),
  creationTimeMs: 1_700_000_000_000,
};

function lineOf(containerId: number): string {
  return JSON.stringify({ ...CONTAINER, containerId });
}

/** An SCM that takes over what it is told, as a whole or not at all. */
class FakeScm {
  readonly containers = new Map<number, ContainerRecord>();
  readonly pipelines = new Map<string, PipelineRecord>();
  readonly sizes: number[] = [];
  /** Ids that it refuses. */
  readonly refused = new Set<number>();
  failure: Error | undefined;

  hasEnded = false;

  readonly connection: Partial<AdminConnection> = {
    endImport: async () => {
      this.hasEnded = true;
      return {};
    },
    import: async ({ pipelines, containers }) => {
      await Promise.resolve();
      this.sizes.push(pipelines.length + containers.length);
      if (this.failure !== undefined) throw this.failure;
      const refused = containers.find(({ containerId }) => this.refused.has(containerId));
      if (refused !== undefined) {
        throw new StrataError("CONTAINER_ALREADY_EXISTS", { containerId: refused.containerId });
      }
      const newOnes = containers.filter(({ containerId }) => !this.containers.has(containerId));
      const newPipelines = pipelines.filter(({ pipelineId }) => !this.pipelines.has(pipelineId));
      for (const container of newOnes) this.containers.set(container.containerId, container);
      for (const pipeline of newPipelines) this.pipelines.set(pipeline.pipelineId, pipeline);
      return { pipelineCount: newPipelines.length, containerCount: newOnes.length };
    },
  };
}

function importLines(scm: FakeScm, input: readonly string[]) {
  return runCli(["admin", "container", "import", "-"], { connection: scm.connection, input });
}

test("--end ends the import when every line has been taken over, and not before", async () => {
  const run = (scm: FakeScm, words: readonly string[]) => {
    const command = ["admin", "container", "import", "-", ...words];
    return runCli(command, { connection: scm.connection, input: [lineOf(1), lineOf(2)] });
  };
  const scm = new FakeScm();
  await run(scm, []);
  assert.equal(scm.hasEnded, false);
  scm.refused.add(2);
  scm.containers.clear();
  assert.equal((await run(scm, ["--end"])).exitCode, 1);
  assert.equal(scm.hasEnded, false);
  scm.refused.clear();
  const { exitCode, out } = await run(scm, ["--end"]);
  assert.deepEqual([exitCode, scm.hasEnded], [0, true]);
  assert.match(out, /1 were there already\.\nThe import has ended\.$/);
  const json = await run(scm, ["--end", "--json"]);
  assert.deepEqual(JSON.parse(json.out), { pipelines: 0, containers: 0, existing: 2 });
});

test("a container line becomes a record; what is left out is 0", () => {
  const { usedBytes: _, keyCount: __, sequenceId: ___, ...rest } = CONTAINER;
  assert.deepEqual(parseImportLine(JSON.stringify({ ...rest, pipelineId: uuidOf(1) })), {
    kind: "container",
    container: containerOf(7, { usedBytes: 0, keyCount: 0, sequenceId: 0, pipelineId: uuidOf(1) }),
  });
});

test("a pipeline line becomes a record with its members", () => {
  assert.deepEqual(parseImportLine(JSON.stringify(PIPELINE)), {
    kind: "pipeline",
    pipeline: pipelineOf(100, [1]),
  });
  const ec = { ...PIPELINE, replication: "rs-3-2-1024k", members: [{ ...MEMBER, replicaIndex: 4 }] };
  const record = parseImportLine(JSON.stringify(ec));
  assert.equal(record.kind === "pipeline" && record.pipeline.members[0]?.replicaIndex, 4);
});

test("what is wrong with a line is named by its field", () => {
  const rows: [unknown, RegExp][] = [
    [[], /^the line: must be a JSON object/],
    [{}, /^type: must be set/],
    [{ type: "node" }, /^type: must be "pipeline" or "container"/],
    [{ ...CONTAINER, containerId: 0 }, /^containerId: must be at least 1/],
    [{ ...CONTAINER, containerId: "7" }, /^containerId: must be a whole number/],
    [{ ...CONTAINER, usedBytes: -1 }, /^usedBytes: must be a whole number/],
    [{ ...CONTAINER, state: "Closed" }, /^state: must be one of OPEN, CLOSING/],
    [{ ...CONTAINER, replication: "THREE" }, /^replication: must be like RATIS\/THREE/],
    [{ ...CONTAINER, owner: null }, /^owner: must be set/],
    [{ ...CONTAINER, suppressed: 1 }, /^suppressed: must be true or false/],
    [{ ...CONTAINER, pipelineId: "x" }, /^pipelineId: must be a UUID/],
    [{ ...CONTAINER, useBytes: 1 }, /^useBytes: is not known/],
    [{ ...PIPELINE, members: {} }, /^members: must be a list/],
    [{ ...PIPELINE, members: [MEMBER, 5] }, /^members\[1\]: must be a JSON object/],
    [{ ...PIPELINE, members: [{ ...MEMBER, hostName: 1 }] }, /^members\[0\]\.hostName: must be a text/],
    [
      { ...PIPELINE, members: [{ ...MEMBER, ports: { A: 70_000 } }] },
      /^members\[0\]\.ports\.A: must be a port/,
    ],
    [
      { ...PIPELINE, members: [{ ...MEMBER, replicaIndex: 256 }] },
      /^members\[0\]\.replicaIndex: must be at most/,
    ],
    [{ ...PIPELINE, members: [{ ...MEMBER, x: 1 }] }, /^members\[0\]\.x: is not known/],
    [{ ...PIPELINE, members: Array.from({ length: 65 }, () => MEMBER) }, /^members: must have at most 64/],
  ];
  for (const [value, message] of rows) {
    assert.throws(() => parseImportLine(JSON.stringify(value)), { name: "LineError", message });
  }
  assert.throws(() => parseImportLine("{"), { name: "LineError", message: /^no JSON/ });
});

test("a file is sent in batches; running it again skips what is there", async () => {
  const scm = new FakeScm();
  const file = join(folder, "good.jsonl");
  const ids = Array.from({ length: 2500 }, (_, i) => i + 1);
  writeFileSync(file, `${[JSON.stringify(PIPELINE), "", ...ids.map(lineOf)].join("\r\n")}`);
  const words = ["admin", "container", "import", file];
  const first = await runCli(words, scm);
  assert.deepEqual([first.exitCode, first.err], [0, ""]);
  assert.equal(first.out, "Imported 2500 container(s) and 1 pipeline(s); 0 were there already.");
  assert.deepEqual(scm.sizes, [1001, 1000, 500]);
  assert.deepEqual(scm.containers.get(2500)?.replication, RATIS_THREE);
  const again = await runCli([...words, "--json"], scm);
  assert.deepEqual(JSON.parse(again.out), { pipelines: 0, containers: 0, existing: 2501 });
});

test("a line that cannot be read is told with its number, after all before it were sent", async () => {
  const scm = new FakeScm();
  const { exitCode, err } = await importLines(scm, [lineOf(1), lineOf(2), "", "{oops", lineOf(3)]);
  assert.equal(exitCode, 1);
  assert.match(err, /^strata: line 4: no JSON/);
  assert.deepEqual([...scm.containers.keys()], [1, 2]);
});

test("a record that the SCM refuses is found by halving its batch", async () => {
  const scm = new FakeScm();
  scm.refused.add(777);
  const { exitCode, err } = await importLines(
    scm,
    Array.from({ length: 1500 }, (_, i) => lineOf(i + 1)),
  );
  assert.equal(exitCode, 1);
  assert.deepEqual(err.split("\n"), [
    "strata: line 777: container 777 exists with other values (CONTAINER_ALREADY_EXISTS)",
    "strata: Correct the request.",
  ]);
  for (let id = 1; id < 777; id++) assert.ok(scm.containers.has(id), `container ${id}`);
});

test("of several records that are refused the first one in the file is told", async () => {
  const scm = new FakeScm();
  for (const id of [2900, 1200, 1100]) scm.refused.add(id);
  const { err } = await importLines(
    scm,
    Array.from({ length: 4000 }, (_, i) => lineOf(i + 1)),
  );
  assert.match(err, /^strata: line 1100: /);
});

test("an error that concerns no record is told once, with the lines and its exit code", async () => {
  const scm = new FakeScm();
  scm.failure = new StrataError("IMPORT_FLOOR_MISSING");
  const refused = await importLines(scm, [lineOf(1), lineOf(2)]);
  assert.equal(refused.exitCode, 1);
  assert.match(
    refused.err,
    /^strata: lines 1 to 2: import needs the id and term floors .*IMPORT_FLOOR_MISSING/,
  );
  assert.deepEqual(scm.sizes, [2]);
  scm.failure = new StrataError("REQUEST_TIMEOUT", { timeoutMs: 5 });
  assert.equal((await importLines(scm, [lineOf(1)])).exitCode, 69);
});

test("a file that does not exist, or has no lines at all, is an error", async () => {
  const scm = new FakeScm();
  const missing = await runCli(["admin", "container", "import", join(folder, "no")], scm);
  assert.equal(missing.exitCode, 1);
  assert.match(missing.err, /cannot be read: ENOENT/);
  const file = join(folder, "one-line");
  writeFileSync(file, "x".repeat(3_000_000));
  const long = await runCli(["admin", "container", "import", file], scm);
  assert.match(long.err, /has a line of more than 1 MB/);
});
