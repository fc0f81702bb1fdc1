import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NO_SESSION, OPERATION } from "../../engine/cluster/operation.js";
import type { PipelineRecord } from "../../protocol/schema/records.js";
import { NaiveCluster } from "../support/cluster/naive-cluster.js";
import { containerOf, pipelineOf, RATIS_THREE } from "../support/records.js";
import { type AllocatedBlocks, BlockChecks } from "../support/simulation/system/block-checks.js";

const PIPELINE = pipelineOf(1, [11, 12, 13]);
const WANTED = { owner: "om1", replication: RATIS_THREE };
const CONTAINER = containerOf(7, { state: "OPEN", pipelineId: PIPELINE.pipelineId });
const LIMIT = 2;

/** Ids 101 … 200 are reserved, and container 7 is in the log. */
function begun(): BlockChecks {
  const model = new NaiveCluster();
  model.containers.set(7, CONTAINER);
  const checks = new BlockChecks(model, LIMIT);
  const reservation = { kind: OPERATION.reserveSequence, session: NO_SESSION, sequence: "localId" } as const;
  checks.done({ ...reservation, count: 100 }, 101n);
  return checks;
}

function answer(localId: bigint, changes: Partial<AllocatedBlocks["blocks"][number]> = {}): AllocatedBlocks {
  return { blocks: [{ containerId: 7, localId, pipeline: 0, ...changes }], pipelines: [PIPELINE] };
}

describe("the checks of blocks", () => {
  test("take each id once, from what the log has reserved", () => {
    const checks = begun();
    checks.allocated(answer(101n), WANTED);
    checks.allocated(answer(200n), WANTED);
    assert.throws(() => checks.allocated(answer(101n), WANTED), /given twice/);
    assert.throws(() => checks.allocated(answer(201n), WANTED), /before the log had reserved it/);
    assert.equal(checks.blockCount, 2);
  });

  test("see ids that two users share", () => {
    const checks = begun();
    checks.allocated(answer(150n), WANTED);
    assert.throws(() => checks.giveSpan("localId", { first: 140n, last: 160n }), /holds 150/);
    checks.giveSpan("localId", { first: 160n, last: 170n });
    assert.throws(() => checks.giveSpan("localId", { first: 170n, last: 180n }), /was given before/);
    assert.throws(() => checks.allocated(answer(165n), WANTED), /given before, in a range/);
  });

  test("see a container that is not in the log, or another than was asked for", () => {
    const checks = begun();
    assert.throws(() => checks.allocated(answer(101n, { containerId: 8 }), WANTED), /not in the log/);
    assert.throws(() => checks.allocated(answer(102n, { pipeline: 1 }), WANTED), /on pipeline 1 of 1/);
    assert.throws(() => checks.allocated(answer(103n), { ...WANTED, owner: "om2" }), /was given to om2/);
    const replication = { ...RATIS_THREE, factor: 1 };
    assert.throws(() => checks.allocated(answer(104n), { ...WANTED, replication }), /not as was asked for/);
    const elsewhere = { ...answer(105n), pipelines: [pipelineOf(2, [11, 12, 13])] };
    assert.throws(() => checks.allocated(elsewhere, WANTED), /was given on/);
  });

  test("see a container whose id somebody else was given", () => {
    const checks = begun();
    checks.checkContainers();
    checks.giveSpan("containerId", { first: 5n, last: 9n });
    assert.throws(() => checks.checkContainers(), /container 7 has an id/);
  });

  test("see a datanode in more pipelines than it may be in", () => {
    const model = new NaiveCluster();
    const checks = new BlockChecks(model, LIMIT);
    const create = (number: number): PipelineRecord => {
      const pipeline: PipelineRecord = { ...pipelineOf(number, [11, 12, 13]), state: "ALLOCATED" };
      model.pipelines.set(pipeline.pipelineId, pipeline);
      checks.done({ kind: OPERATION.createPipeline, session: NO_SESSION, pipeline }, undefined);
      return pipeline;
    };
    const first = create(1);
    create(2);
    model.pipelines.set(first.pipelineId, { ...first, state: "CLOSED" });
    create(3);
    assert.throws(() => create(4), /is in 3 pipelines, the limit is 2/);
  });
});
