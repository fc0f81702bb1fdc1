import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminServices } from "../../../../engine/admin/admin-services.js";
import { BlockRequests } from "../../../../engine/admin/block-requests.js";
import { ratis } from "../../../../engine/cluster/containers/replication-config.js";
import { EncodedPipelines } from "../../../../engine/cluster/pipelines/encoded-pipelines.js";
import type { StrataError } from "../../../../engine/core/errors.js";
import type { Answer } from "../../../../engine/gateway/answer.js";
import type { RpcSession } from "../../../../engine/gateway/rpc-session.js";
import { codecOf } from "../../../../protocol/codec/codec.js";
import { FRAME_HEADER_BYTES } from "../../../../protocol/codec/frame.js";
import { ALLOCATE_BLOCKS_RESPONSE } from "../../../../protocol/schema/block-messages.js";
import type { RequestOf, ResponseOf } from "../../../../protocol/schema/messages.js";
import { PIPELINE } from "../../../../protocol/schema/records.js";
import { pipelineRecord, uuidOf } from "../../../support/cluster/builders.js";
import { BlockRig } from "../../../support/services/block-rig.js";

type Response = ResponseOf<"allocateBlocks">;

/** Requests on a real block service. */
class Stage {
  readonly rig = new BlockRig();
  readonly audited: string[] = [];
  /** While it is full: those who wait for room. */
  readonly waitsForAudit: ((reason: undefined) => void)[] = [];
  isAuditFull = false;
  leaderId = uuidOf(1);
  readonly #encoded = new EncodedPipelines({
    pipelines: this.rig.applied.state.pipelines,
    reports: { withLeader: (pipeline) => ({ ...pipeline, leaderId: this.leaderId }) },
    encode: (pipeline) => codecOf(PIPELINE).encodeValue(pipeline),
  });
  readonly #requests: BlockRequests;

  constructor() {
    const services = {
      blocks: this.rig.service,
      encodedPipelines: this.#encoded,
      allocationAudit: {
        done: () => void this.audited.push("done"),
        failed: (_caller: unknown, _request: unknown, code: string) => void this.audited.push(code),
      },
      audit: {
        ready: () => !this.isAuditFull,
        whenReady: () => new Promise((resolve) => this.waitsForAudit.push(resolve)),
      },
    } as unknown as AdminServices;
    this.#requests = new BlockRequests(services);
    this.#encoded.onChanged = (id) => this.rig.groups.encodingChanged(id);
  }

  leaderChanged(to: ReturnType<typeof uuidOf>): void {
    this.leaderId = to;
    this.#encoded.changed(pipelineRecord(1).pipelineId);
  }

  /** The answer comes into the list: a response, or the code of an error. */
  ask(changes: Partial<RequestOf<"allocateBlocks">> = {}): (Response | string)[] {
    const answers: (Response | string)[] = [];
    const answer = {
      doneEncoded: (frame: Uint8Array) => answers.push(decoded(frame)),
      fail: (error: StrataError) => answers.push(error.code),
      defer: () => answer,
    };
    const request = { size: 10, count: 2, replication: ratis(3), owner: "om", ...changes };
    try {
      this.#requests.allocate({} as RpcSession, request, answer as unknown as Answer<"allocateBlocks">);
    } catch (error) {
      answers.push((error as StrataError).code);
    }
    return answers;
  }
}

function decoded(frame: Uint8Array): Response {
  return codecOf(ALLOCATE_BLOCKS_RESPONSE).decode(frame, FRAME_HEADER_BYTES, frame.length);
}

function responseOf(answers: readonly (Response | string)[]): Response {
  const [answer] = answers;
  assert.ok(answer !== undefined && typeof answer !== "string", `answered with ${answer}`);
  return answer;
}

test("the answer has each block, and its pipeline once, with the leader as observed", () => {
  const stage = new Stage();
  stage.rig.addPipelines([1]).lead();
  const first = stage.ask({ count: 3 });
  assert.equal(first.length, 0, "it waits for ids and containers");
  stage.rig.settle();
  for (const answers of [first, stage.ask({ count: 3 })]) {
    const { blocks, pipelines } = responseOf(answers);
    assert.equal(new Set(blocks.map(({ localId }) => localId)).size, 3);
    assert.deepEqual(
      blocks.map(({ pipeline }) => pipeline),
      [0, 0, 0],
    );
    assert.deepEqual(pipelines, [{ ...pipelineRecord(1), leaderId: uuidOf(1) }]);
  }
  stage.leaderChanged(uuidOf(2));
  assert.equal(responseOf(stage.ask()).pipelines[0]?.leaderId, uuidOf(2), "bytes follow the leader");
  assert.deepEqual(stage.audited, ["done", "done", "done"]);
});

test("while the audit log is full nothing is given out", async () => {
  const stage = new Stage();
  stage.rig.addPipelines([1]).lead();
  stage.ask();
  stage.rig.settle();
  stage.isAuditFull = true;
  const answers = stage.ask();
  const bad = stage.ask({ size: -1 });
  assert.deepEqual([answers.length, bad.length, stage.audited.length], [0, 0, 1]);
  stage.isAuditFull = false;
  for (const resolve of stage.waitsForAudit) resolve(undefined);
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(responseOf(answers).blocks.length, 2);
  assert.deepEqual(bad, ["INVALID_BLOCK_SIZE"]);
});

test("a refusal is audited with its code, a wait only when it is over", () => {
  const stage = new Stage();
  stage.rig.addPipelines([1]).lead();
  assert.deepEqual(stage.ask({ count: 0 }), ["INVALID_ARGUMENT"]);
  const waits = stage.ask();
  assert.deepEqual(stage.audited, ["INVALID_ARGUMENT"]);
  stage.rig.lead(false);
  assert.deepEqual(waits, ["NOT_LEADER"]);
  assert.deepEqual(stage.audited, ["INVALID_ARGUMENT", "NOT_LEADER"]);
});
