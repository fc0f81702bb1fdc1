import assert from "node:assert/strict";
import { test } from "node:test";
import { WritableGroup } from "../../../../../engine/cluster/blocks/writable-group.js";
import type { WritablePipeline } from "../../../../../engine/cluster/blocks/writable-pipeline.js";
import { ratis } from "../../../../../engine/cluster/containers/replication-config.js";
import { pipelineRecord, uuidOf } from "../../../../support/cluster/builders.js";
import { eachSeed } from "../../../../support/each-seed.js";

const EVERY = (): boolean => true;

function pipelineWith(...containers: number[]): { group: WritableGroup; pipeline: WritablePipeline } {
  const group = new WritableGroup(ratis(3), "om");
  const pipeline = group.add(pipelineRecord(1));
  for (const id of containers) group.attach(pipeline, id);
  return { group, pipeline };
}

test("containers take turns, ascending, and begin again", () => {
  const { pipeline } = pipelineWith(9, 3, 6);
  const picked = [1, 2, 3, 4].map(() => pipeline.match(EVERY));
  assert.deepEqual(picked, [3, 6, 9, 3]);
});

test("one that does not fit is passed over, and keeps its place", () => {
  const { pipeline } = pipelineWith(3, 6, 9);
  assert.equal(
    pipeline.match((id) => id !== 3),
    6,
  );
  assert.equal(pipeline.match(EVERY), 9);
  assert.equal(pipeline.match(EVERY), 3);
  assert.equal(
    pipeline.match(() => false),
    0,
  );
});

test("turns go on where they were when containers come and go", () => {
  const { group, pipeline } = pipelineWith(3, 6, 9);
  assert.equal(pipeline.match(EVERY), 3);
  group.detach(3);
  assert.equal(pipeline.match(EVERY), 6);
  group.attach(pipeline, 12);
  group.attach(pipeline, 5);
  assert.deepEqual(
    [1, 2, 3].map(() => pipeline.match(EVERY)),
    [9, 12, 5],
  );
});

test("lists agree with each other whatever comes and goes", async () => {
  await eachSeed(200, async (random) => {
    const group = new WritableGroup(ratis(3), "om");
    const open = new Map<string, Set<number>>();
    for (let step = 0; step < 60; step++) {
      const number = random.below(6);
      const id = uuidOf(1_000_000 + number);
      const containerId = 1 + random.below(12);
      const holder = [...open].find(([, ids]) => ids.has(containerId));
      switch (random.below(4)) {
        case 0:
          group.add(pipelineRecord(number));
          if (!open.has(id)) open.set(id, new Set());
          break;
        case 1:
          group.remove(id);
          open.delete(id);
          break;
        case 2: {
          const pipeline = group.get(id);
          if (pipeline === undefined || holder !== undefined) break;
          group.attach(pipeline, containerId);
          open.get(id)?.add(containerId);
          break;
        }
        default:
          group.detach(containerId);
          holder?.[1].delete(containerId);
      }
      assert.equal(group.problem(), undefined);
      const found = group.pipelines.map(({ record, containers }) => [record.pipelineId, [...containers]]);
      const wanted = [...open].map(([key, ids]) => [key, [...ids].sort((a, b) => a - b)]);
      assert.deepEqual(found.sort(), wanted.sort());
      assert.equal(group.ready.length, [...open.values()].filter(({ size }) => size > 0).length);
    }
  });
});
