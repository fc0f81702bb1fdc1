import assert from "node:assert/strict";
import { test } from "node:test";
import { standAlone } from "../../../../engine/cluster/containers/replication-config.js";
import { CONTAINER_STATE, type ContainerState } from "../../../../engine/core/enums.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { containerRecord, datanodeDetails, uuidOf } from "../../../support/cluster/builders.js";
import { ContainerRig, factsOf } from "../../../support/cluster/container-rig.js";

const STATES = Object.keys(CONTAINER_STATE) as ContainerState[];

function rigWith(state: ContainerState): ContainerRig {
  const rig = new ContainerRig();
  rig.add([containerRecord(5, { state })]);
  return rig;
}

function stateOf(rig: ContainerRig): string | undefined {
  return rig.applied.state.containers.get(5)?.state;
}

/** Of the audit log: what was asked for and how it ended. */
function audited(rig: ContainerRig): unknown[] {
  return rig.audited.map(({ operation, parameters, error }) => [operation, parameters, error]);
}

const CLOSE_ANSWERS: Readonly<Record<ContainerState, unknown>> = {
  OPEN: { status: "OK" },
  CLOSING: { status: "CONTAINER_ALREADY_CLOSING" },
  CLOSED: { status: "CONTAINER_ALREADY_CLOSED" },
  QUASI_CLOSED: "CONTAINER_STATE: container 5 in state QUASI_CLOSED does not allow CLOSE",
  DELETING: "CONTAINER_STATE: container 5 in state DELETING does not allow CLOSE",
  DELETED: "CONTAINER_STATE: container 5 in state DELETED does not allow CLOSE",
  RECOVERING: "CONTAINER_STATE: container 5 in state RECOVERING does not allow CLOSE",
};

test("only an open container is closed; of one that is closing or closed the answer says so", () => {
  for (const state of STATES) {
    const rig = rigWith(state);
    assert.deepEqual(rig.mutate("closeContainer", { containerId: 5 }), CLOSE_ANSWERS[state], state);
    assert.equal(stateOf(rig), state === "OPEN" ? "CLOSING" : state);
  }
});

test("the end of the import is committed, once, and is in the audit log", () => {
  const rig = rigWith("OPEN");
  assert.deepEqual(rig.mutate("endImport", {}, 1), {});
  assert.deepEqual(rig.mutate("endImport", {}, 1), {});
  assert.equal(rig.applied.state.importAllowed, false);
  assert.match(String(rig.mutate("endImport", {}, 2)), /import into this cluster has ended/);
  assert.deepEqual(audited(rig).at(-1), ["END_IMPORT", {}, "IMPORT_ENDED"]);
});

test("a close takes over the figures that the replicas tell", () => {
  const rig = rigWith("OPEN");
  rig.facts.set(5, { replicas: [], live: { usedBytes: 77, keyCount: 8, sequenceId: 200 } });
  rig.mutate("closeContainer", { containerId: 5 });
  const container = rig.applied.state.containers.get(5);
  assert.deepEqual([container?.usedBytes, container?.keyCount, container?.sequenceId], [77, 8, 200]);
});

test("a close before anything was reported keeps the figures that are on record", () => {
  const rig = rigWith("OPEN");
  rig.mutate("closeContainer", { containerId: 5 });
  const container = rig.applied.state.containers.get(5);
  assert.deepEqual([container?.usedBytes, container?.keyCount, container?.sequenceId], [1005, 10, 100]);
});

test("a mutation that is repeated has the answer of its first attempt", () => {
  const rig = rigWith("OPEN");
  assert.deepEqual(rig.mutate("closeContainer", { containerId: 5 }, 1), { status: "OK" });
  assert.deepEqual(rig.mutate("closeContainer", { containerId: 5 }, 1), { status: "OK" });
  assert.deepEqual(rig.mutate("closeContainer", { containerId: 5 }, 2), {
    status: "CONTAINER_ALREADY_CLOSING",
  });

  const empty = rigWith("CLOSED");
  empty.report(5, factsOf(1, "CLOSED", { isEmpty: true }));
  assert.deepEqual(empty.mutate("deleteContainer", { containerId: 5 }, 1), { commandCount: 1 });
  assert.deepEqual(empty.mutate("deleteContainer", { containerId: 5 }, 1), { commandCount: 1 });
  assert.match(String(empty.mutate("deleteContainer", { containerId: 5 }, 2)), /in state DELETING/);
});

test("a refusal stays one when the container could be closed or deleted later", () => {
  const rig = rigWith("CLOSED");
  const refusal = rig.mutate("deleteContainer", { containerId: 5 }, 1);
  assert.match(String(refusal), /^CONTAINER_INELIGIBLE/);
  rig.report(5, factsOf(1, "CLOSED", { isEmpty: true }));
  // The log has the number by now, with nothing done under it.
  rig.mutate("deleteContainer", { containerId: 5 }, 1);
  assert.deepEqual([stateOf(rig), rig.deletes], ["CLOSED", []]);
});

test("an empty container is deleted, and every holder is told", () => {
  for (const state of ["CLOSED", "QUASI_CLOSED"] as const) {
    const rig = rigWith(state);
    const replicas = [1, 2, 3].map((node) => factsOf(node, state, { isEmpty: true }));
    rig.report(5, ...replicas);
    assert.deepEqual(rig.mutate("deleteContainer", { containerId: 5 }), { commandCount: 3 });
    assert.equal(stateOf(rig), "DELETING");
    assert.deepEqual(rig.deletes, [{ containerId: 5, nodes: [1, 2, 3] }]);
    assert.deepEqual(audited(rig), [["DELETE_CONTAINER", { containerId: 5 }, undefined]]);
  }
});

test("a quasi-closed container takes the highest sequence id with it, a closed one keeps its own", () => {
  for (const [state, expected] of [
    ["QUASI_CLOSED", 150],
    ["CLOSED", 100],
  ] as const) {
    const rig = rigWith(state);
    const replicas = [100, 150].map((sequenceId, i) => factsOf(i, state, { isEmpty: true, sequenceId }));
    rig.facts.set(5, { replicas, live: { usedBytes: 0, keyCount: 0, sequenceId: expected } });
    rig.mutate("deleteContainer", { containerId: 5 });
    assert.equal(rig.applied.state.containers.get(5)?.sequenceId, expected);
  }
});

test("a container that holds something is not deleted, and the refusal is on record", () => {
  const rig = rigWith("CLOSED");
  rig.report(5, factsOf(1, "CLOSED", { isEmpty: true }), factsOf(2, "CLOSED"));
  const refusal = "CONTAINER_INELIGIBLE: container 5 cannot be deleted: 1 of its 2 replicas are not empty";
  assert.equal(rig.mutate("deleteContainer", { containerId: 5 }), refusal);
  assert.deepEqual([stateOf(rig), rig.deletes], ["CLOSED", []]);
  assert.deepEqual(audited(rig), [["DELETE_CONTAINER", { containerId: 5 }, "CONTAINER_INELIGIBLE"]]);
});

test("every holder is told to reconcile with all the others", () => {
  const rig = rigWith("CLOSED");
  rig.report(5, ...[1, 2, 3].map((node) => factsOf(node, "CLOSED")));
  assert.deepEqual(rig.answer("reconcileContainer", { containerId: 5 }), { commandCount: 3 });
  assert.deepEqual(
    rig.commands,
    [1, 2, 3].map((node) => ({
      uuid: uuidOf(node),
      command: {
        type: "reconcileContainerCommand",
        containerId: 5,
        deadlineMs: 0,
        peers: [1, 2, 3].filter((other) => other !== node).map((other) => datanodeDetails(other)),
      },
    })),
  );
  assert.deepEqual(audited(rig), [["RECONCILE_CONTAINER", { containerId: 5 }, undefined]]);
});

test("a reconciliation counts the datanodes that could be told", () => {
  const rig = rigWith("CLOSED");
  rig.report(5, ...[1, 2, 3].map((node) => factsOf(node, "CLOSED")));
  rig.fullQueues.add(uuidOf(2));
  assert.deepEqual(rig.answer("reconcileContainer", { containerId: 5 }), { commandCount: 2 });
});

test("a container that cannot be reconciled is refused without a command, on record", () => {
  const rig = new ContainerRig();
  rig.add([containerRecord(5, { replication: standAlone(3) })]);
  rig.report(5, factsOf(1, "CLOSED"));
  assert.match(rig.refusal("reconcileContainer", { containerId: 5 }) ?? "", /^CONTAINER_INELIGIBLE/);
  assert.deepEqual(rig.commands, []);
  assert.deepEqual(audited(rig), [["RECONCILE_CONTAINER", { containerId: 5 }, "CONTAINER_INELIGIBLE"]]);
});

test("containers that do not exist, and 0, are refused", () => {
  const rig = new ContainerRig();
  for (const name of ["closeContainer", "deleteContainer"] as const) {
    assert.equal(rig.mutate(name, { containerId: 9 }), "CONTAINER_NOT_FOUND: container 9 does not exist");
    assert.match(String(rig.mutate(name, { containerId: 0 })), /^INVALID_ARGUMENT: containerId/);
  }
  assert.match(rig.refusal("reconcileContainer", { containerId: 9 }) ?? "", /^CONTAINER_NOT_FOUND/);
  assert.match(rig.refusal("reconcileContainer", { containerId: 0 }) ?? "", /^INVALID_ARGUMENT/);
});

test("who does not lead decides nothing", () => {
  const rig = rigWith("OPEN");
  rig.barrier.refusal = new StrataError("NOT_LEADER", { term: 7 });
  for (const name of ["closeContainer", "deleteContainer"] as const) {
    assert.match(String(rig.mutate(name, { containerId: 5 })), /^NOT_LEADER/);
  }
  assert.match(rig.refusal("reconcileContainer", { containerId: 5 }) ?? "", /^NOT_LEADER/);
  assert.deepEqual([stateOf(rig), rig.audited], ["OPEN", []]);
});

test("while the replicas are not known nothing is decided, and the attempt may be repeated", () => {
  const rig = rigWith("OPEN");
  rig.facts.set(5, new StrataError("SHARD_UNAVAILABLE", { shard: 0 }));
  assert.match(String(rig.mutate("closeContainer", { containerId: 5 }, 1)), /^SHARD_UNAVAILABLE/);
  assert.deepEqual(audited(rig), [["CLOSE_CONTAINER", { containerId: 5 }, "SHARD_UNAVAILABLE"]]);
  rig.facts.delete(5);
  assert.deepEqual(rig.mutate("closeContainer", { containerId: 5 }, 1), { status: "OK" });
});
