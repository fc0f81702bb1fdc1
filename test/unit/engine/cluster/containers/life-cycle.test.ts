import assert from "node:assert/strict";
import { test } from "node:test";
import { nextState } from "../../../../../engine/cluster/containers/life-cycle.js";
import { parseReplication } from "../../../../../engine/cluster/containers/replication-config.js";
import type { Operation } from "../../../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../../../engine/cluster/operation.js";
import type { ContainerEvent, ContainerState } from "../../../../../engine/core/enums.js";
import { CONTAINER_EVENT, CONTAINER_STATE } from "../../../../../engine/core/enums.js";
import { AppliedState } from "../../../../support/cluster/applied-state.js";
import { containerRecord, importBatch, seedCluster } from "../../../../support/cluster/builders.js";

/** Spec 02 §4.1, copied cell by cell: a dash is an invalid transition. */
const TABLE = `
State        FINALIZE QUASI_CLOSE  CLOSE  FORCE_CLOSE DELETE   CLEANUP
OPEN         CLOSING  -            -      -           -        -
CLOSING      self     QUASI_CLOSED CLOSED -           -        -
QUASI_CLOSED self     self         -      CLOSED      DELETING -
CLOSED       self     self         self   self        DELETING -
DELETING     self     self         self   self        self     DELETED
DELETED      self     self         self   self        self     self
RECOVERING   -        -            -      -           -        -
`;
const [HEAD, ...ROWS] = TABLE.trim()
  .split("\n")
  .map((line) => line.split(/\s+/)) as [string[], ...string[][]];

/** Every cell: state, event, next state or undefined. */
const CELLS = ROWS.flatMap(([state, ...cells]) =>
  cells.map((cell, column) => ({
    state: state as ContainerState,
    event: HEAD[column + 1] as ContainerEvent,
    next: cell === "-" ? undefined : ((cell === "self" ? state : cell) as ContainerState),
  })),
);

const IMPORTED = { usedBytes: 500, keyCount: 5, sequenceId: 50, stateEnterTimeMs: 1000 };
const FIGURES = { usedBytes: 700, keyCount: 7, sequenceId: 70 };

function transition(containerId: number, event: ContainerEvent, figures = FIGURES): Operation {
  return { kind: OPERATION.transitionContainer, session: NO_SESSION, containerId, event, ...figures };
}

function withContainer(state: ContainerState, changes = {}): AppliedState {
  const applied = new AppliedState();
  applied.done(seedCluster());
  applied.done(importBatch([containerRecord(1, { ...IMPORTED, state, ...changes })]));
  applied.nowMs += 1000;
  return applied;
}

test("the table of transitions is that of the specification, in every cell", () => {
  assert.equal(CELLS.length, Object.keys(CONTAINER_STATE).length * Object.keys(CONTAINER_EVENT).length);
  for (const { state, event, next } of CELLS)
    assert.equal(nextState(state, event), next, `${state} ${event}`);
});

test("a self transition that raises the sequence id is told like any other change", () => {
  const applied = withContainer("CLOSING");
  applied.changedContainers.length = 0;
  applied.done(transition(1, "FINALIZE"));
  assert.equal(applied.state.containers.get(1)?.sequenceId, 70);
  applied.done(transition(1, "FINALIZE"));
  assert.deepEqual(applied.changedContainers, [1], "the shards compare with it");
});

test("a transition that is not allowed changes nothing, a self transition keeps the state", () => {
  for (const { state, event, next } of CELLS) {
    const applied = withContainer(state);
    const before = applied.state.containers.get(1);
    if (next === undefined) {
      assert.equal(applied.refused(transition(1, event)), "CONTAINER_STATE", `${state} ${event}`);
      assert.deepEqual(applied.state.containers.get(1), before);
      continue;
    }
    applied.done(transition(1, event));
    const after = applied.state.containers.get(1);
    assert.equal(after?.state, next, `${state} ${event}`);
    const isMoved = next !== state;
    assert.equal(after?.usedBytes, isMoved ? FIGURES.usedBytes : IMPORTED.usedBytes);
    assert.equal(after?.keyCount, isMoved ? FIGURES.keyCount : IMPORTED.keyCount);
    assert.equal(after?.stateEnterTimeMs, isMoved ? applied.nowMs : IMPORTED.stateEnterTimeMs);
    applied.state.checkInvariants();
  }
});

test("the sequence id rises to the leader's until the container is final, never afterwards", () => {
  const rising: ContainerState[] = ["OPEN", "CLOSING", "QUASI_CLOSED"];
  for (const { state, event, next } of CELLS) {
    if (next === undefined) continue;
    const applied = withContainer(state);
    applied.done(transition(1, event));
    const expected = rising.includes(state) ? FIGURES.sequenceId : IMPORTED.sequenceId;
    assert.equal(applied.state.containers.get(1)?.sequenceId, expected, `${state} ${event}`);
    const lower = withContainer(state);
    lower.done(transition(1, event, { ...FIGURES, sequenceId: 3 }));
    assert.equal(lower.state.containers.get(1)?.sequenceId, IMPORTED.sequenceId, `${state} ${event} lower`);
  }
});

test("a transition of an unknown container is refused", () => {
  const applied = withContainer("OPEN");
  assert.equal(applied.refused(transition(2, "FINALIZE")), "CONTAINER_NOT_FOUND");
});

test("an EC container is never quasi-closed", () => {
  const applied = withContainer("CLOSING", { replication: parseReplication("rs-3-2-1024k") });
  assert.equal(applied.refused(transition(1, "QUASI_CLOSE")), "CONTAINER_STATE");
  applied.done(transition(1, "CLOSE"));
});

test("counts by state follow the transitions", () => {
  const applied = withContainer("OPEN");
  const { containers } = applied.state;
  applied.done(transition(1, "FINALIZE"));
  const none = Object.fromEntries(Object.keys(CONTAINER_STATE).map((state) => [state, 0]));
  assert.deepEqual(containers.counts(), { total: 1, byState: { ...none, CLOSING: 1 }, suppressed: 0 });
});
