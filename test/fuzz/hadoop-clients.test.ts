import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import type { DescMessage } from "@bufbuild/protobuf";
import { toBinary } from "@bufbuild/protobuf";
import { ERRORS, type ErrorCode } from "../../engine/core/errors.js";
import { SeededRandom } from "../../engine/core/random.js";
import {
  SCMBlockLocationRequestSchema,
  SCMBlockLocationResponseSchema,
} from "../../protocol/hadoop/generated/block_pb.js";
import {
  ScmContainerLocationRequestSchema,
  ScmContainerLocationResponseSchema,
} from "../../protocol/hadoop/generated/location_pb.js";
import { decodeMessage } from "../../protocol/hadoop/message.js";
import type { OperationName } from "../../protocol/schema/messages.js";
import { OPERATIONS } from "../../protocol/schema/messages.js";
import { BlockProtocol } from "../../workers/front/block/block-protocol.js";
import type { FrontContext } from "../../workers/front/front-context.js";
import { LocationProtocol } from "../../workers/front/location/location-protocol.js";
import type { HadoopProtocol } from "../../workers/front/rpc/call.js";
import { callOf, contextOf, FakeMain, remoteError } from "../support/front/fake-main.js";
import { randomMessage } from "../support/hadoop/random-message.js";

/** Requests of any content: each gets one answer that a Java client understands, and none that makes it try
 * again for ten minutes but by the advice of the SCM's own error. */

/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const CASES = 3000;
const TRY_AGAIN = "org.apache.hadoop.hdds.ratis.ServerNotLeaderException";
/** At which clients fail at once (spec 12 §3.2). */
const FINAL = [
  "org.apache.hadoop.hdds.scm.exceptions.SCMException",
  "org.apache.hadoop.hdds.scm.container.ContainerNotFoundException",
  "org.apache.hadoop.hdds.scm.pipeline.PipelineNotFoundException",
  "com.google.protobuf.InvalidProtocolBufferException",
];
const CODES = Object.keys(ERRORS) as ErrorCode[];

/** Main answers every request with one error. */
function failingMain(): { readonly main: FakeMain; code: ErrorCode } {
  const state = { main: new FakeMain(), code: "INVALID_ARGUMENT" as ErrorCode };
  for (const name of Object.keys(OPERATIONS) as OperationName[]) {
    state.main.answers[name] = () => remoteError(state.code, `it is ${state.code}`);
  }
  return state;
}

interface Face {
  readonly request: DescMessage;
  readonly response: DescMessage;
  create(context: FrontContext): HadoopProtocol;
}

const FACES: Readonly<Record<string, Face>> = {
  block: {
    request: SCMBlockLocationRequestSchema,
    response: SCMBlockLocationResponseSchema,
    create: (context) => new BlockProtocol(context),
  },
  location: {
    request: ScmContainerLocationRequestSchema,
    response: ScmContainerLocationResponseSchema,
    create: (context) => new LocationProtocol(context),
  },
};

for (const [name, face] of Object.entries(FACES)) {
  test(`${name}: every request has one answer that its client understands (seed ${SEED})`, async () => {
    const random = new SeededRandom(SEED);
    const state = failingMain();
    const context = contextOf(state.main);
    const protocol = face.create(context);
    for (let i = 0; i < CASES; i++) {
      state.code = CODES[random.below(CODES.length)] as ErrorCode;
      const bytes = toBinary(face.request, randomMessage(random, face.request));
      if (i % 3 === 0 && bytes.length > 0) {
        const at = random.below(bytes.length);
        bytes[at] = random.below(256);
      }
      const outcome = await callOf(protocol, bytes);
      const where = `case ${i}, ${state.code}, ${Buffer.from(bytes).toString("hex")}`;
      if ("reply" in outcome) decodeMessage(face.response, outcome.reply);
      else if (outcome.className === TRY_AGAIN) {
        const mayTryAgain = ["elsewhere", "later"].includes(ERRORS[state.code].retry);
        assert.ok(mayTryAgain, where);
      } else assert.ok(FINAL.includes(outcome.className), `${where}: ${outcome.className}`);
    }
    assert.deepEqual(context.toldBugs, []);
  });
}
