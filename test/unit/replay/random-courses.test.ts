import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "../../../engine/core/random.js";
import { ContainerModel } from "../../../scripts/replay/container-model.js";
import type { Container, ModelReplica } from "../../../scripts/replay/container-rules.js";
import { OtherParts } from "../../../scripts/replay/other-parts.js";
import { eachSeed } from "../../support/each-seed.js";

const NODES = ["a", "b", "c", "d"];
const STATES = ["OPEN", "CLOSING", "QUASI_CLOSED", "CLOSED", "UNHEALTHY", "INVALID", "DELETED"];
const ON_PIPELINE = { owner: "om", pipelineId: "1a6ee2b0-0092-447f-ae43-18e92f0bc6b1" };
const KINDS = [
  { ...ON_PIPELINE, type: "RATIS", dataCount: 0, indexCount: 0 },
  { ...ON_PIPELINE, type: "STAND_ALONE", dataCount: 0, indexCount: 0 },
  { ...ON_PIPELINE, type: "EC", dataCount: 2, indexCount: 3 },
];
const EVENTS_PER_LIFE = 60;

/** Every rule in which Strata differs has its reason: else the comparison would call it a difference, or the
 * model would be wrong. */
test("a course of the recorded SCM's container that has no reasons is Strata's", async () => {
  await eachSeed(150, async (random) => {
    const parts = new OtherParts({ healthsOf: () => new Set(["HEALTHY"]) });
    const model = new ContainerModel(parts);
    KINDS.forEach((kind, index) => {
      model.created(index + 1, kind);
    });
    for (let step = 1; step <= EVENTS_PER_LIFE; step++) {
      // Further apart than an answer may lag behind.
      model.advance(step * 10_000);
      happen(model, random);
      model.advance(step * 10_000 + 5000);
      for (const id of [1, 2, 3]) check(model, id);
    }
  });
});

function check(model: ContainerModel, id: number): void {
  const courses: Container[] = [];
  model.explain(id, (course) => {
    courses.push(course);
    return false;
  });
  assert.ok(courses.length > 0);
  const strata = model.strata(id) as Container;
  for (const { reasons, ...course } of courses) {
    if (reasons.size === 0) assert.deepEqual({ ...course, reasons }, { ...strata, reasons });
  }
}

function happen(model: ContainerModel, random: Random): void {
  const id = 1 + random.below(3);
  const node = pick(NODES, random);
  switch (random.below(12)) {
    case 0:
      model.close(id, true);
      return;
    case 1: {
      const isReported = random.below(2) === 0;
      model.actions([id], new Set(isReported ? [id] : []));
      if (isReported) report(model, random, false);
      model.actionsDone([id]);
      return;
    }
    case 2:
      model.purge(node);
      return;
    case 3:
      if (random.below(4) === 0) model.restart();
      else model.deleteTransaction(id);
      return;
    default:
      report(model, random, random.below(4) === 0);
  }
}

function report(model: ContainerModel, random: Random, isFull: boolean): void {
  const node = pick(NODES, random);
  const count = random.below(4);
  const rows = Array.from({ length: count }, (_, index) => replica(isFull ? index + 1 : 1 + random.below(3)));
  model.report({ node, isFull, isFromRegistration: false, body: {}, rows });

  function replica(containerId: number): ModelReplica {
    return {
      containerId,
      node,
      state: pick(STATES, random),
      replicaIndex: random.below(5),
      sequenceId: random.below(4),
      usedBytes: random.below(4),
      keyCount: random.below(4),
      origin: node,
      isEmpty: random.below(3) === 0,
      dataChecksum: 0n,
    };
  }
}

function pick<T>(values: readonly T[], random: Random): T {
  return values[random.below(values.length)] as T;
}
