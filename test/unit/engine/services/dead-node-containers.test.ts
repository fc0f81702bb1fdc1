import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { pipelineRecord } from "../../../support/cluster/builders.js";
import { PROCESS_MS } from "../../../support/cluster/node-rig.js";
import { ContainerServiceRig, PROPOSALS_MAX } from "../../../support/services/container-service-rig.js";

/** More than any delay between two steps. */
const STEPS_MS = 2_000;

/** Imported containers 1 … count, OPEN and without a pipeline, all of them on datanode 1. */
function withImported(count: number): ContainerServiceRig {
  const rig = new ContainerServiceRig();
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  for (const id of ids) rig.add(id, { state: "OPEN" });
  rig.sets.set(1, ids);
  return rig;
}

function statesOf(rig: ContainerServiceRig, ids: readonly number[]): string[] {
  return ids.map((id) => rig.stateOf(id));
}

/** Proposals are applied as they come. */
function run(rig: ContainerServiceRig, ms = STEPS_MS): void {
  for (let passedMs = 0; passedMs < ms; passedMs += 10) {
    rig.time.advance(10);
    if (rig.waiting.length > 0) rig.settle();
  }
}

test("open containers of a dead datanode close, whether they have a pipeline or not", () => {
  const rig = withImported(3).add(4, { state: "CLOSED" });
  // Of other datanodes, or of a pipeline that is gone.
  const pipeline = pipelineRecord(1);
  rig.add(5, { state: "OPEN", pipelineId: pipeline.pipelineId }, [pipeline]).add(6, { state: "OPEN" });
  rig.sets.set(1, [1, 2, 4, 5, 900]);
  rig.lead();
  run(rig);
  equal(rig.applied.state.containers.get(1)?.state, "OPEN", "it lives");
  rig.die(1);
  equal(rig.waiting.length, 0, "not in the midst of what tells of it");
  run(rig);
  deepEqual(statesOf(rig, [1, 2, 3, 4, 5, 6]), ["CLOSING", "CLOSING", "OPEN", "CLOSED", "CLOSING", "OPEN"]);
  equal(rig.deadNodes.counters.closed, 3);
});

test("those of a turn share one entry, and no more are under way than may be", () => {
  const rig = withImported(3 * PROPOSALS_MAX).lead();
  rig.pageSize = 2 * PROPOSALS_MAX;
  rig.die(1);
  rig.time.advance(STEPS_MS);
  equal(rig.waiting.length, PROPOSALS_MAX);
  run(rig, 10_000);
  equal(rig.deadNodes.counters.closed, 3 * PROPOSALS_MAX);
});

test("a new leader closes those of datanodes that died before", () => {
  const rig = withImported(2);
  rig.die(1);
  run(rig);
  deepEqual(statesOf(rig, [1, 2]), ["OPEN", "OPEN"], "a follower does nothing");
  rig.lead();
  run(rig);
  deepEqual(statesOf(rig, [1, 2]), ["CLOSING", "CLOSING"]);
});

test("a datanode that is back keeps its open containers", () => {
  const rig = withImported(2).lead();
  rig.die(1);
  rig.nodes.beat(1);
  rig.nodes.run(2 * PROCESS_MS, [1, 2, 3, 4]);
  run(rig);
  deepEqual(statesOf(rig, [1, 2]), ["OPEN", "OPEN"]);
});

test("what found no room, no shard or no answer is tried again", () => {
  const rig = withImported(3).lead();
  rig.queryError = new StrataError("OVERLOADED", { reason: "test" });
  rig.die(1);
  run(rig);
  rig.queryError = undefined;
  rig.refusal = new StrataError("OVERLOADED", { reason: "test" });
  run(rig, 10_000);
  rig.refusal = undefined;
  rig.time.advance(STEPS_MS);
  equal(rig.waiting.length, 3);
  rig.fail();
  run(rig);
  deepEqual(statesOf(rig, [1, 2, 3]), ["CLOSING", "CLOSING", "CLOSING"]);
});

test("what was begun in one term is not gone on with in the next", () => {
  const rig = withImported(2).lead();
  rig.die(1);
  rig.time.advance(STEPS_MS);
  rig.lead(false);
  rig.fail();
  run(rig);
  deepEqual(statesOf(rig, [1, 2]), ["OPEN", "OPEN"]);
  equal(rig.deadNodes.status(), "PAUSED");
});
