import assert from "node:assert/strict";
import { test } from "node:test";
import { serveAdmin } from "../../../../engine/admin/admin-gateway.js";
import type { AdminServices } from "../../../../engine/admin/admin-services.js";
import {
  parseReplication,
  type ReplicationConfig,
  ratis,
  standAlone,
} from "../../../../engine/cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { AuditRecord } from "../../../../engine/telemetry/audit.js";
import { ADMIN_PATH, type OperationName, type ResponseOf } from "../../../../protocol/schema/messages.js";
import { containerRecord, importBatch, pipelineRecord, uuidOf } from "../../../support/cluster/builders.js";
import { FakeBarrier } from "../../../support/gateway/fake-barrier.js";
import { RpcWorld } from "../../../support/gateway/rpc-world.js";
import { PipelineRig } from "../../../support/services/pipeline-rig.js";

const UNKNOWN = uuidOf(77);

/** The admin gateway before a pipeline manager that leads six datanodes. */
class Rig {
  readonly pipelines = PipelineRig.of(6);
  readonly world = new RpcWorld();
  readonly barrier = new FakeBarrier();
  readonly audited: AuditRecord[] = [];
  readonly #connection;
  #sequence = 0;

  constructor() {
    const { applied, manager, reports, nodes } = this.pipelines;
    serveAdmin(this.world.server, {
      clock: this.world.clock,
      cluster: applied.state,
      nodes: nodes.manager,
      pipelineReports: reports,
      pipelines: manager,
      consensus: {
        propose: this.pipelines.propose,
        readBarrier: this.barrier.ask,
        leadership: { leaderReady: true, term: 6 },
      },
      audit: {
        ready: () => true,
        whenReady: () => Promise.resolve(undefined),
        write: (record: AuditRecord) => this.audited.push(record),
      },
    } as unknown as AdminServices);
    applied.done({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "test" });
    this.#connection = this.world.greeted(ADMIN_PATH);
  }

  ask<N extends OperationName>(name: N, request: object): ResponseOf<N> | string {
    this.world.ask(this.#connection, name, request);
    this.pipelines.settle();
    this.world.turn();
    const { error, body } = this.#connection.lastAnswer;
    return error === undefined ? (body as ResponseOf<N>) : error.code;
  }

  /** The next mutation of the session, or the same one again with its number. */
  mutate<N extends OperationName>(
    name: N,
    fields: object,
    sequence = ++this.#sequence,
  ): ResponseOf<N> | string {
    return this.ask(name, { ...fields, sessionId: 1, sequence, ackedSequence: 0 });
  }

  create(replication: ReplicationConfig, sequence?: number): Uuid | string {
    const answer = this.mutate("createPipeline", { replication }, sequence);
    return typeof answer === "string" ? answer : answer.pipeline.pipelineId;
  }

  list(request: object): { readonly ids: readonly Uuid[]; readonly more: boolean; readonly next?: Uuid } {
    const answer = this.ask("listPipelines", request);
    assert.ok(typeof answer !== "string", String(answer));
    const { pipelines, more, next } = answer;
    return {
      ids: pipelines.map(({ pipelineId }) => pipelineId),
      more,
      ...(next === undefined ? {} : { next }),
    };
  }
}

test("create answers with the pipeline when it is committed", () => {
  const rig = new Rig();
  const answer = rig.mutate("createPipeline", { replication: ratis(3) });
  assert.ok(typeof answer !== "string");
  assert.deepEqual(answer.pipeline, rig.pipelines.applied.state.pipelines.get(answer.pipeline.pipelineId));
  assert.equal(answer.pipeline.state, "ALLOCATED");
  assert.equal(rig.pipelines.commandsOf(1).length, 1);
  assert.equal(rig.create(standAlone(3)).length, 36);
  assert.equal(rig.create(parseReplication("rs-3-2-1024k")), "INVALID_ARGUMENT");
  assert.equal(rig.create({ ...ratis(3), factor: 2 }), "INVALID_ARGUMENT");
  const [first, ...rest] = rig.audited;
  assert.deepEqual(
    [first?.operation, first?.parameters],
    ["CREATE_PIPELINE", { replication: "RATIS/THREE" }],
  );
  assert.equal(rest.length, 1, "what is no request is not audited");
});

test("a creation that is repeated creates nothing more, also when it would be refused by now", () => {
  const rig = new Rig();
  const first = rig.create(ratis(3), 1);
  assert.equal(rig.create(ratis(3), 1), first);
  for (let sequence = 2; sequence <= 4; sequence++) rig.create(ratis(3), sequence);
  assert.equal(rig.create(ratis(3), 5), "FAILED_TO_FIND_SUITABLE_NODE");
  assert.equal(rig.create(ratis(3), 1), first);
  assert.equal(rig.pipelines.applied.state.pipelines.count, 4);
});

test("a refusal stays one when the pipeline could be created later", () => {
  const rig = new Rig();
  rig.pipelines.manager.freeze();
  assert.equal(rig.create(ratis(3), 1), "PIPELINE_CREATION_REFUSED");
  rig.pipelines.manager.resume();
  assert.equal(rig.create(ratis(3), 1), "PIPELINE_CREATION_REFUSED");
  assert.equal(rig.pipelines.applied.state.pipelines.count, 0);
  assert.equal(rig.create(ratis(3), 2).length, 36);
});

test("close closes the open containers too, and again does no harm", () => {
  const rig = new Rig();
  const { pipelineId } = pipelineRecord(1);
  rig.pipelines.apply(importBatch([containerRecord(1, { pipelineId, state: "OPEN" })], [pipelineRecord(1)]));
  assert.deepEqual(rig.mutate("closePipeline", { pipelineId }), {});
  assert.equal(rig.pipelines.stateOf(pipelineId), "CLOSED");
  assert.equal(rig.pipelines.applied.state.containers.get(1)?.state, "CLOSING");
  assert.deepEqual(rig.mutate("closePipeline", { pipelineId }), {});
  assert.equal(rig.mutate("closePipeline", { pipelineId: UNKNOWN }), "PIPELINE_NOT_FOUND");
  assert.deepEqual(
    rig.audited.map(({ operation, error }) => [operation, error]),
    [
      ["CLOSE_PIPELINE", undefined],
      ["CLOSE_PIPELINE", undefined],
      ["CLOSE_PIPELINE", "PIPELINE_NOT_FOUND"],
    ],
  );
});

test("activate and deactivate go to and fro, and say when they cannot", () => {
  const rig = new Rig();
  rig.pipelines.add(
    pipelineRecord(1),
    pipelineRecord(2, { state: "ALLOCATED" }),
    pipelineRecord(3, { state: "CLOSED" }),
  );
  const [open, allocated, closed] = [1, 2, 3].map((number) => pipelineRecord(number).pipelineId);
  const steps: ["activatePipeline" | "deactivatePipeline", Uuid | undefined, unknown][] = [
    ["deactivatePipeline", open, {}],
    ["deactivatePipeline", open, {}],
    ["activatePipeline", open, {}],
    ["deactivatePipeline", allocated, "INVALID_PIPELINE_STATE"],
    ["activatePipeline", allocated, {}],
    ["activatePipeline", closed, "INVALID_PIPELINE_STATE"],
    ["deactivatePipeline", closed, "INVALID_PIPELINE_STATE"],
    ["activatePipeline", UNKNOWN, "PIPELINE_NOT_FOUND"],
    ["deactivatePipeline", UNKNOWN, "PIPELINE_NOT_FOUND"],
  ];
  for (const [name, pipelineId, expected] of steps) {
    assert.deepEqual(rig.mutate(name, { pipelineId }), expected, `${name} ${pipelineId}`);
  }
  const states = [open, allocated, closed].map((id) => rig.pipelines.stateOf(id as Uuid));
  assert.deepEqual(states, ["OPEN", "OPEN", "CLOSED"]);
  const { operation, error } = rig.audited.at(-1) ?? {};
  assert.deepEqual([operation, error], ["DEACTIVATE_PIPELINE", "PIPELINE_NOT_FOUND"]);
});

test("a pipeline is shown with the leader that was reported", () => {
  const rig = new Rig();
  const { pipelineId } = pipelineRecord(1);
  rig.pipelines.add(pipelineRecord(1));
  rig.pipelines.report(pipelineId, 2);
  const answer = rig.ask("getPipeline", { pipelineId });
  assert.ok(typeof answer !== "string");
  assert.equal(answer.pipeline.leaderId, uuidOf(2));
  assert.equal(rig.ask("getPipeline", { pipelineId: UNKNOWN }), "PIPELINE_NOT_FOUND");
});

test("a list is filtered and comes page by page, each match once", () => {
  const rig = new Rig();
  const member = { details: pipelineRecord(1).members[0]?.details ?? assert.fail(), replicaIndex: 0 };
  for (let number = 0; number < 300; number++) {
    const isOne = number % 3 === 0;
    const shape = isOne ? { replication: ratis(1), members: [member] } : {};
    rig.pipelines.add(pipelineRecord(number, { ...shape, state: number % 2 === 0 ? "OPEN" : "CLOSED" }));
  }
  const idsOf = (wanted: (number: number) => boolean): Uuid[] =>
    Array.from({ length: 300 }, (_, number) => number)
      .filter(wanted)
      .map((number) => pipelineRecord(number).pipelineId);
  const cases: [object, (number: number) => boolean][] = [
    [{}, () => true],
    [{ state: "OPEN" }, (number) => number % 2 === 0],
    [{ replication: ratis(1) }, (number) => number % 3 === 0],
    [{ replicationType: "RATIS", replication: ratis(1), state: "CLOSED" }, (number) => number % 6 === 3],
    [{ replicationType: "EC" }, () => false],
    [{ state: "DORMANT" }, () => false],
  ];
  for (const [filter, wanted] of cases) {
    for (const countMax of [7, 128]) {
      const found: Uuid[] = [];
      let after: Uuid | undefined;
      for (let calls = 0; ; calls++) {
        const page = rig.list({ ...filter, countMax, ...(after === undefined ? {} : { after }) });
        assert.ok(page.ids.length <= countMax && calls < 100);
        found.push(...page.ids);
        if (!page.more) break;
        after = page.next;
      }
      assert.deepEqual(found, idsOf(wanted));
    }
  }
  assert.deepEqual(rig.list({ countMax: 128, after: pipelineRecord(171).pipelineId }).more, false);
});
