import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DatanodeModel, type DatanodeModelOptions } from "../../../bench/fleet/datanode-model.js";
import { FleetDisk } from "../../../bench/fleet/fleet-disk.js";
import { PipelineGroups } from "../../../bench/fleet/pipeline-groups.js";
import { uuidOf } from "../../support/records.js";

const UUID = uuidOf(1);
const PIPELINES = [uuidOf(901), uuidOf(902)];

function modelOn(disk: FleetDisk, groups: PipelineGroups): DatanodeModel {
  const note: DatanodeModelOptions["onState"] = (row) =>
    disk.noteReplica(UUID, row, model.pipelineOf(row.containerId));
  const model: DatanodeModel = new DatanodeModel({
    uuid: UUID,
    groups,
    onState: note,
    onGrown: note,
    onPipeline: (id, pipeline) => disk.notePipeline(UUID, id, pipeline),
  });
  disk.restore(model);
  return model;
}

test("a simulated datanode that starts again has what it had when it was last flushed", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "strata-fleet-disk-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "datanodes.jsonl");
  const members = [{ uuid: UUID, ipAddress: "", hostName: "", ports: [] }];
  const command = { commandId: 1, term: 1, deadlineMs: 0 } as const;

  const disk = new FleetDisk(path);
  const groups = new PipelineGroups();
  const model = modelOn(disk, groups);
  for (const pipelineId of PIPELINES) {
    model.obey({ ...command, type: "createPipelineCommand", pipelineId, members });
  }
  for (const [index, containerId] of [11, 12, 13, 12].entries()) {
    groups.write(PIPELINES[index % 2] as never, containerId, 100);
  }
  disk.flush();
  model.obey({ ...command, type: "closePipelineCommand", ...{ pipelineId: PIPELINES[1] as never } });
  model.obey({ ...command, type: "deleteContainerCommand", containerId: 13, force: true });
  disk.flush();
  const [replicas, pipelines] = [[...model.replicas], [...model.pipelines]];
  // Not flushed.
  groups.write(PIPELINES[0] as never, 11, 1);
  appendFileSync(path, '["replica", "cut');

  for (let start = 0; start < 2; start++) {
    const groupsAgain = new PipelineGroups();
    const again = modelOn(new FleetDisk(path), groupsAgain);
    assert.deepEqual([...again.replicas], replicas);
    assert.deepEqual([...again.pipelines], pipelines);
    assert.equal(again.pipelineOf(11), PIPELINES[0]);
    assert.equal(groupsAgain.leaderOf(PIPELINES[0] as never), UUID);
  }
});
