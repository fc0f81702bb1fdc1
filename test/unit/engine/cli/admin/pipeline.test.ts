import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminConnection } from "../../../../../engine/cli/parts.js";
import { parseReplication, ratis } from "../../../../../engine/cluster/containers/replication-config.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import type { Uuid } from "../../../../../engine/core/uuid.js";
import type { PipelineRecord } from "../../../../../protocol/schema/records.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import { datanodeDetails, pipelineRecord } from "../../../../support/cluster/builders.js";

const EC = parseReplication("rs-2-1-1024k");
const RECORDS: readonly PipelineRecord[] = [
  pipelineRecord(1, { leaderId: datanodeDetails(2).uuid }),
  pipelineRecord(2, { state: "CLOSED" }),
  pipelineRecord(3, {
    replication: EC,
    members: [1, 2, 3].map((number) => ({ details: datanodeDetails(number), replicaIndex: number })),
  }),
];
const ID = pipelineRecord(1).pipelineId;

function pipeline(words: readonly string[], connection: Partial<AdminConnection> = {}) {
  return runCli(["admin", "pipeline", ...words], { connection });
}

/** Answers two pages and notes what was asked for. */
function listing(asked: object[] = []): Partial<AdminConnection> {
  return {
    listPipelines: async ({ countMax: _, after, ...filter }) => {
      asked.push(filter);
      if (after === undefined) return { pipelines: RECORDS.slice(0, 2), more: true, next: "last" as Uuid };
      assert.equal(after, "last");
      return { pipelines: RECORDS.slice(2), more: false };
    },
  };
}

function closing(closed: Uuid[], error?: StrataError): Partial<AdminConnection> {
  return {
    closePipeline: async ({ pipelineId }) => {
      closed.push(pipelineId);
      if (error !== undefined) throw error;
      return {};
    },
  };
}

test("list prints a line a pipeline, all pages of it", async () => {
  const { exitCode, out } = await pipeline(["list"], listing());
  assert.equal(exitCode, 0);
  const [first, second, third, ...rest] = out.split("\n");
  assert.equal(
    first,
    "Pipeline{ Id: 00000000-0000-4000-8000-0000000f4241, Nodes: [" +
      " {00000000-0000-4000-8000-000000000001(dn1.example.org/10.0.0.1)}," +
      " {00000000-0000-4000-8000-000000000002(dn2.example.org/10.0.0.2)}," +
      " {00000000-0000-4000-8000-000000000003(dn3.example.org/10.0.0.3)},]," +
      " ReplicationConfig: RATIS/THREE, State:OPEN," +
      " leaderId:00000000-0000-4000-8000-000000000002, CreationTimestamp2023-11-14T22:13:20.000Z}",
  );
  assert.match(second ?? "", /State:CLOSED, leaderId:, /);
  assert.match(third ?? "", /dn2\.example\.org\/10\.0\.0\.2\), ReplicaIndex: 2\},.*EC\{rs-2-1-1024k\}/);
  assert.deepEqual(rest, []);
});

test("list --json prints the reference's shape", async () => {
  const { out } = await pipeline(["list", "--json"], listing());
  const [first, , third] = JSON.parse(out);
  assert.deepEqual(first.id, { id: ID });
  assert.equal(first.pipelineState, "OPEN");
  assert.equal(first.leaderNode.hostName, "dn2.example.org");
  assert.equal(third.replicaIndexes[datanodeDetails(3).uuid], 3);
});

test("list passes its filters on to the SCM", async () => {
  const cases: [string[], object][] = [
    [["-s", "open"], { state: "OPEN" }],
    [["-t", "EC"], { replicationType: "EC" }],
    [["-t", "RATIS", "-r", "THREE"], { replication: ratis(3) }],
    [
      ["--type", "ec", "--replication", "rs-2-1-1024k", "--state", "CLOSED"],
      { replication: EC, state: "CLOSED" },
    ],
    [["--filter-by-factor", "ONE"], { replication: ratis(1) }],
    [["--filterByFactor", "THREE"], { replication: ratis(3) }],
  ];
  for (const [words, filter] of cases) {
    const asked: object[] = [];
    await pipeline(["list", ...words], listing(asked));
    assert.deepEqual(asked, [filter, filter], words.join(" "));
  }
});

test("filters that contradict each other are wrong usage", async () => {
  const cases: [string[], RegExp][] = [
    [["-r", "THREE"], /--type is required with --replication/],
    [["-t", "EC", "-r", "THREE"], /--replication THREE is not one of type EC/],
    [["--filter-by-factor", "ONE", "-r", "ONE"], /mutually exclusive/],
    [["-s", "AJAR"], /Allowed are ALLOCATED, OPEN, DORMANT, CLOSED/],
  ];
  for (const [words, message] of cases) {
    const { exitCode, err } = await pipeline(["list", ...words]);
    assert.equal(exitCode, 2);
    assert.match(err, message);
  }
});

test("create prints the id and the members, of RATIS/ONE unless told otherwise", async () => {
  const asked: unknown[] = [];
  const connection: Partial<AdminConnection> = {
    createPipeline: async (request) => {
      asked.push(request);
      return { pipeline: pipelineRecord(1, { state: "ALLOCATED" }) };
    },
  };
  const { exitCode, out } = await pipeline(["create"], connection);
  assert.equal(exitCode, 0);
  assert.ok(out.startsWith(`${ID} is created. Pipeline{ Id: ${ID}, Nodes: [`), out);
  const { out: json } = await pipeline(["create", "-f", "three", "--json"], connection);
  assert.equal(JSON.parse(json).pipelineState, "ALLOCATED");
  assert.deepEqual(asked, [{ replication: ratis(1) }, { replication: ratis(3) }]);
  for (const type of ["EC", "STAND_ALONE"]) {
    const refused = await pipeline(["create", "-t", type]);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.err, new RegExp(`${type} is not supported`));
  }
});

test("a creation that is refused says why", async () => {
  const error = new StrataError("FAILED_TO_FIND_SUITABLE_NODE", { required: 3, reason: "the limit is 4" });
  const { exitCode, err } = await pipeline(["create"], { createPipeline: () => Promise.reject(error) });
  assert.equal(exitCode, 1);
  assert.match(err, /the limit is 4 \(FAILED_TO_FIND_SUITABLE_NODE\)/);
});

test("close is silent; with --all it closes what matches and is not closed", async () => {
  const closed: Uuid[] = [];
  assert.deepEqual(await pipeline(["close", ID.toUpperCase()], closing(closed)), {
    exitCode: 0,
    out: "",
    err: "",
  });
  assert.deepEqual(closed.splice(0), [ID]);
  const asked: object[] = [];
  const all = await pipeline(["close", "--all", "-t", "RATIS"], { ...closing(closed), ...listing(asked) });
  assert.deepEqual([all.exitCode, all.out], [0, "Sending close command for 2 pipelines..."]);
  assert.deepEqual(closed, [RECORDS[0]?.pipelineId, RECORDS[2]?.pipelineId]);
  assert.deepEqual(asked[0], { replicationType: "RATIS" });
});

test("close --all goes on after a refusal, and not when the SCM is gone", async () => {
  const refused: Uuid[] = [];
  const error = new StrataError("PIPELINE_NOT_FOUND", { pipelineId: ID });
  const { exitCode, err } = await pipeline(["close", "--all"], { ...closing(refused, error), ...listing() });
  assert.deepEqual([exitCode, refused.length], [1, 2]);
  assert.match(err, new RegExp(`Pipeline ${ID} was not closed:`));
  const gone: Uuid[] = [];
  const timeout = new StrataError("REQUEST_TIMEOUT", { timeoutMs: 1 });
  const end = await pipeline(["close", "--all"], { ...closing(gone, timeout), ...listing() });
  assert.deepEqual([end.exitCode, gone.length], [69, 1]);
});

test("close wants an id or --all, filters with --all only, and a UUID", async () => {
  const cases: [string[], RegExp][] = [
    [[], /one of <id> and --all is needed/],
    [[ID, "--all"], /one of <id> and --all is needed/],
    [[ID, "-t", "RATIS"], /filters can only be used with --all/],
    [["17"], /Must be a UUID/],
  ];
  for (const [words, message] of cases) {
    const { exitCode, err } = await pipeline(["close", ...words]);
    assert.equal(exitCode, 2);
    assert.match(err, message);
  }
});

test("activate and deactivate are silent, and say why not", async () => {
  const error = new StrataError("INVALID_PIPELINE_STATE", {
    pipelineId: ID,
    state: "CLOSED",
    reason: "cannot become OPEN",
  });
  const asked: unknown[] = [];
  const done = async (request: object) => {
    asked.push(request);
    return {};
  };
  for (const [name, call] of [
    ["activate", "activatePipeline"],
    ["deactivate", "deactivatePipeline"],
  ] as const) {
    assert.deepEqual(await pipeline([name, ID], { [call]: done }), { exitCode: 0, out: "", err: "" });
    const refused = await pipeline([name, ID], { [call]: () => Promise.reject(error) });
    assert.equal(refused.exitCode, 1);
    assert.match(refused.err, /in state CLOSED cannot become OPEN \(INVALID_PIPELINE_STATE\)/);
  }
  assert.deepEqual(asked, [{ pipelineId: ID }, { pipelineId: ID }]);
});
