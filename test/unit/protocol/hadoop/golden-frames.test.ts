import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescMessage } from "@bufbuild/protobuf";
import {
  RequestHeaderProtoSchema,
  RpcRequestHeaderProtoSchema,
  RpcResponseHeaderProtoSchema,
  RpcResponseHeaderProto_RpcStatusProto as Status,
} from "../../../../protocol/hadoop/generated/rpc_pb.js";
import { decodeMessage, encodeMessage } from "../../../../protocol/hadoop/message.js";
import { delimitedParts } from "../../../support/hadoop/delimited.js";
import { GOLDEN_FRAMES, readCalls } from "../../../support/hadoop/recorded-frames.js";
import { bodySchemas } from "../../../support/hadoop/schemas.js";

const CALLS = readCalls(GOLDEN_FRAMES);

/** What was decoded writes the same bytes: every field is known, and of the right type. */
function checkPart(schema: DescMessage, bytes: Uint8Array | undefined, what: string): void {
  assert(bytes !== undefined, `${what}: no ${schema.name}`);
  const message = decodeMessage(schema, bytes);
  assert.equal(message.$unknown, undefined, `${what}: unknown fields in ${schema.name}`);
  const written = Buffer.from(encodeMessage(schema, message));
  assert.equal(written.toString("hex"), Buffer.from(bytes).toString("hex"), `${what}: ${schema.name}`);
}

test("every recorded frame of released programs and SCM is decoded, and encoded to the same bytes", () => {
  assert(CALLS.length > 50);
  for (const [at, { step, protocol, request, response }] of CALLS.entries()) {
    const what = `call ${at} (${step})`;
    const schemas = bodySchemas(protocol);
    const [header, engine, body, ...more] = delimitedParts(request.subarray(4));
    assert.equal(more.length, 0);
    checkPart(RpcRequestHeaderProtoSchema, header, what);
    checkPart(RequestHeaderProtoSchema, engine, what);
    checkPart(schemas.request, body, what);
    const [answerHeader, answer, ...moreOfAnswer] = delimitedParts(response.subarray(4));
    assert.equal(moreOfAnswer.length, 0);
    checkPart(RpcResponseHeaderProtoSchema, answerHeader, what);
    const { status } = decodeMessage(RpcResponseHeaderProtoSchema, answerHeader ?? new Uint8Array());
    if (status === Status.SUCCESS) checkPart(schemas.response, answer, what);
    else assert.equal(answer, undefined, `${what}: nothing follows an error's header`);
  }
});

test("lengths before the frames are those of the frames", () => {
  for (const { request, response } of CALLS) {
    for (const frame of [request, response]) {
      assert.equal(Buffer.from(frame).readUInt32BE(0), frame.length - 4);
    }
  }
});
