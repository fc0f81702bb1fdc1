import assert from "node:assert/strict";
import { test } from "node:test";
import {
  deleteRefusal,
  isStale,
  type ReplicaView,
  reconcileRefusal,
} from "../../../../../engine/cluster/containers/eligibility.js";
import {
  parseReplication,
  ratis,
  standAlone,
} from "../../../../../engine/cluster/containers/replication-config.js";
import {
  CONTAINER_STATE,
  type ContainerState,
  REPLICA_STATE,
  type ReplicaState,
} from "../../../../../engine/core/enums.js";
import type { StrataError } from "../../../../../engine/core/errors.js";
import type { ContainerRecord } from "../../../../../protocol/schema/records.js";
import { containerRecord } from "../../../../support/cluster/builders.js";

const CONTAINER_STATES = Object.keys(CONTAINER_STATE) as ContainerState[];
const REPLICA_STATES = Object.keys(REPLICA_STATE) as ReplicaState[];
const EC = parseReplication("rs-3-2-1024k");

function replica(state: ReplicaState, changes: Partial<ReplicaView> = {}): ReplicaView {
  return { state: REPLICA_STATE[state], replicaIndex: 0, sequenceId: 100, isEmpty: true, ...changes };
}

function textOf(error: StrataError | undefined): string {
  return error === undefined ? "allowed" : `${error.code}: ${error.message}`;
}

function reconcile(changes: Partial<ContainerRecord>, ...replicas: readonly ReplicaView[]): string {
  return textOf(reconcileRefusal(containerRecord(5, changes), replicas));
}

function remove(changes: Partial<ContainerRecord>, ...replicas: readonly ReplicaView[]): string {
  return textOf(deleteRefusal(containerRecord(5, changes), replicas));
}

test("containers are reconciled in the states CLOSED and QUASI_CLOSED only", () => {
  for (const state of CONTAINER_STATES) {
    const expected =
      state === "CLOSED" || state === "QUASI_CLOSED"
        ? "allowed"
        : `CONTAINER_STATE: container 5 in state ${state} does not allow RECONCILE`;
    assert.equal(reconcile({ state }, replica("CLOSED")), expected);
  }
});

test("replicas are reconciled when all of them are CLOSED, QUASI_CLOSED or UNHEALTHY", () => {
  const may: readonly ReplicaState[] = ["CLOSED", "QUASI_CLOSED", "UNHEALTHY"];
  for (const state of REPLICA_STATES) {
    const reason =
      "CONTAINER_INELIGIBLE: container 5 cannot be reconciled: 1 of its 3 replicas are not closed";
    const expected = may.includes(state) ? "allowed" : reason;
    assert.equal(reconcile({}, replica("CLOSED"), replica(state), replica("UNHEALTHY")), expected, state);
  }
});

test("what stands against a reconciliation is told in the order of the specification", () => {
  const open = replica("OPEN");
  const closed = replica("CLOSED");
  assert.match(reconcile({ state: "OPEN", replication: EC }), /in state OPEN/);
  assert.match(reconcile({ replication: EC }), /reconciled: none of its replicas is known/);
  assert.match(reconcile({ replication: EC }, open), /1 of its 1 replicas are not closed/);
  assert.match(reconcile({ replication: EC }, closed), /its type is EC, not RATIS/);
  assert.match(reconcile({ replication: standAlone(1) }, closed), /its type is STAND_ALONE, not RATIS/);
  assert.match(reconcile({ replication: ratis(1) }, closed), /one replica only/);
  assert.equal(reconcile({}, closed), "allowed");
});

test("a reconciliation of more replicas than a command can name is refused", () => {
  const many = (count: number) => Array.from({ length: count }, () => replica("CLOSED"));
  assert.equal(reconcile({}, ...many(17)), "allowed");
  assert.match(reconcile({}, ...many(18)), /it has 18 replicas, more than the 17 of a command/);
});

test("containers are deleted in the states CLOSED and QUASI_CLOSED only", () => {
  for (const state of CONTAINER_STATES) {
    const expected =
      state === "CLOSED" || state === "QUASI_CLOSED"
        ? "allowed"
        : `CONTAINER_STATE: container 5 in state ${state} does not allow DELETE`;
    assert.equal(remove({ state }, replica("CLOSED")), expected);
  }
});

test("a closed container is deleted when all its replicas are closed, a quasi-closed one in any case", () => {
  for (const state of REPLICA_STATES) {
    const replicas = [replica("CLOSED"), replica(state)];
    const reason = "CONTAINER_INELIGIBLE: container 5 cannot be deleted: 1 of its 2 replicas are not closed";
    assert.equal(remove({ state: "CLOSED" }, ...replicas), state === "CLOSED" ? "allowed" : reason, state);
    assert.equal(remove({ state: "QUASI_CLOSED" }, ...replicas), "allowed", state);
  }
});

test("a container is deleted when there are replicas and none of them holds anything", () => {
  for (const state of ["CLOSED", "QUASI_CLOSED"] as const) {
    assert.match(remove({ state }), /none of its replicas is known, so nothing shows that it is empty/);
    const full = replica("CLOSED", { isEmpty: false });
    assert.match(remove({ state }, replica("CLOSED"), full), /1 of its 2 replicas are not empty/);
  }
});

test("a closed RATIS container is deleted when a replica has its sequence id", () => {
  const old = replica("CLOSED", { sequenceId: 99 });
  const newer = replica("CLOSED", { sequenceId: 101 });
  assert.match(remove({}, old, newer), /none of its replicas has its sequence id 100/);
  assert.equal(remove({}, old, replica("CLOSED")), "allowed");
  assert.equal(remove({ replication: standAlone(3) }, old), "allowed");
  assert.equal(remove({ state: "QUASI_CLOSED" }, old), "allowed");
});

test("an EC container is deleted when an index that always holds data is empty", () => {
  const indexes = (...numbers: readonly number[]) =>
    numbers.map((replicaIndex) => replica("CLOSED", { replicaIndex }));
  assert.match(remove({ replication: EC }, ...indexes(2, 3)), /only replicas of indexes 2 to 3 are known/);
  for (const index of [1, 4, 5]) assert.equal(remove({ replication: EC }, ...indexes(2, index)), "allowed");
});

test("a closed replica below the sequence id of a container that is not closed yet is stale", () => {
  const container = (state: ContainerState, replication = ratis(3)) =>
    containerRecord(5, { state, replication });
  for (const state of CONTAINER_STATES) {
    const isDecided = state === "CLOSING" || state === "QUASI_CLOSED";
    const old = replica("CLOSED", { sequenceId: 99 });
    assert.equal(isStale(container(state), old), isDecided, state);
    assert.equal(isStale(container(state), replica("CLOSED")), false, state);
    assert.equal(isStale(container(state), { ...old, state: REPLICA_STATE.UNHEALTHY }), false, state);
  }
  const ec = (replicaIndex: number) => replica("CLOSED", { sequenceId: 99, replicaIndex });
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((index) => isStale(container("CLOSING", EC), ec(index))),
    [true, false, false, true, true],
  );
});
