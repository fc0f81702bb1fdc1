import assert from "node:assert/strict";
import { test } from "node:test";
import type { Differences } from "../../../scripts/replay/compare.js";
import { Player } from "../../../scripts/replay/player.js";
import {
  admin,
  allocation,
  changed,
  closeContainer,
  containerInfo,
  ecPipeline,
  event,
  failed,
  getContainer,
  heartbeat,
  type Line,
  listContainers,
  ratisOne,
  register,
  replica,
  replicasAnswer,
  runOf,
  traceNode,
} from "../../support/replay/trace-builder.js";

/** The comparison itself: a real SCM plays small traces in which answers about containers are right, or wrong
 * in one field. */

const A = traceNode(1);
const B = traceNode(2);
const C = traceNode(3);
const PIPELINE = ratisOne(A, 1);
const EC_PIPELINE = ecPipeline([A, B, C], 2, 1);
const BEGIN = [
  event(0, "scm-started"),
  register(1000, A),
  register(1001, B),
  register(1002, C),
  allocation(2000, [1], PIPELINE),
  allocation(2001, [2], EC_PIPELINE),
];
const FIGURES = { usedBytes: 10, numberOfKeys: 1, sequenceId: 5 };
const CLOSED_EC = containerInfo(2, {
  state: "CLOSED",
  usedBytes: 10,
  numberOfKeys: 1,
  pipelineID: EC_PIPELINE["id"],
  replicationType: "EC",
  replicationFactor: undefined,
  ecReplicationConfig: EC_PIPELINE["ecReplicationConfig"],
});

async function played(lines: readonly Line[]): Promise<Differences> {
  const player = new Player(runOf([...BEGIN, ...lines]), []);
  await player.play(() => undefined);
  return player.differences;
}

function info(state: string, more: object = {}): Line {
  return containerInfo(1, { state, ...FIGURES, pipelineID: PIPELINE["id"], ...more });
}

function row(state: string, more: object = {}): Line {
  return replica(1, { state, ...more });
}

function ecRow(state: string, replicaIndex: number): Line {
  return replica(2, { state, replicaIndex, blockCommitSequenceId: 0 });
}

/** Container 1 is closed by a container action, 2 by an administrator. */
const LIFE = [
  changed(3000, A, [row("OPEN"), ecRow("OPEN", 1)]),
  changed(3100, B, [row("OPEN", { used: 30, keyCount: 3, blockCommitSequenceId: 7 }), ecRow("OPEN", 2)]),
  getContainer(5000, info("OPEN", { sequenceId: 7 })),
  heartbeat(6000, A, {
    containerActions: { containerActions: [{ containerID: 1, reason: "CONTAINER_FULL" }] },
  }),
  closeContainer(6500, 2),
  getContainer(8000, info("CLOSING", { sequenceId: 7 })),
  changed(9000, B, [row("CLOSED", { used: 30, keyCount: 3, blockCommitSequenceId: 7 }), ecRow("CLOSED", 2)]),
  changed(9100, A, [ecRow("CLOSED", 1)]),
];
const CLOSED = info("CLOSED", { usedBytes: 30, numberOfKeys: 3, sequenceId: 7 });

test("containers live by reports, container actions and admin close as in the trace", async () => {
  const { lines, agreed } = await played([
    ...LIFE,
    getContainer(11_000, CLOSED),
    listContainers(11_100, [CLOSED, CLOSED_EC]),
    listContainers(11_200, [CLOSED_EC], { type: "EC", state: "CLOSED" }),
    listContainers(11_250, [CLOSED_EC], { ecReplicationConfig: EC_PIPELINE["ecReplicationConfig"] }),
    listContainers(11_300, [], { state: "OPEN" }),
    closeContainer(11_400, 1, "CONTAINER_ALREADY_CLOSED"),
    replicasAnswer(11_500, 1, [
      [A, row("OPEN")],
      [B, row("CLOSED", { used: 30, keyCount: 3, blockCommitSequenceId: 7 })],
    ]),
  ]);
  assert.deepEqual(lines, []);
  assert.deepEqual(Object.fromEntries(agreed), { "container answers": 10, "pipelines of blocks": 2 });
});

test("a wrong field of a container is one difference", async () => {
  const wrong: Readonly<Record<string, object>> = {
    state: { state: "QUASI_CLOSED" },
    "sequence id": { sequenceId: 8 },
    "used bytes": { usedBytes: 31 },
    keys: { numberOfKeys: 4 },
    owner: { owner: "else" },
    pipeline: { pipelineID: EC_PIPELINE["id"] },
    type: { replicationType: "STAND_ALONE" },
    suppressed: { suppressed: true },
  };
  const answers = Object.values(wrong).map((more, index) =>
    getContainer(11_000 + index, { ...CLOSED, ...more }),
  );
  const { lines } = await played([...LIFE, ...answers]);
  const fields = lines.map((line) => /: container 1: ([^:]*): ours .*, trace /.exec(line)?.[1]);
  assert.deepEqual(fields, Object.keys(wrong));
});

test("a wrong field of a listed container, of one in a batch, and of EC is one difference", async () => {
  const ec = {
    ...CLOSED_EC,
    ecReplicationConfig: { data: 3, parity: 2, codec: "rs", ecChunkSize: 1_048_576 },
  };
  const batch = {
    getContainerWithPipelineBatchResponse: { containerWithPipelines: [{ containerInfo: ec }] },
  };
  const one = { ...CLOSED, usedBytes: 1 };
  const { lines } = await played([
    ...LIFE,
    listContainers(11_000, [one, CLOSED_EC]),
    admin(11_100, "GetContainerWithPipelineBatch", {}, batch),
    admin(
      11_200,
      "GetContainerWithPipeline",
      {},
      {
        getContainerWithPipelineResponse: { containerWithPipeline: { containerInfo: one } },
      },
    ),
  ]);
  assert.equal(lines.length, 4, lines.join("\n"));
  assert.match(lines[0] ?? "", /container 1: used bytes: ours 30, trace 1/);
  assert.match(lines[1] ?? "", /container 2: data indexes: ours 2, trace 3/);
  assert.match(lines[2] ?? "", /container 2: indexes: ours 3, trace 5/);
  assert.match(lines[3] ?? "", /container 1: used bytes: ours 30, trace 1/);
});

test("a container that one list has and the other has not is a difference", async () => {
  const { lines } = await played([
    ...LIFE,
    listContainers(11_000, [CLOSED], { state: "CLOSED" }),
    listContainers(11_100, [info("OPEN")], { state: "OPEN" }),
    listContainers(11_200, [CLOSED_EC]),
  ]);
  assert.equal(lines.length, 3, lines.join("\n"));
  assert.match(lines[0] ?? "", /container 2: in state CLOSED: ours listed, trace not listed/);
  assert.match(lines[1] ?? "", /container 1: in state OPEN: ours not listed, trace listed/);
  assert.match(lines[2] ?? "", /container 1: in the list: ours listed, trace not listed/);
});

test("a wrong field of a replica is one difference", async () => {
  const right = row("OPEN");
  const wrong: Readonly<Record<string, object>> = {
    state: { state: "CLOSED" },
    index: { replicaIndex: 1 },
    "sequence id": { blockCommitSequenceId: 4 },
    used: { used: 11 },
    keys: { keyCount: 2 },
    origin: { originNodeId: B.uuid },
    checksum: { dataChecksum: 1 },
  };
  const answers = Object.values(wrong).map((more, index) =>
    replicasAnswer(5000 + index, 1, [[A, { ...right, ...more }]]),
  );
  const { lines } = await played([
    changed(3000, A, [right]),
    ...answers,
    replicasAnswer(6000, 1, []),
    replicasAnswer(6001, 1, [
      [A, right],
      [B, right],
    ]),
  ]);
  const fields = lines.map((line) => /: container 1(?: on [^:]*)?: ([^:]*): ours .*, trace /.exec(line)?.[1]);
  assert.deepEqual(fields, [...Object.keys(wrong), `replica on ${A.uuid}`, `replica on ${B.uuid}`]);
});

test("an admin close that one side takes and the other does not is a difference", async () => {
  const { lines } = await played([
    closeContainer(3000, 1, "CONTAINER_ALREADY_CLOSED"),
    closeContainer(4000, 1),
    changed(5000, A, [row("QUASI_CLOSED")]),
    failed(closeContainer(7000, 1)),
    failed(closeContainer(7100, 2)),
  ]);
  assert.equal(lines.length, 3, lines.join("\n"));
  assert.match(lines[0] ?? "", /container 1: answer to close: ours OK, trace CONTAINER_ALREADY_CLOSED/);
  assert.match(lines[1] ?? "", /container 1: answer to close: ours CONTAINER_ALREADY_CLOSING, trace OK/);
  assert.match(lines[2] ?? "", /container 2: answer to close: ours OK, trace refused/);
});

test("what other parts did is counted by cause, what is meant to differ by rule", async () => {
  const action = { closePipeline: { pipelineID: PIPELINE["id"], reason: "PIPELINE_FAILED" } };
  const { lines, agreed, notComparedYet, differentByRule } = await played([
    changed(3000, A, [row("OPEN")]),
    heartbeat(4000, A, { pipelineActions: { pipelineActions: [action] } }),
    getContainer(6000, info("CLOSING")),
    listContainers(6100, [], { state: "OPEN", type: "RATIS" }),
    // A second report would close it in the recorded SCM.
    changed(7000, A, [ecRow("CLOSED", 1)]),
    getContainer(9000, { ...CLOSED_EC, state: "CLOSING" }),
  ]);
  assert.deepEqual(lines, []);
  assert.equal(agreed.get("container answers"), 1);
  assert.equal(notComparedYet.get("container: pipeline close"), undefined);
  const rules = [...differentByRule].map(([rule, count]) => `${rule.slice(0, 19)} ${count}`);
  assert.deepEqual(rules, ["spec 02 §18 rule 18 1"]);
});

test("containers that the trace shows late come in as they were created", async () => {
  const open = containerInfo(7, { pipelineID: PIPELINE["id"] });
  const closed = containerInfo(8, { state: "CLOSED", usedBytes: 10, numberOfKeys: 1, sequenceId: 5 });
  const { lines, agreed, notComparedYet } = await played([
    // Its pipeline was never shown.
    listContainers(3000, [open, closed], { startContainerID: 3 }),
    changed(4000, A, [replica(7, { state: "OPEN" }), replica(8)]),
    getContainer(6000, { ...open, ...FIGURES }),
    getContainer(6100, closed),
  ]);
  assert.deepEqual(lines, []);
  assert.equal(agreed.get("container answers"), 3);
  assert.equal(notComparedYet.get("container: block allocation"), 1);
});

test("an SCM that is started again has the figures of its log until reports come", async () => {
  const none = { usedBytes: 0, numberOfKeys: 0, sequenceId: 0 };
  const containerActions = [{ containerID: 2, reason: "CONTAINER_UNHEALTHY" }];
  const { lines } = await played([
    changed(3000, A, [row("OPEN"), ecRow("OPEN", 1)]),
    heartbeat(4000, B, { containerActions: { containerActions } }),
    event(8000, "scm-stopped"),
    event(9000, "scm-started"),
    register(10_000, B),
    getContainer(10_100, info("OPEN", none)),
    getContainer(10_101, { ...CLOSED_EC, state: "CLOSING" }),
    register(10_200, A, [row("CLOSING")]),
    getContainer(12_000, info("CLOSING")),
  ]);
  assert.deepEqual(lines, []);
});

test("a datanode that the SCM does not know says nothing of containers", async () => {
  const reregister = [{ commandType: "reregisterCommand" }];
  const stranger = traceNode(9);
  const parts = { incrementalContainerReport: [{ report: [row("CLOSED")] }] };
  const { lines } = await played([
    heartbeat(3000, stranger, parts, reregister),
    getContainer(5000, info("OPEN", { usedBytes: 0, numberOfKeys: 0, sequenceId: 0 })),
    replicasAnswer(5100, 1, []),
  ]);
  assert.deepEqual(lines, []);
});
