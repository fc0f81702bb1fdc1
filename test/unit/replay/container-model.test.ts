import assert from "node:assert/strict";
import { test } from "node:test";
import { ModelRun } from "../../support/replay/model-run.js";
import {
  allocation,
  changed,
  closeContainer,
  containerInfo,
  ecPipeline,
  event,
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

/** What the recorded SCM may do otherwise than Strata, and that nothing else is excused. */

const [ONE, TWO, THREE, FOUR, FIVE] = [1, 2, 3, 4, 5].map(traceNode);
const NODES = [ONE, TWO, THREE, FOUR, FIVE].map((node) => node as NonNullable<typeof node>);
const [A, B, C] = NODES as [(typeof NODES)[0], (typeof NODES)[0], (typeof NODES)[0]];
const PIPELINE = ratisOne(A, 1);
const BEGIN = [
  event(0, "scm-started"),
  ...NODES.map((node, index) => register(1000 + index, node)),
  allocation(2000, [1], PIPELINE),
];
/** `replica` reports these. */
const FIGURES = { usedBytes: 10, numberOfKeys: 1, sequenceId: 5 };

function row(state: string, more: object = {}): Line {
  return replica(1, { state, ...more });
}

function answer(atMs: number, state: string, more: object = {}): Line {
  return getContainer(atMs, containerInfo(1, { pipelineID: PIPELINE["id"], state, ...FIGURES, ...more }));
}

/** What the model finds: that all answers agree, the reasons of those that need not, or the differences. */
function found(lines: readonly Line[]): readonly string[] {
  const run = new ModelRun();
  run.play(runOf([...BEGIN, ...lines]));
  return [...run.differences, ...run.reasons.keys()];
}

function assertDiffers(lines: readonly Line[]): void {
  assert.match(found(lines).join("\n"), /^line \d+: container 1: /);
}

test("reports, container actions and admin close move a container and its figures", () => {
  const full = { containerActions: { containerActions: [{ containerID: 1, reason: "CONTAINER_FULL" }] } };
  const lines = [
    answer(2500, "OPEN", { usedBytes: 0, numberOfKeys: 0, sequenceId: 0 }),
    changed(3000, A, [row("OPEN")]),
    changed(3100, B, [row("OPEN", { used: 30, keyCount: 3, blockCommitSequenceId: 7 })]),
    answer(5000, "OPEN", { sequenceId: 7 }),
    heartbeat(6000, A, full),
    answer(8000, "CLOSING", { sequenceId: 7 }),
    changed(9000, B, [row("CLOSED", { used: 30, keyCount: 3, blockCommitSequenceId: 7 })]),
    answer(11_000, "CLOSED", { usedBytes: 30, numberOfKeys: 3, sequenceId: 7 }),
  ];
  assert.deepEqual(found(lines), []);
  const closed = [
    closeContainer(3000, 1),
    answer(5000, "CLOSING", { usedBytes: 0, numberOfKeys: 0, sequenceId: 0 }),
  ];
  assert.deepEqual(found(closed), []);
});

test("a wrong state, sequence id, size or number of keys is no matter of reasons", () => {
  for (const more of [{ usedBytes: 11 }, { numberOfKeys: 2 }, { sequenceId: 6 }, { state: "CLOSED" }]) {
    assertDiffers([changed(3000, A, [row("OPEN")]), answer(5000, "OPEN", more)]);
  }
});

test("a closing container is excused when its pipeline was closed, and only then", () => {
  const before = [changed(3000, A, [row("OPEN")])];
  const action = { closePipeline: { pipelineID: PIPELINE["id"], reason: "PIPELINE_FAILED" } };
  const told = heartbeat(4000, A, { pipelineActions: { pipelineActions: [action] } });
  const closing = answer(8000, "CLOSING");
  assertDiffers([...before, closing]);
  assert.deepEqual(found([...before, told, closing]), [], "a datanode's action closes it here, too");
  // The member is stale.
  assert.deepEqual(found([...before, answer(16_500, "CLOSING")]), ["pipeline close"]);
  const listed = { type: "ListPipelines", response: { listPipelineResponse: { pipelines: [] } } };
  assert.deepEqual(found([...before, { ...answer(4000, "OPEN"), ...listed }, closing]), ["pipeline close"]);
});

test("a container is closing because a holder of it is dead that is no member of its pipeline", () => {
  const beats = (atMs: number) => heartbeat(atMs, A);
  const alive = [5000, 10_000, 15_000, 20_000, 25_000, 30_000].map(beats);
  const lines = [changed(3000, B, [row("OPEN")]), ...alive, answer(31_000, "CLOSING")];
  assert.deepEqual(found(lines), ["dead node"]);
  assertDiffers([changed(3000, A, [row("OPEN")]), ...alive, answer(31_000, "CLOSING")]);
});

test("the replication manager deletes empty containers and closes what cannot close itself", () => {
  const empty = [closeContainer(2500, 1), changed(3000, A, [row("CLOSED", { isEmpty: true })])];
  assert.deepEqual(found([...empty, answer(8000, "DELETING")]), ["replication manager"]);
  const gone = [...empty, changed(4000, A, [row("DELETED", { isEmpty: true })])];
  assert.deepEqual(found([...gone, answer(8000, "DELETED")]), ["replication manager"]);
  const full = [closeContainer(2500, 1), changed(3000, A, [row("CLOSED")])];
  assertDiffers([...full, answer(8000, "DELETING")]);
  const none = { usedBytes: 0, numberOfKeys: 0, sequenceId: 0 };
  const unhealthy = [closeContainer(2500, 1), changed(3000, A, [row("UNHEALTHY")])];
  assert.deepEqual(found([...unhealthy, answer(8000, "QUASI_CLOSED", none)]), ["replication manager"]);
  assert.deepEqual(found([closeContainer(2500, 1), answer(8000, "CLOSED", none)]), ["replication manager"]);
});

test("a container that the trace shows late is one of block allocation's", () => {
  const late = containerInfo(2, { state: "CLOSED", usedBytes: 10, numberOfKeys: 1, sequenceId: 5 });
  assert.deepEqual(found([listContainers(3000, [late])]), ["block allocation"]);
  // Its report was told before: the same from both sides.
  const reported = [changed(2500, A, [replica(2)]), listContainers(3000, [late])];
  assert.deepEqual(found(reported), []);
});

test("an answer that comes with a report may show the container before it, for a second", () => {
  const lines = [changed(3000, A, [row("OPEN")]), changed(9000, A, [row("CLOSED")])];
  assert.deepEqual(found([...lines, answer(9500, "OPEN")]), ["report under way in the recorded SCM"]);
  assertDiffers([...lines, answer(10_500, "OPEN")]);
});

test("rule 1: the recorded SCM raises the sequence id of a closed container", () => {
  const lines = [
    closeContainer(2500, 1),
    changed(3000, A, [row("CLOSED")]),
    changed(4000, B, [row("CLOSED", { blockCommitSequenceId: 9 })]),
  ];
  assert.match(found([...lines, answer(8000, "CLOSED", { sequenceId: 9 })]).join(), /^spec 02 §18 rule 1,/);
  assert.deepEqual(found([...lines, answer(8000, "CLOSED")]), []);
});

test("rule 2: a restarted SCM has the figures of the last step", () => {
  const none = { usedBytes: 0, numberOfKeys: 0, sequenceId: 0 };
  const lines = [
    changed(3000, A, [row("OPEN")]),
    event(5000, "scm-stopped"),
    register(9000, A),
    answer(9500, "OPEN", none),
    changed(11_000, A, [row("OPEN")]),
    answer(13_000, "OPEN"),
  ];
  assert.deepEqual(found(lines), []);
});

test("rule 4: the recorded SCM keeps the older replica instead of a stale closed one", () => {
  const older = row("CLOSING", { blockCommitSequenceId: 4 });
  const stale = row("CLOSED", { blockCommitSequenceId: 4 });
  const lines = [
    closeContainer(2500, 1),
    changed(3000, A, [row("CLOSING")]),
    changed(3100, B, [older]),
    changed(4000, B, [stale]),
  ];
  const [a, b] = [row("CLOSING"), older];
  const kept = replicasAnswer(8000, 1, [
    [A, a],
    [B, b],
  ]);
  assert.match(found([...lines, kept]).join(), /^spec 02 §18 rule 4,/);
  assert.deepEqual(
    found([
      ...lines,
      replicasAnswer(8000, 1, [
        [A, a],
        [B, stale],
      ]),
    ]),
    [],
  );
});

test("rule 5: the recorded SCM quasi-closes EC containers", () => {
  const pipeline = ecPipeline(NODES, 3, 2);
  const ec = { replicationType: "EC", ecReplicationConfig: pipeline["ecReplicationConfig"] };
  const info = containerInfo(2, { ...ec, ...FIGURES, pipelineID: pipeline["id"], state: "QUASI_CLOSED" });
  const lines = [
    allocation(2400, [2], pipeline),
    closeContainer(2500, 2),
    changed(3000, A, [replica(2, { state: "QUASI_CLOSED", replicaIndex: 1 })]),
    getContainer(8000, info),
  ];
  assert.match(found(lines).join(), /^spec 02 §18 rule 5,/);
});

test("rule 7: the recorded SCM is done with a row before it takes the next one", () => {
  const lines = [
    changed(2500, A, [row("OPEN", { used: 3 })]),
    changed(3000, B, [row("CLOSING"), row("CLOSED", { used: 8 })]),
    answer(8000, "CLOSED", { usedBytes: 8 }),
  ];
  assert.match(found(lines).join(), /spec 02 §18 rule 7,/);
});

test("rule 18: the recorded SCM needs a second report to close an open container", () => {
  const lines = [changed(3000, A, [row("CLOSED")]), answer(8000, "CLOSING")];
  assert.match(found(lines).join(), /^spec 02 §18 rule 18,/);
  assert.deepEqual(found([...lines, changed(9000, C, [row("CLOSED")]), answer(12_000, "CLOSED")]).length, 1);
});
