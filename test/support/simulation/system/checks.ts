import { deepStrictEqual } from "node:assert/strict";
import { AssertionError, assert } from "../../../../engine/core/assert.js";
import { nameOf, REPLICA_STATE } from "../../../../engine/core/enums.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { containerId } from "../../../../engine/core/ids.js";
import type { Scm } from "../../../../engine/scm.js";
import type { ReportRow } from "../../../../protocol/codec/report-rows.js";
import type { ReplicaFacts } from "../../../../workers/pool/replica-store.js";
import { STRIPE_ROWS } from "../../../../workers/shared/container-layout.js";
import { type NaiveCluster, sorted } from "../../cluster/naive-cluster.js";
import type { SimScheduler } from "../sim-scheduler.js";
import type { Ledger } from "./ledger.js";
import { containerKey, intentKey, NOT_SUPPRESSED, SUPPRESSED } from "./mutations.js";
import type { SimPlan } from "./plan.js";
import type { SimDatanode } from "./sim-datanode.js";

/** Every how many of a large datanode's replicas are looked at one by one. */
const BULK_STEP = 50;
/** Of a configuration. */
const SHARDS_MAX = 8;
/** A shard takes only so many. */
const QUERIES_AT_ONCE = 512;
/** Of a stripe. */
const CHECKED_ROW = 1;

/** What the SCM has replicated is what its log says, row by row. */
export function checkModel({ cluster }: Scm, model: NaiveCluster): void {
  assert(cluster.nowMs === model.nowMs, `time is ${cluster.nowMs}, should be ${model.nowMs}`);
  assert(cluster.operationCount === model.operationCount, "the count of operations differs");
  assert(cluster.sessionCount === model.sessions.size, "the count of sessions differs");
  assert(cluster.containers.table.count === model.containers.size, "the count of containers differs");
  assert(cluster.pipelines.count === model.pipelines.size, "the count of pipelines differs");
  for (const [id, expected] of model.containers) {
    const container = cluster.containers.get(id);
    assert(
      container !== undefined && sorted(container) === sorted(expected),
      `container ${id} is ${JSON.stringify(container)}, should be ${JSON.stringify(expected)}`,
    );
  }
  for (const [id, expected] of model.pipelines) {
    deepStrictEqual(cluster.pipelines.get(id as never), expected, `pipeline ${id}`);
  }
  for (const [name, last] of model.sequences) {
    assert(cluster.sequences.last(name as never) === last, `sequence ${name} differs`);
  }
  const intents = new Map(cluster.intents.rows.entries());
  assert(intents.size === model.intents.size, "the count of intents differs");
  for (const [uuid, expected] of model.intents) deepStrictEqual(intents.get(uuid as never), expected);
}

/** What clients were told is there. */
export function checkLedger({ cluster }: Scm, ledger: Ledger, plan: SimPlan): void {
  for (const id of plan.containerIds) {
    const container = cluster.containers.get(id);
    const value = container === undefined ? "" : container.suppressed ? SUPPRESSED : NOT_SUPPRESSED;
    ledger.checkValue(containerKey(id), value);
  }
  const intents = new Map(cluster.intents.rows.entries());
  for (let node = 0; node < plan.fleet.nodeCount; node++) {
    if (plan.hotNodes.includes(node)) continue;
    const uuid = plan.uuid(node);
    const intent = intents.get(uuid);
    const value = intent === undefined ? "" : `${intent.operationalState} ${intent.expirySeconds}`;
    ledger.checkValue(intentKey(uuid), value);
  }
}

/** Replica tables are what the datanodes hold: each container on each of them, and the sums (S14). */
export async function checkReplicas(
  scm: Scm,
  scheduler: SimScheduler,
  plan: SimPlan,
  datanodes: readonly SimDatanode[],
): Promise<void> {
  const { nodes, shards } = scm;
  // One of each shard at least: its answer comes when it has merged everything that it was handed before, of
  // which the counts tell only then.
  const all = [
    ...plan.replicaIds,
    ...datanodes.flatMap(({ replicas }) => [...replicas.keys()].filter((id) => id > plan.lastContainerId)),
    ...plan.bulkIds.filter((_, index) => index % BULK_STEP === 0),
    ...Array.from({ length: SHARDS_MAX }, (_, stripe) => stripe * STRIPE_ROWS + CHECKED_ROW),
  ];
  const ids = [...new Set(all)];
  const answers: (readonly ReplicaFacts[])[] = [];
  for (let at = 0; at < ids.length; at += QUERIES_AT_ONCE) {
    const some = ids.slice(at, at + QUERIES_AT_ONCE).map((id) => queryReplicas(scm, id));
    answers.push(...(await scheduler.settle(Promise.all(some))));
  }
  let total = 0;
  for (const datanode of datanodes) {
    const slot = nodes.slotOf(datanode.uuid);
    assert(slot !== undefined, `${datanode.uuid} is not known`);
    const count = shards.nodeContainerCount(slot);
    const held = datanode.replicas.size;
    assert(count === held, `dn${datanode.number} holds ${held} containers, the SCM counts ${count}`);
    total += held;
  }
  const { replicaCount } = shards.statistics();
  assert(replicaCount === total, `the shards count ${replicaCount} replicas, there are ${total}`);
  ids.forEach((id, index) => {
    checkContainer(scm, id, answers[index] as readonly ReplicaFacts[], datanodes);
  });
}

function queryReplicas(scm: Scm, id: number): Promise<readonly ReplicaFacts[]> {
  return new Promise((resolve, reject) => {
    scm.shards.queryReplicas(containerId(id), (answer) => {
      if (answer instanceof StrataError) reject(answer);
      else resolve(answer.replicas);
    });
  });
}

function checkContainer(
  scm: Scm,
  id: number,
  facts: readonly ReplicaFacts[],
  datanodes: readonly SimDatanode[],
): void {
  const found = new Map(facts.map((fact) => [scm.nodes.uuidOf(fact.node), fact]));
  assert(found.size === facts.length, `container ${id} has two replicas on one datanode`);
  for (const datanode of datanodes) {
    const expected = datanode.replicas.get(id);
    const fact = found.get(datanode.uuid);
    found.delete(datanode.uuid);
    const actual = fact === undefined ? "none" : factText(fact, scm.intake.originOf(fact.origin));
    const text = expected === undefined ? "none" : rowText(expected);
    if (actual === text) continue;
    throw new AssertionError(`container ${id} on dn${datanode.number} is ${actual}, should be ${text}`);
  }
  assert(found.size === 0, `container ${id} has replicas on unknown datanodes`);
}

function factText(fact: ReplicaFacts, origin: string): string {
  const { replicaIndex, isEmpty, sequenceId, keyCount, usedBytes, dataChecksum } = fact;
  const state = nameOf(REPLICA_STATE, fact.state);
  return [state, origin, replicaIndex, isEmpty, sequenceId, keyCount, usedBytes, dataChecksum].join(" ");
}

function rowText(row: ReportRow): string {
  const { state, originNodeId, replicaIndex, isEmpty, sequenceId, keyCount, usedBytes } = row;
  const numbers = [sequenceId, keyCount, usedBytes, row.dataChecksum ?? 0n];
  return [state, originNodeId, replicaIndex, isEmpty, ...numbers].join(" ");
}
