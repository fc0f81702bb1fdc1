import assert from "node:assert/strict";
import { test } from "node:test";
import type { Differences } from "../../../scripts/replay/compare.js";
import { Player } from "../../../scripts/replay/player.js";
import {
  admin,
  allocation,
  changed,
  containerInfo,
  detailsOf,
  ecPipeline,
  event,
  type Line,
  ratisOne,
  register,
  replica,
  runOf,
  traceNode,
} from "../../support/replay/trace-builder.js";

/** A real SCM plays small traces in which answers about pipelines are right, or wrong in one field. */

const A = traceNode(1);
const B = traceNode(2);
const C = traceNode(3);
const RATIS: Line = { ...ratisOne(A, 1), state: "PIPELINE_OPEN" };
const EC: Line = { ...ecPipeline([A, B, C], 2, 1), state: "PIPELINE_OPEN" };
const BEGIN = [
  event(0, "scm-started"),
  register(1000, A),
  register(1001, B),
  register(1002, C),
  allocation(2000, [1], RATIS),
  allocation(2001, [2], EC),
];
const FIGURES = { usedBytes: 10, numberOfKeys: 1, sequenceId: 5 };
const READ_ID = { id: "9d9b1be7-57ff-4b52-8f3b-7d4a7a2a3a01" };
/** Container 1 as two datanodes have closed it. */
const CLOSED = containerInfo(1, { state: "CLOSED", ...FIGURES, pipelineID: RATIS["id"] });
const CLOSING = [changed(3000, A, [replica(1)]), changed(3100, B, [replica(1)])];
const READ = { ...RATIS, id: READ_ID, state: "PIPELINE_ALLOCATED", members: [detailsOf(B), detailsOf(A)] };

async function played(...lines: readonly Line[]): Promise<Differences> {
  const player = new Player(runOf([...BEGIN, ...lines]), []);
  await player.play(() => undefined);
  return player.differences;
}

function listed(atMs: number, ...pipelines: readonly Line[]): Line {
  return admin(atMs, "ListPipelines", {}, { listPipelineResponse: { pipelines } });
}

function withPipeline(atMs: number, containerInfo: Line, pipeline: Line): Line {
  const response = {
    getContainerWithPipelineResponse: { containerWithPipeline: { containerInfo, pipeline } },
  };
  return admin(atMs, "GetContainerWithPipeline", {}, response);
}

test("pipelines of lists, of blocks and of containers are those of the trace", async () => {
  const open = containerInfo(1, { pipelineID: RATIS["id"] });
  const { lines, agreed } = await played(
    withPipeline(2500, open, RATIS),
    ...CLOSING,
    withPipeline(5000, CLOSED, READ),
    listed(6000, EC, RATIS),
  );
  assert.deepEqual(lines, []);
  const counts = [
    "pipelines of blocks",
    "own pipelines of containers",
    "read pipelines of containers",
    "members of pipelines",
    "states of pipelines",
  ].map((what) => agreed.get(what));
  assert.deepEqual(counts, [2, 1, 1, 2, 2]);
});

test("a wrong member, index, configuration or state of a pipeline is one difference", async () => {
  const wrong: readonly (readonly [string, Line])[] = [
    ["members", { ...RATIS, members: [detailsOf(B)] }],
    ["members", { ...EC, memberReplicaIndexes: [1, 3, 2] }],
    [
      "parity indexes",
      { ...EC, ecReplicationConfig: { data: 2, parity: 2, codec: "rs", ecChunkSize: 1024 } },
    ],
    ["state", { ...RATIS, state: "PIPELINE_DORMANT" }],
  ];
  for (const [field, pipeline] of wrong) {
    const { lines } = await played(admin(5000, "GetPipeline", {}, { getPipelineResponse: { pipeline } }));
    assert.ok(
      lines.some((line) => line.includes(`: ${field}: ours`)),
      `${field}: ${lines.join("\n")}`,
    );
  }
});

test("a read pipeline with another member than the replicas tell is a difference", async () => {
  const { lines } = await played(
    ...CLOSING,
    withPipeline(5000, CLOSED, { ...READ, members: [detailsOf(A), detailsOf(C)] }),
    withPipeline(5100, CLOSED, { ...READ, state: "PIPELINE_OPEN" }),
  );
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.match(lines[0] ?? "", /pipeline with container 1: members: ours/);
  assert.match(lines[1] ?? "", /pipeline with container 1: state: ours ALLOCATED, trace OPEN/);
});
