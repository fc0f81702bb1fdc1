import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BlockAnswerWriter } from "../../../../protocol/codec/block-answer.js";
import { codecOf, decodeBody, encodeMessage } from "../../../../protocol/codec/codec.js";
import { FLAG_ANSWER, FRAME_HEADER_BYTES, writeFrameHeader } from "../../../../protocol/codec/frame.js";
import { ALLOCATE_BLOCKS_RESPONSE } from "../../../../protocol/schema/block-messages.js";
import { OPERATIONS, type ResponseOf } from "../../../../protocol/schema/messages.js";
import { PIPELINE } from "../../../../protocol/schema/records.js";
import { pipelineRecord } from "../../../support/cluster/builders.js";

type Answer = ResponseOf<"allocateBlocks">;

/** By hand, as the SCM does it. */
function written({ blocks, pipelines, orders }: Answer): Uint8Array {
  const writer = new BlockAnswerWriter();
  const codec = codecOf(PIPELINE);
  writer.begin(orders === undefined ? 2 : 3);
  writer.beginList(blocks.length);
  for (const { containerId, localId, pipeline } of blocks) {
    writer.block(containerId, Number(localId >> 32n), Number(localId & 0xffff_ffffn), pipeline);
  }
  writer.beginList(pipelines.length);
  for (const pipeline of pipelines) writer.encoded(codec.encodeValue(pipeline));
  if (orders !== undefined) {
    writer.beginList(orders.length);
    for (const order of orders) writer.order(order);
  }
  const frame = writer.frame();
  writeFrameHeader(frame, OPERATIONS.allocateBlocks.op, FLAG_ANSWER, 7);
  return frame;
}

const edges = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
const block = fc.record(
  {
    containerId: fc.oneof(fc.constantFrom(...edges), fc.nat({ max: Number.MAX_SAFE_INTEGER })),
    localId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    pipeline: fc.nat({ max: 65_535 }),
  },
  { noNullPrototype: true },
);
const answer = fc.record(
  {
    blocks: fc.array(block, { maxLength: 40 }),
    pipelines: fc.array(
      fc.nat({ max: 5 }).map((number) => pipelineRecord(number)),
      { maxLength: 16 },
    ),
    orders: fc.array(fc.array(fc.nat({ max: 255 }), { maxLength: 64 }), { maxLength: 16 }),
  },
  { requiredKeys: ["blocks", "pipelines"], noNullPrototype: true },
) as fc.Arbitrary<Answer>;

test("what is written by hand says what the general encoder says", () => {
  fc.assert(
    fc.property(answer, (value) => {
      const frame = written(value);
      const general = encodeMessage(
        OPERATIONS.allocateBlocks.op,
        FLAG_ANSWER,
        7,
        ALLOCATE_BLOCKS_RESPONSE,
        value,
      );
      const decode = (bytes: Uint8Array): unknown =>
        decodeBody(ALLOCATE_BLOCKS_RESPONSE, bytes, FRAME_HEADER_BYTES, bytes.length);
      assert.deepEqual(decode(frame), decode(general));
      assert.deepEqual(decode(frame), value);
    }),
  );
});

test("an answer beyond a frame is refused, and the next one is whole again", () => {
  const writer = new BlockAnswerWriter();
  writer.begin(2);
  assert.throws(() => writer.encoded(new Uint8Array(256 * 1024)), { code: "FRAME_TOO_LARGE" });
  writer.begin(1);
  writer.beginList(0);
  assert.deepEqual([...writer.frame().subarray(FRAME_HEADER_BYTES)], [0x91, 0x90]);
});
