import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReplication, ratis } from "../../../../../engine/cluster/containers/replication-config.js";
import { PipelineReports } from "../../../../../engine/cluster/pipelines/pipeline-reports.js";
import { PipelineTable } from "../../../../../engine/cluster/pipelines/pipeline-table.js";
import type { DatanodeDetails, PipelineRecord } from "../../../../../protocol/schema/records.js";
import { datanodeDetails, pipelineRecord, uuidOf } from "../../../../support/cluster/builders.js";

const [ONE, TWO, THREE] = [datanodeDetails(1), datanodeDetails(2), datanodeDetails(3)];

class Rig {
  readonly table = new PipelineTable();
  readonly leaders: string[] = [];
  readonly reports = new PipelineReports(this.table, (id) => this.leaders.push(id));

  add(pipeline: PipelineRecord): PipelineRecord {
    this.table.add(pipeline);
    return pipeline;
  }

  take(sender: DatanodeDetails, { pipelineId }: PipelineRecord, isLeader = false): string {
    return this.reports.take(sender, { pipelineId, isLeader, bytesWritten: 0 });
  }
}

test("a member's word says who leads; that of a lone RATIS member without saying so", () => {
  const rig = new Rig();
  const pipeline = rig.add(pipelineRecord(1, { leaderId: uuidOf(3) }));
  const member = { details: ONE, replicaIndex: 0 };
  const alone = rig.add(pipelineRecord(2, { replication: ratis(1), members: [member] }));
  assert.equal(rig.reports.withLeader(pipeline).leaderId, uuidOf(3), "the stored one");
  for (const one of [pipeline, alone]) assert.equal(rig.take(ONE, one), "taken");
  rig.take(TWO, pipeline, true);
  rig.take(TWO, pipeline, true);
  assert.equal(rig.reports.withLeader(pipeline).leaderId, uuidOf(2));
  assert.equal(rig.reports.withLeader(alone).leaderId, uuidOf(1));
  assert.deepEqual(rig.leaders, [alone.pipelineId, pipeline.pipelineId], "told once for each change");
});

test("unknown pipelines and strangers change nothing", () => {
  const rig = new Rig();
  const pipeline = rig.add(pipelineRecord(1));
  assert.equal(rig.take(ONE, pipelineRecord(5), true), "unknown");
  assert.equal(rig.take(datanodeDetails(9), pipeline, true), "stranger");
  assert.equal(rig.reports.withLeader(pipeline), pipeline);
});

test("a datanode that was set up anew at the place of a member may speak, and makes nothing healthy", () => {
  const rig = new Rig();
  const pipeline = rig.add(pipelineRecord(1));
  const again = { ...THREE, uuid: uuidOf(30) };
  assert.equal(rig.take({ ...again, ipAddress: "10.9.9.9" }, pipeline, true), "stranger");
  assert.equal(rig.take({ ...again, hostName: "other" }, pipeline, true), "stranger");
  assert.equal(rig.take({ ...again, ports: [] }, pipeline, true), "stranger");
  assert.equal(rig.take(again, pipeline, true), "taken");
  assert.equal(rig.reports.leaderOf(pipeline), again.uuid);
  for (const sender of [ONE, TWO]) rig.take(sender, pipeline);
  assert.equal(rig.reports.isHealthy(pipeline), false);
});

test("healthy is a pipeline that all members have reported, with a leader: neither alone is enough", () => {
  const rig = new Rig();
  const pipeline = rig.add(pipelineRecord(1));
  const other = rig.add(pipelineRecord(2));
  rig.take(ONE, pipeline, true);
  assert.equal(rig.reports.isHealthy(pipeline), false, "a leader's report alone");
  rig.take(TWO, pipeline);
  rig.take(TWO, pipeline);
  assert.equal(rig.reports.isHealthy(pipeline), false, "one is missing");
  rig.take(THREE, pipeline);
  assert.equal(rig.reports.isHealthy(pipeline), true);
  for (const sender of [ONE, TWO, THREE]) rig.take(sender, other);
  assert.equal(rig.reports.isHealthy(other), false, "nobody leads");
  const members = [1, 2, 3, 4, 5].map((number) => ({
    details: datanodeDetails(number),
    replicaIndex: number,
  }));
  const ec = rig.add(pipelineRecord(3, { replication: parseReplication("rs-3-2-1024k"), members }));
  assert.equal(rig.reports.isHealthy(ec), true, "of an EC pipeline no datanode knows");
});

test("what was heard ends with the pipeline, and with the table", () => {
  const rig = new Rig();
  const pipeline = rig.add(pipelineRecord(1, { state: "CLOSED" }));
  const kept = rig.add(pipelineRecord(2));
  for (const sender of [ONE, TWO, THREE]) for (const one of [pipeline, kept]) rig.take(sender, one, true);
  rig.table.remove(pipeline.pipelineId);
  rig.reports.pipelineChanged(pipeline.pipelineId);
  rig.reports.pipelineChanged(kept.pipelineId);
  rig.add(pipeline);
  assert.equal(rig.reports.isHealthy(pipeline), false);
  assert.equal(rig.reports.isHealthy(kept), true);
  rig.reports.pipelineChanged(undefined);
  assert.equal(rig.reports.isHealthy(kept), false);
});
