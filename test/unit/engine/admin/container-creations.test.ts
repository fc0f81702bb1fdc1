import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminServices, ContainerSource } from "../../../../engine/admin/admin-services.js";
import { ContainerCreations } from "../../../../engine/admin/container-creations.js";
import { Mutations } from "../../../../engine/admin/mutations.js";
import { ratis } from "../../../../engine/cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION, type Operation } from "../../../../engine/cluster/operation.js";
import { EncodedPipelines } from "../../../../engine/cluster/pipelines/encoded-pipelines.js";
import type { OperationResult } from "../../../../engine/cluster/state-machine.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { Answer } from "../../../../engine/gateway/answer.js";
import type { RpcSession } from "../../../../engine/gateway/rpc-session.js";
import { codecOf } from "../../../../protocol/codec/codec.js";
import { FRAME_HEADER_BYTES } from "../../../../protocol/codec/frame.js";
import { ALLOCATE_CONTAINER_RESPONSE } from "../../../../protocol/schema/block-messages.js";
import { PIPELINE } from "../../../../protocol/schema/records.js";
import { AppliedState } from "../../../support/cluster/applied-state.js";
import { importBatch, pipelineRecord, seedCluster } from "../../../support/cluster/builders.js";

const [PIPELINE_ID, OTHER_ID] = [pipelineRecord(1).pipelineId, pipelineRecord(2).pipelineId];

/** Requests of one session on a real state, beside a source of places that is told whether it has one. */
class Stage {
  readonly applied = new AppliedState();
  hasRoom = true;
  /** Where the next container goes. */
  pipelineId = PIPELINE_ID;
  readonly #creations: ContainerCreations;

  constructor() {
    this.applied.done(seedCluster());
    this.applied.done(importBatch([], [pipelineRecord(1), pipelineRecord(2)]));
    this.applied.done({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "test" });
    const prepare: ContainerSource["prepare"] = ({ owner, session }, onPrepared) => {
      const kind = OPERATION.createContainers;
      const operation = { kind, session, pipelineId: this.pipelineId, owner, count: 1 };
      if (this.hasRoom) onPrepared({ operation, settled: () => undefined });
      else onPrepared(new StrataError("FAILED_TO_ALLOCATE_CONTAINER", { reason: "there is no room" }));
    };
    const services = {
      cluster: this.applied.state,
      replicas: { liveUsage: () => false },
      encodedPipelines: new EncodedPipelines({
        pipelines: this.applied.state.pipelines,
        reports: { withLeader: (pipeline) => pipeline },
        encode: (pipeline) => codecOf(PIPELINE).encodeValue(pipeline),
      }),
      containerCreation: { prepare },
      clock: { wallMs: () => 0 },
      audit: { ready: () => true, write: () => undefined },
      consensus: {
        propose: (operation: Operation, onOutcome: (outcome: OperationResult) => void) => {
          const [result] = this.applied.apply(operation);
          onOutcome(result as OperationResult);
        },
      },
    } as unknown as AdminServices;
    this.#creations = new ContainerCreations(services, new Mutations(services));
  }

  /** The id of the container that is answered, or the text of the refusal. */
  ask(sequence: number, sessionId = 1): number | string {
    const answers: (number | string)[] = [];
    const answer = {
      doneEncoded: (frame: Uint8Array) => {
        const codec = codecOf(ALLOCATE_CONTAINER_RESPONSE);
        const { container, pipeline } = codec.decode(frame, FRAME_HEADER_BYTES, frame.length);
        assert.equal(pipeline.pipelineId, container.pipelineId);
        answers.push(container.containerId);
      },
      fail: (error: StrataError) => answers.push(error.message),
      defer: () => answer,
    };
    const stamp = { sessionId, sequence, ackedSequence: 0 };
    this.#creations.allocate(
      { clientName: "test", connection: { remoteAddress: "" } } as RpcSession,
      { ...stamp, replication: ratis(3), owner: "om" },
      answer as unknown as Answer<"allocateContainer">,
    );
    assert.equal(answers.length, 1);
    return answers[0] as number | string;
  }
}

test("a container that was created is answered again, also when there would be no room by now", () => {
  const stage = new Stage();
  const id = stage.ask(1);
  assert.equal(typeof id, "number");
  stage.hasRoom = false;
  assert.equal(stage.ask(1), id);
  assert.equal(stage.applied.state.containers.table.count, 1);
});

test("it is answered with its own pipeline, also when another one would be taken by now", () => {
  const stage = new Stage();
  const { table } = stage.applied.state.containers;
  const id = stage.ask(1);
  stage.pipelineId = OTHER_ID;
  assert.equal(stage.ask(1), id);
  const other = stage.ask(2);
  const unstamped = stage.ask(0, 0);
  assert.equal(new Set([id, other, unstamped]).size, 3);
  assert.equal(table.pipelineId(id as number), PIPELINE_ID);
  for (const each of [other, unstamped]) assert.equal(table.pipelineId(each as number), OTHER_ID);
});

test("what was refused stays refused under its number, also when there is room by now", () => {
  const stage = new Stage();
  stage.hasRoom = false;
  assert.match(String(stage.ask(1)), /there is no room/);
  stage.hasRoom = true;
  assert.match(String(stage.ask(1)), /RATIS\/THREE.*om.*could not be when this was first asked/);
  assert.equal(stage.applied.state.containers.table.count, 0);
  assert.equal(typeof stage.ask(2), "number");
});
