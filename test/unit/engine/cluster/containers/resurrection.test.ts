import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReplication } from "../../../../../engine/cluster/containers/replication-config.js";
import type { ProvingReplicaState } from "../../../../../engine/cluster/containers/resurrection.js";
import type { Operation } from "../../../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../../../engine/cluster/operation.js";
import { readTurnBatch, TurnBatch } from "../../../../../engine/cluster/turn-batch.js";
import type { ContainerState } from "../../../../../engine/core/enums.js";
import { CONTAINER_STATE } from "../../../../../engine/core/enums.js";
import { AppliedState, flush, MemoryStateStore } from "../../../../support/cluster/applied-state.js";
import { containerRecord, importBatch, seedCluster } from "../../../../support/cluster/builders.js";

/** Spec 02 §9.2 and §9.3 for replicas that are not empty: the state after a resurrection from DELETING or
 * DELETED, by the replica's sequence id against the container's. A dash is refused. */
const TABLE = `
Replica      RATIS<       RATIS=       RATIS>       STAND<       STAND=       STAND>       EC< EC= EC>
OPEN         QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED -   -   -
CLOSING      QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED -   -   -
QUASI_CLOSED -            -            QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED -   -   -
CLOSED       -            -            CLOSED       CLOSED       CLOSED       CLOSED       -   -   -
UNHEALTHY    QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED QUASI_CLOSED -   -   -
`;
const [HEAD, ...ROWS] = TABLE.trim()
  .split("\n")
  .map((line) => line.split(/\s+/)) as [string[], ...string[][]];
const CONFIG = { RATIS: "RATIS/THREE", STAND: "STANDALONE/ONE", EC: "rs-3-2-1024k" } as const;
const SEQUENCE_ID = { "<": 49, "=": 50, ">": 51 } as const;

/** Every cell: type, replica, sequence id, next state or undefined. */
const CELLS = ROWS.flatMap(([replica, ...cells]) =>
  cells.map((cell, column) => {
    const [, type, order] = /^(\w+)(.)$/.exec(HEAD[column + 1] as string) as unknown as [
      string,
      string,
      string,
    ];
    return {
      config: CONFIG[type as keyof typeof CONFIG],
      replica: replica as ProvingReplicaState,
      sequenceId: SEQUENCE_ID[order as keyof typeof SEQUENCE_ID],
      next: cell === "-" ? undefined : (cell as ContainerState),
    };
  }),
);

function resurrect(containerId: number, replicaState: ProvingReplicaState, sequenceId = 51): Operation {
  const figures = { sequenceId, usedBytes: 700, keyCount: 7 };
  return { kind: OPERATION.resurrectContainer, session: NO_SESSION, containerId, replicaState, ...figures };
}

function withContainer(state: ContainerState, config = "RATIS/THREE"): AppliedState {
  const applied = new AppliedState();
  applied.done(seedCluster());
  const replication = parseReplication(config);
  const figures = { usedBytes: 500, keyCount: 5, sequenceId: 50, stateEnterTimeMs: 1000 };
  applied.done(importBatch([containerRecord(1, { state, replication, ...figures })]));
  applied.nowMs += 1000;
  applied.changedContainers.length = 0;
  return applied;
}

test("a replica brings back what the specification says in every cell, or changes nothing", () => {
  for (const state of Object.keys(CONTAINER_STATE) as ContainerState[]) {
    for (const { config, replica, sequenceId, next } of CELLS) {
      const name = `${state} ${config} by ${replica} ${sequenceId}`;
      const applied = withContainer(state, config);
      const before = applied.state.containers.get(1);
      const isEnding = state === "DELETING" || state === "DELETED";
      if (next === undefined || !isEnding) {
        assert.equal(applied.refused(resurrect(1, replica, sequenceId)), "CONTAINER_STATE", name);
        assert.deepEqual(applied.state.containers.get(1), before, name);
        assert.deepEqual(applied.changedContainers, [], name);
        continue;
      }
      applied.done(resurrect(1, replica, sequenceId));
      assert.deepEqual(
        applied.state.containers.get(1),
        {
          ...before,
          state: next,
          stateEnterTimeMs: applied.nowMs,
          usedBytes: 700,
          keyCount: 7,
          sequenceId: Math.max(50, sequenceId),
        },
        name,
      );
      assert.deepEqual(applied.changedContainers, [1], name);
      applied.state.checkInvariants();
    }
  }
});

test("the replica that undid a deletion does not undo the next one", () => {
  const applied = withContainer("DELETED");
  applied.done(resurrect(1, "CLOSED"));
  const event = { session: NO_SESSION, containerId: 1, sequenceId: 0, usedBytes: 0, keyCount: 0 } as const;
  applied.done({ kind: OPERATION.transitionContainer, event: "DELETE", ...event });
  assert.equal(applied.refused(resurrect(1, "CLOSED")), "CONTAINER_STATE");
});

test("a resurrection of an unknown container is refused", () => {
  assert.equal(withContainer("DELETED").refused(resurrect(2, "CLOSED")), "CONTAINER_NOT_FOUND");
});

test("a repeated resurrection is refused, and a restart and a replay end in the same state", () => {
  const applied = withContainer("DELETED");
  const store = new MemoryStateStore();
  flush(applied.state, store);
  const batch = new TurnBatch();
  const operations = [resurrect(1, "UNHEALTHY", 3), resurrect(1, "UNHEALTHY", 3)];
  for (const operation of operations) batch.add(operation);
  const payload = batch.take(applied.nowMs);
  assert.deepEqual(readTurnBatch(payload).operations, operations);
  const results = applied.applyPayload(payload);
  assert.deepEqual([results[0]?.error === 0, results[1]?.error === 0], [true, false]);
  const replayed = store.load();
  assert.deepEqual(replayed.applyPayload(payload), results);
  assert.equal(replayed.state.hash(), applied.state.hash());
  flush(applied.state, store);
  assert.equal(store.load().state.hash(), applied.state.hash());
});
