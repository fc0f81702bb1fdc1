import assert from "node:assert/strict";
import type { ClusterState } from "../../../engine/cluster/cluster-state.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { type NaiveCluster, sorted } from "./naive-cluster.js";

/** Table by table. */
export function assertSameContent(state: ClusterState, model: NaiveCluster): void {
  assert.equal(state.containers.table.count, model.containers.size);
  for (const [id, container] of model.containers) {
    const record = state.containers.get(id);
    assert.ok(record !== undefined);
    assert.equal(sorted(record), sorted(container));
  }
  assert.equal(state.pipelines.count, model.pipelines.size);
  for (const [id, pipeline] of model.pipelines) {
    assert.deepEqual(state.pipelines.get(id as Uuid), pipeline);
  }
  assert.deepEqual(new Map(state.intents.rows.entries()), model.intents);
  assert.deepEqual(new Map(state.sequences.rows.entries()), model.sequences);
  const members = new Map<number, unknown>(
    [...model.members].map(([id, member]) => [id, { ...member, isRemoved: !model.group.includes(id) }]),
  );
  assert.deepEqual(new Map(state.members.rows.entries()), members);
  assert.equal(state.members.nextNodeId, model.nextNodeId);
  assert.equal(state.members.configVersion, model.configVersion);
  assert.equal(state.sessionCount, model.sessions.size);
  assert.equal(state.operationCount, model.operationCount);
  assert.equal(state.nowMs, model.nowMs);
}
