import assert from "node:assert/strict";
import { test } from "node:test";
import { EncodedPipelines } from "../../../../../engine/cluster/pipelines/encoded-pipelines.js";
import { PipelineReports } from "../../../../../engine/cluster/pipelines/pipeline-reports.js";
import { PipelineTable } from "../../../../../engine/cluster/pipelines/pipeline-table.js";
import { codecOf } from "../../../../../protocol/codec/codec.js";
import { PIPELINE, type PipelineRecord } from "../../../../../protocol/schema/records.js";
import { datanodeDetails, pipelineRecord, uuidOf } from "../../../../support/cluster/builders.js";

const CODEC = codecOf(PIPELINE);
const RECORD = pipelineRecord(1, { state: "ALLOCATED" });
const ID = RECORD.pipelineId;

function rig() {
  const table = new PipelineTable((id) => encoded.changed(id));
  const reports = new PipelineReports(table, (id) => encoded.changed(id));
  let count = 0;
  const encode = (record: PipelineRecord): Uint8Array => {
    count++;
    return CODEC.encodeValue(record);
  };
  const encoded: EncodedPipelines = new EncodedPipelines({ pipelines: table, reports, encode });
  const read = (): PipelineRecord | undefined => {
    const bytes = encoded.get(ID)?.bytes;
    return bytes === undefined ? undefined : CODEC.decode(bytes, 0, bytes.length);
  };
  return { table, reports, encoded, read, count: () => count };
}

test("a pipeline is encoded once for as long as it stays as it is", () => {
  const { table, encoded, read, count } = rig();
  assert.equal(encoded.get(ID), undefined);
  table.add(RECORD);
  assert.deepEqual(read(), RECORD);
  assert.equal(encoded.get(ID), encoded.get(ID));
  assert.equal(count(), 1);
});

test("another state, another leader and a reload are seen at once, each with a version of its own", () => {
  const { table, reports, encoded, read } = rig();
  const versions: number[] = [];
  const look = (wanted: PipelineRecord): void => {
    assert.deepEqual(read(), wanted);
    versions.push(encoded.get(ID)?.version ?? 0);
  };
  table.add(RECORD);
  look(RECORD);
  const open = { ...RECORD, state: "OPEN" } as const;
  table.replace(open);
  look(open);
  const report = { pipelineId: ID, isLeader: true, bytesWritten: 0 };
  reports.take(datanodeDetails(2), report);
  look({ ...open, leaderId: uuidOf(2) });
  reports.take(datanodeDetails(2), report);
  look({ ...open, leaderId: uuidOf(2) });
  assert.equal(versions.pop(), versions.at(-1), "the same leader again");
  reports.pipelineChanged(undefined);
  encoded.changed(undefined);
  look(open);
  assert.equal(new Set(versions).size, versions.length);
  table.replace({ ...open, state: "CLOSED" });
  table.remove(ID);
  assert.equal(read(), undefined);
});
