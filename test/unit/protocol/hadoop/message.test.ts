import assert from "node:assert/strict";
import { test } from "node:test";
import { isFieldSet } from "@bufbuild/protobuf";
import { StrataError } from "../../../../engine/core/errors.js";
import {
  AllocateScmBlockRequestProtoSchema,
  SCMBlockLocationResponseSchema,
} from "../../../../protocol/hadoop/generated/block_pb.js";
import { SCMDatanodeRequestSchema } from "../../../../protocol/hadoop/generated/datanode_pb.js";
import {
  InnerNodeSchema,
  KeyValueSchema,
  PipelineSchema,
  ReplicationType,
  UUIDSchema,
} from "../../../../protocol/hadoop/generated/hdds_pb.js";
import { ScmContainerLocationResponseSchema } from "../../../../protocol/hadoop/generated/location_pb.js";
import { decodeMessage, encodeMessage } from "../../../../protocol/hadoop/message.js";

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");

/** What is thrown, as code and text. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof StrataError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "nothing was thrown";
}

test("the released SCM's answer to `safemode status` (spec 12 §12) reads and writes the same bytes", () => {
  const bytes = hex("080e 2801 9a0102 0801");
  const answer = decodeMessage(ScmContainerLocationResponseSchema, bytes);
  assert.equal(answer.cmdType, 14);
  assert.equal(answer.inSafeModeResponse?.inSafeMode, true);
  assert.equal(answer.success, true, "an absent field reads as its default");
  const { success } = ScmContainerLocationResponseSchema.field;
  assert.equal(isFieldSet(answer, success), false, "and is known to be absent");
  const written = encodeMessage(ScmContainerLocationResponseSchema, answer);
  assert.deepEqual(written, new Uint8Array(bytes));
});

test("64-bit halves keep every bit and the sign", () => {
  const most = -0x0123_4567_89ab_cdefn;
  const bytes = encodeMessage(UUIDSchema, { mostSigBits: most, leastSigBits: 2n ** 63n - 1n });
  assert.equal(bytes.length, 1 + 10 + 1 + 9);
  const uuid = decodeMessage(UUIDSchema, bytes);
  assert.equal(uuid.mostSigBits, most);
  assert.equal(uuid.leastSigBits, 2n ** 63n - 1n);
});

test("missing required fields are named with their paths, in Java's words (spec 12 §1)", () => {
  assert.equal(
    refusal(() => decodeMessage(SCMDatanodeRequestSchema, hex("22 00"))),
    "PROTOBUF_INCOMPLETE Message missing required fields: " +
      "cmdType, registerRequest.extendedDatanodeDetails, registerRequest.nodeReport, " +
      "registerRequest.containerReport, registerRequest.pipelineReports",
  );
  assert.equal(
    refusal(() => decodeMessage(PipelineSchema, hex("0a06 120161 1a0162 0a03 120161"))),
    "PROTOBUF_INCOMPLETE Message missing required fields: id, members[1].hostName",
  );
});

test("an unknown number of a required enum makes the field missing", () => {
  assert.equal(
    refusal(() => decodeMessage(SCMBlockLocationResponseSchema, hex("0863 2801"))),
    "PROTOBUF_INCOMPLETE Message missing required fields: cmdType",
  );
  const allocate = decodeMessage(AllocateScmBlockRequestProtoSchema, hex("0801 1001 1801 2063 2a0161"));
  assert.equal(allocate.type, ReplicationType.RATIS);
  assert.equal(isFieldSet(allocate, AllocateScmBlockRequestProtoSchema.field.factor), false);
});

test("repeated numbers are taken packed and unpacked", () => {
  const id = "2a03 0a0161";
  assert.deepEqual(decodeMessage(PipelineSchema, hex(`${id} 3a03 020001`)).memberOrders, [2, 0, 1]);
  assert.deepEqual(decodeMessage(PipelineSchema, hex(`${id} 3802 3800 3801`)).memberOrders, [2, 0, 1]);
});

test("bytes that are no message are refused with a code", () => {
  assert.match(
    refusal(() => decodeMessage(KeyValueSchema, hex("0aff"))),
    /^PROTOBUF_MALFORMED KeyValue is not valid protobuf: /,
  );
  // InnerNode → ChildrenMap → NetworkNode → InnerNode …
  let deep = new Uint8Array();
  for (const tag of Array.from({ length: 120 }, (_, at) => [0x1a, 0x12, 0x1a][at % 3] ?? 0)) {
    const length = deep.length < 128 ? [deep.length] : [(deep.length & 127) | 128, deep.length >> 7];
    deep = Uint8Array.from([tag, ...length, ...deep]);
  }
  assert.match(
    refusal(() => decodeMessage(InnerNodeSchema, deep)),
    /messages nest deeper than 100/,
  );
});

test("an inner message that ends beyond the outer one, or a field of another type, is refused", () => {
  // The inner length is 3 too long: the library alone would take the next field into the inner message.
  assert.match(
    refusal(() => decodeMessage(SCMDatanodeRequestSchema, hex("1a02 0a05 1001 0801"))),
    /^PROTOBUF_MALFORMED /,
  );
  assert.match(
    refusal(() => decodeMessage(PipelineSchema, hex("2a040a026162 3206 6162"))),
    /^PROTOBUF_MALFORMED Pipeline is not valid protobuf: 6 bytes go beyond their message/,
  );
  assert.equal(
    refusal(() => decodeMessage(KeyValueSchema, hex("0801"))),
    "PROTOBUF_MALFORMED KeyValue is not valid protobuf: field 1 of KeyValue has wire type 0",
  );
});

test("a message without a required field is not written", () => {
  assert.throws(() => encodeMessage(UUIDSchema, { mostSigBits: 1n }), /leastSigBits/);
});
