import assert from "node:assert/strict";
import { test } from "node:test";
import { AllocationAudit } from "../../../../engine/admin/allocation-audit.js";
import { Allocation } from "../../../../engine/cluster/blocks/allocation.js";
import { WritablePipeline } from "../../../../engine/cluster/blocks/writable-pipeline.js";
import { ratis } from "../../../../engine/cluster/containers/replication-config.js";
import type { AuditRecord } from "../../../../engine/telemetry/audit.js";
import { pipelineRecord } from "../../../support/cluster/builders.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";

function callerOf(name: string): Parameters<AllocationAudit["done"]>[0] {
  return { clientName: name, connection: { remoteAddress: "10.0.0.9" } };
}

function requestOf(owner: string): Parameters<AllocationAudit["done"]>[1] {
  return { size: 100, count: 2, replication: ratis(3), owner };
}

class World {
  readonly time = new ManualScheduler();
  readonly records: AuditRecord[] = [];
  readonly audit = new AllocationAudit({
    audit: { write: (record) => void this.records.push(record) },
    clock: this.time,
    scheduler: this.time,
  });
  readonly allocation = new Allocation();

  constructor() {
    this.allocation.begin();
    const pipeline = new WritablePipeline(pipelineRecord(1));
    for (const id of [7, 8]) this.allocation.add(pipeline, id);
    this.allocation.idHigh.set([1, 1]);
    this.allocation.idLow.set([5, 6]);
  }
}

test("allocations of a second are one line with their sums and the first ids", () => {
  const { audit, allocation, records, time } = new World();
  const caller = callerOf("om1");
  for (let i = 0; i < 1000; i++) audit.done(caller, requestOf("om"), allocation);
  assert.equal(records.length, 0);
  time.advance(1000);
  assert.equal(records.length, 1);
  const [record] = records;
  assert.deepEqual(
    [record?.operation, record?.user, record?.clientIp],
    ["ALLOCATE_BLOCK", "om1", "10.0.0.9"],
  );
  assert.equal(record?.error, undefined);
  const { sampleBlocks, ...sums } = (record?.parameters ?? {}) as { sampleBlocks: string[] };
  assert.deepEqual(sums, {
    calls: 1000,
    owner: "om",
    replication: "RATIS/THREE",
    blocks: 2000,
    bytes: 200_000,
  });
  assert.equal(sampleBlocks.length, 10);
  assert.deepEqual(sampleBlocks.slice(0, 2), ["7 4294967301", "8 4294967302"]);
});

test("callers, owners and outcomes have lines of their own; a redirect has none", () => {
  const { audit, allocation, records, time } = new World();
  const [one, other] = [callerOf("om1"), callerOf("om2")];
  for (let i = 0; i < 3; i++) {
    audit.done(one, requestOf("a"), allocation);
    audit.done(one, requestOf("b"), allocation);
    audit.done(other, requestOf("a"), allocation);
    audit.failed(one, requestOf("a"), "SAFE_MODE_EXCEPTION");
    audit.failed(one, requestOf("a"), "NOT_LEADER");
  }
  time.advance(1000);
  const lines = records.map(({ user, parameters, error }) => [
    user,
    parameters["owner"],
    error,
    parameters["calls"],
  ]);
  assert.deepEqual(lines, [
    ["om1", "a", undefined, 3],
    ["om1", "b", undefined, 3],
    ["om2", "a", undefined, 3],
    ["om1", "a", "SAFE_MODE_EXCEPTION", 3],
  ]);
});

test("what has gathered is written at a stop, and nothing twice", () => {
  const { audit, allocation, records, time } = new World();
  audit.done(callerOf("om1"), requestOf("a"), allocation);
  audit.flush();
  time.advance(5000);
  assert.equal(records.length, 1);
});
