import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseReplication,
  ratis,
  standAlone,
} from "../../../../../engine/cluster/containers/replication-config.js";
import { PipelineTable, pipelineProblem } from "../../../../../engine/cluster/pipelines/pipeline-table.js";
import { SeededRandom } from "../../../../../engine/core/random.js";
import { datanodeDetails, pipelineRecord, uuidOf } from "../../../../support/cluster/builders.js";

function members(indexes: readonly number[]) {
  return indexes.map((replicaIndex, at) => ({ details: datanodeDetails(at + 1), replicaIndex }));
}

test("pipelines are listed by id, page by page, also while new ones come", () => {
  const table = new PipelineTable();
  const random = new SeededRandom(5);
  const numbers = new Set<number>();
  while (numbers.size < 50) numbers.add(random.below(10_000));
  for (const number of numbers) {
    table.add(pipelineRecord(number));
    if (number % 7 === 0) table.list(undefined, 3);
  }
  const ids: string[] = [];
  for (let page = table.list(undefined, 7); page.length > 0; page = table.list(page.at(-1)?.pipelineId, 7)) {
    ids.push(...page.map(({ pipelineId }) => pipelineId));
  }
  assert.deepEqual(ids, [...numbers].map((number) => uuidOf(1_000_000 + number)).sort());
  assert.deepEqual(table.list(uuidOf(0), 100).length, 50);
});

test("a member's pipelines are counted unless they are closed", () => {
  const table = new PipelineTable();
  table.add(pipelineRecord(1));
  table.add(pipelineRecord(2, { state: "ALLOCATED" }));
  table.add(pipelineRecord(3, { state: "CLOSED" }));
  table.add(pipelineRecord(4, { replication: ratis(1), members: members([0]), state: "DORMANT" }));
  assert.deepEqual(
    [1, 2, 3, 4].map((node) => table.index.activeCountOf(uuidOf(node))),
    [3, 2, 2, 0],
  );
  assert.equal(table.problem(), undefined);
});

test("equality looks at every field", () => {
  const table = new PipelineTable();
  const pipeline = pipelineRecord(1);
  assert.ok(table.isEqual(pipeline, pipelineRecord(1)));
  assert.ok(!table.isEqual(pipeline, pipelineRecord(1, { leaderId: uuidOf(1) })));
  assert.ok(
    !table.isEqual({ ...pipeline, suggestedLeaderId: uuidOf(1) }, { ...pipeline, leaderId: uuidOf(1) }),
  );
  assert.ok(!table.isEqual(pipeline, pipelineRecord(1, { creationTimeMs: 1 })));
});

test("a pipeline has as many members as its configuration needs, with replica indexes for EC only", () => {
  const ec = parseReplication("rs-3-2-1024k");
  const cases: [boolean, ReturnType<typeof pipelineRecord>][] = [
    [true, pipelineRecord(1)],
    [true, pipelineRecord(1, { replication: ratis(1), members: members([0]) })],
    [true, pipelineRecord(1, { replication: standAlone(3), members: members([0, 0, 0]) })],
    [true, pipelineRecord(1, { replication: ec, members: members([5, 1, 2, 3, 4]) })],
    [false, pipelineRecord(1, { members: members([0, 0]) })],
    [false, pipelineRecord(1, { members: members([0, 0, 1]) })],
    [false, pipelineRecord(1, { replication: ec, members: members([1, 2, 3, 4]) })],
    [false, pipelineRecord(1, { replication: ec, members: members([1, 2, 3, 4, 4]) })],
    [false, pipelineRecord(1, { replication: ec, members: members([1, 2, 3, 4, 6]) })],
    [false, pipelineRecord(1, { replication: ec, members: members([0, 1, 2, 3, 4]) })],
  ];
  for (const [isSound, pipeline] of cases) assert.equal(pipelineProblem(pipeline) === undefined, isSound);
});

test("asking for the open pipelines of a configuration that there are none of leaves nothing behind", () => {
  const { index } = new PipelineTable();
  const [asked, other] = ["rs-3-2-1024k", "rs-6-3-1024k"].map(parseReplication);
  assert.deepEqual(index.openOf(asked as ReturnType<typeof ratis>), []);
  const countsOf = (config: typeof asked): unknown => index.countsOf(config as ReturnType<typeof ratis>);
  assert.equal(countsOf(asked), countsOf(other), "those that stand for all unknown ones");
});
