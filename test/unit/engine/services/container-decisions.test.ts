import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  REPLICA_ACTION,
  type ReplicaActionName,
} from "../../../../engine/cluster/containers/replica-rules.js";
import { parseReplication } from "../../../../engine/cluster/containers/replication-config.js";
import { COMMAND_LIFETIME_MS } from "../../../../engine/cluster/deletion/delete-fence.js";
import { COMMANDS_PER_TYPE_MAX } from "../../../../engine/cluster/nodes/command-queue.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import { REPLICA_STATE } from "../../../../engine/core/enums.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { ContainerRecord } from "../../../../protocol/schema/records.js";
import type { ReplicaDecision } from "../../../../workers/shared/shard-records.js";
import { ContainerServiceRig, PROPOSALS_MAX } from "../../../support/services/container-service-rig.js";

const CONTAINER_STATE_REFUSED = new StrataError("CONTAINER_STATE", {}).wire;

function decide(
  rig: ContainerServiceRig,
  action: ReplicaActionName,
  changes: Partial<ReplicaDecision> = {},
): void {
  rig.decisions.decided({
    containerId: 1,
    action: REPLICA_ACTION[action],
    node: rig.slotOf(1),
    replicaIndex: 0,
    replicaState: REPLICA_STATE.CLOSED,
    sequenceId: 120,
    usedBytes: 7_000,
    keyCount: 70,
    ...changes,
  });
}

function leading(container: Partial<ContainerRecord>): ContainerServiceRig {
  return new ContainerServiceRig().add(1, container).lead();
}

/** Spec 02 §9.1 with §18 rule 18. */
const STEPS = [
  ["OPEN", "FINALIZE", "CLOSING"],
  ["OPEN", "FINALIZE_AND_CLOSE", "CLOSED"],
  ["CLOSING", "QUASI_CLOSE", "QUASI_CLOSED"],
  ["CLOSING", "CLOSE", "CLOSED"],
  ["QUASI_CLOSED", "FORCE_CLOSE", "CLOSED"],
  ["DELETING", "RESURRECT_CLOSED", "CLOSED"],
  ["DELETED", "RESURRECT_QUASI_CLOSED", "QUASI_CLOSED"],
] as const;

for (const [from, action, to] of STEPS) {
  test(`${action} takes a container from ${from} to ${to}, with the figures of the decision`, () => {
    const rig = leading({ state: from });
    const isQuasi = action === "RESURRECT_QUASI_CLOSED";
    decide(rig, action, { replicaState: REPLICA_STATE[isQuasi ? "UNHEALTHY" : "CLOSED"] });
    ok(rig.settle().every((error) => error === 0));
    equal(rig.stateOf(1), to);
    const { sequenceId, usedBytes, keyCount } = rig.applied.state.containers.get(1) as ContainerRecord;
    deepEqual({ sequenceId, usedBytes, keyCount }, { sequenceId: 120, usedBytes: 7_000, keyCount: 70 });
    const { transitions, resurrections } = rig.decisions.counters;
    deepEqual([transitions, resurrections], action.startsWith("RES") ? [0, 1] : [1, 0]);
  });
}

test("a follower does nothing, and on becoming the leader has everything decided anew", () => {
  const rig = new ContainerServiceRig().add(1, { state: "OPEN" });
  equal(rig.decisions.status(), "PAUSED");
  for (const action of ["FINALIZE", "FORCE_DELETE", "UNKNOWN", "STALE"] as const) decide(rig, action);
  equal(rig.waiting.length, 0);
  deepEqual(new Set(Object.values(rig.decisions.counters)), new Set([0]));
  rig.lead();
  equal(rig.recheckCount, 1);
  equal(rig.decisions.status(), "RUNNING");
  rig.decisions.onStatus(true);
  equal(rig.recheckCount, 1, "another change of standing is no reason");
});

test("a container has one proposal under way at a time", () => {
  const rig = leading({ state: "OPEN" });
  decide(rig, "FINALIZE");
  decide(rig, "FINALIZE");
  decide(rig, "FINALIZE_AND_CLOSE");
  equal(rig.waiting.length, 1);
  rig.settle();
  decide(rig, "CLOSE");
  equal(rig.waiting.length, 1);
});

test("what is decided while a proposal is under way is decided anew when it is over", () => {
  const rig = leading({ state: "DELETING" }).add(2, { state: "OPEN" }).add(3, { state: "OPEN" });
  // Refused: not newer than the deletion. Meanwhile another replica is to be deleted.
  decide(rig, "FORCE_DELETE", { node: rig.slotOf(2) });
  decide(rig, "RESURRECT_CLOSED", { sequenceId: 100 });
  deepEqual(rig.commandsOf(2), []);
  // Somebody else finalized it, so that this changes nothing, and its replica was looked at before.
  rig.closer.requestClose(2, rig.slotOf(1) as never);
  decide(rig, "CLOSE", { containerId: 2 });
  decide(rig, "FINALIZE", { containerId: 3 });
  rig.settle();
  deepEqual(rig.decidedAgain, [1, 2]);
});

test("what is decided while a proposal is under way that gets no answer waits for a recheck", () => {
  const rig = leading({ state: "OPEN" });
  rig.closer.requestClose(1, rig.slotOf(1) as never);
  decide(rig, "FINALIZE_AND_CLOSE");
  rig.fail("OVERLOADED");
  deepEqual([rig.decidedAgain, rig.recheckCount], [[], 1]);
  rig.time.advance(60_000);
  equal(rig.recheckCount, 2);
});

test("what was decided about an earlier state is not proposed", () => {
  const rig = leading({ state: "CLOSED" });
  for (const action of ["FINALIZE", "FINALIZE_AND_CLOSE", "QUASI_CLOSE", "CLOSE", "FORCE_CLOSE"] as const) {
    decide(rig, action);
  }
  decide(rig, "RESURRECT_CLOSED");
  for (const action of ["DELETE", "FORCE_DELETE", "UNKNOWN"] as const) decide(rig, action);
  decide(rig, "CLOSE", { containerId: 99 });
  equal(rig.waiting.length, 0);
  deepEqual(rig.commandsOf(1), []);
});

test("a refusal by the state is normal: it is counted and not tried again", () => {
  const rig = leading({ state: "DELETING" });
  // Not newer than the deletion.
  decide(rig, "RESURRECT_CLOSED", { sequenceId: 100 });
  deepEqual(rig.settle(), [CONTAINER_STATE_REFUSED]);
  equal(rig.decisions.counters.refused, 1);
  rig.time.advance(1_000_000);
  equal(rig.recheckCount, 1);
});

test("a delete carries force, index, term and a deadline within the life of a command", () => {
  const rig = leading({ state: "DELETED", replication: parseReplication("rs-3-2-1024k") });
  decide(rig, "FORCE_DELETE", { replicaIndex: 4 });
  decide(rig, "DELETE", { node: rig.slotOf(2), replicaIndex: 5 });
  const [forced] = rig.commandsOf(1);
  const { type, containerId, force, replicaIndex, term, deadlineMs } = forced ?? {};
  deepEqual(
    { type, containerId, force, replicaIndex, term },
    { type: "deleteContainerCommand", containerId: 1, force: true, replicaIndex: 4, term: 6 },
  );
  equal(deadlineMs, rig.time.wallMs() + COMMAND_LIFETIME_MS / 2);
  const [gentle] = rig.commandsOf(2);
  deepEqual([gentle?.force, gentle?.replicaIndex], [false, 5]);
  equal(rig.decisions.counters.deletes, 2);
});

test("all holders of a container that is being deleted are told, without force", () => {
  const rig = leading({ state: "DELETING" });
  const holders = [1, 2, 3].map((datanode) => ({ node: rig.slotOf(datanode) as never, replicaIndex: 0 }));
  rig.decisions.deleteReplicas(1, holders);
  for (const datanode of [1, 2, 3]) {
    const [command] = rig.commandsOf(datanode);
    deepEqual([command?.type, command?.force], ["deleteContainerCommand", false]);
  }
});

test("a delete does not leave when its container came back, or is about to", () => {
  const rig = leading({ state: "DELETED" });
  decide(rig, "FORCE_DELETE");
  decide(rig, "FORCE_DELETE", { node: rig.slotOf(2) });
  decide(rig, "RESURRECT_CLOSED", { node: rig.slotOf(3) });
  deepEqual(rig.commandsOf(1), [], "the resurrection is under way");
  decide(rig, "FORCE_DELETE", { node: rig.slotOf(4) });
  rig.settle();
  equal(rig.stateOf(1), "CLOSED");
  deepEqual(rig.commandsOf(2), [], "the container is back");
  deepEqual(rig.commandsOf(4), []);
  equal(rig.nodes.manager.counters.droppedDeleteCount, 2);
});

/** Leads a cluster into which nothing is imported, and which has given out this many ids. */
function withIssuedIds(count: number): ContainerServiceRig {
  const rig = new ContainerServiceRig({ importAllowed: false }).lead();
  rig.applied.done({
    kind: OPERATION.reserveSequence,
    session: NO_SESSION,
    sequence: "containerId",
    count,
  });
  return rig;
}

test("replicas of unknown containers are deleted, unless the container was created since", () => {
  const rig = withIssuedIds(100);
  decide(rig, "UNKNOWN", { containerId: 77 });
  decide(rig, "UNKNOWN", { containerId: 78, node: rig.slotOf(2) });
  rig.add(78);
  const [command] = rig.commandsOf(1);
  deepEqual([command?.containerId, command?.force], [77, true]);
  deepEqual(rig.commandsOf(2), []);
});

test("replicas of unknown containers are kept whose ids this cluster has not given out", () => {
  const rig = withIssuedIds(100);
  decide(rig, "UNKNOWN", { containerId: 100 });
  decide(rig, "UNKNOWN", { containerId: 101, node: rig.slotOf(2) });
  equal(rig.commandsOf(1).length, 1);
  deepEqual(rig.commandsOf(2), []);
  deepEqual([rig.decisions.counters.unknown, rig.decisions.counters.deletes], [2, 1]);
});

test("replicas of unknown containers are kept where containers may still be imported", () => {
  const rig = new ContainerServiceRig().lead().add(1).add(100);
  // An import names containers in any order, and may be repeated with what was left out.
  for (const containerId of [2, 99, 101]) decide(rig, "UNKNOWN", { containerId });
  deepEqual(rig.commandsOf(1), []);
  rig.add(2);
  equal(rig.stateOf(2), "CLOSED");
});

test("replicas of unknown containers are deleted when the import has ended", () => {
  const rig = new ContainerServiceRig().lead().add(1).add(100);
  rig.applied.done({ kind: OPERATION.endImport, session: NO_SESSION });
  for (const containerId of [2, 101]) decide(rig, "UNKNOWN", { containerId });
  deepEqual(
    rig.commandsOf(1).map(({ containerId }) => containerId),
    [2],
  );
});

test("replicas of unknown containers are kept after a forced new group", () => {
  const rig = withIssuedIds(100);
  decide(rig, "UNKNOWN", { containerId: 50 });
  // The group before may have given out these, and more containers with ids below them.
  const skipped = { localId: 10, delTxnId: 10, containerId: 10, CertificateId: 10 };
  rig.applied.done({
    kind: OPERATION.newGroup,
    session: NO_SESSION,
    skipped,
    skippedSessionIds: 0,
    skippedNodeIds: 0,
  });
  for (const containerId of [60, 105]) decide(rig, "UNKNOWN", { containerId });
  deepEqual(rig.commandsOf(1), []);
});

test("stale and unexpected replicas are counted, and told once a minute each", () => {
  const rig = leading({ state: "CLOSING" });
  for (let i = 0; i < 100; i++) {
    decide(rig, "STALE");
    decide(rig, "UNEXPECTED");
  }
  const { stale, unexpected } = rig.decisions.counters;
  deepEqual([stale, unexpected, rig.log.length, rig.waiting.length], [100, 100, 2, 0]);
  rig.time.advance(60_000);
  equal(rig.log.length, 4, "one more line for the others");
  rig.time.advance(600_000);
  equal(rig.log.length, 4, "nothing more happened");
});

test("beyond its limit a decision is put off to one recheck when there is room", () => {
  const rig = new ContainerServiceRig().lead();
  const count = PROPOSALS_MAX + 10;
  for (let id = 1; id <= count; id++) rig.add(id, { state: "CLOSING" });
  for (let id = 1; id <= count; id++) decide(rig, "CLOSE", { containerId: id });
  equal(rig.waiting.length, PROPOSALS_MAX);
  equal(rig.decisions.counters.postponed, 10);
  rig.time.advance(100_000);
  equal(rig.recheckCount, 1, "there is no room yet");
  rig.settle();
  rig.time.advance(60_000);
  equal(rig.recheckCount, 2);
  rig.time.advance(1_000_000);
  equal(rig.recheckCount, 2);
  for (let id = 1; id <= count; id++) decide(rig, "CLOSE", { containerId: id });
  rig.settle();
  equal(rig.stateOf(count), "CLOSED");
});

test("rechecks come less and less often while proposals find no room", () => {
  const rig = leading({ state: "CLOSING" });
  rig.refusal = new StrataError("OVERLOADED", { reason: "test" });
  const gapsMs: number[] = [];
  let before = rig.time.monotonicMs();
  for (let round = 0; round < 9; round++) {
    decide(rig, "CLOSE");
    const { recheckCount } = rig;
    while (rig.recheckCount === recheckCount) rig.time.advance(500);
    gapsMs.push(rig.time.monotonicMs() - before);
    before = rig.time.monotonicMs();
  }
  deepEqual(gapsMs, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  rig.time.advance(200_000);
  decide(rig, "CLOSE");
  rig.time.advance(1_000);
  equal(rig.recheckCount, 11, "after a quiet time it begins anew");
  rig.time.advance(200_000);
  rig.refusal = undefined;
  decide(rig, "CLOSE");
  rig.settle();
  equal(rig.stateOf(1), "CLOSED");
  rig.time.advance(200_000);
  equal(rig.recheckCount, 11);
});

test("a datanode whose queue is full gets the other deletes when it took the first ones", () => {
  const count = COMMANDS_PER_TYPE_MAX + 5;
  const rig = withIssuedIds(count);
  for (let id = 1; id <= count; id++) decide(rig, "UNKNOWN", { containerId: id });
  equal(rig.decisions.counters.postponed, 5);
  rig.time.advance(300_000);
  equal(rig.recheckCount, 1, "its queue is full");
  equal(rig.commandsOf(1).length, COMMANDS_PER_TYPE_MAX);
  rig.time.advance(60_000);
  equal(rig.recheckCount, 2);
});

test("who loses office forgets what was under way, and its outcome means nothing later", () => {
  const rig = leading({ state: "CLOSING" });
  decide(rig, "CLOSE");
  rig.lead(false);
  decide(rig, "CLOSE");
  equal(rig.waiting.length, 1);
  rig.lead();
  equal(rig.recheckCount, 2);
  // The new term's own proposal is not confused with the older one, whose outcome comes late.
  decide(rig, "CLOSE");
  equal(rig.waiting.length, 2);
  rig.fail();
  equal(rig.decisions.counters.postponed, 1, "only the one of this term is tried again");
  rig.time.advance(60_000);
  equal(rig.recheckCount, 3);
  decide(rig, "CLOSE");
  rig.settle();
  equal(rig.stateOf(1), "CLOSED");
});

test("no timer is left when a service stopped", () => {
  const rig = leading({ state: "CLOSING" });
  decide(rig, "STALE");
  rig.refusal = new StrataError("OVERLOADED", { reason: "test" });
  rig.add(2, { state: "OPEN" });
  decide(rig, "FINALIZE", { containerId: 2 });
  ok(rig.time.timerCount > 0);
  rig.decisions.stop();
  rig.closer.stop();
  equal(rig.time.timerCount, 0);
});
