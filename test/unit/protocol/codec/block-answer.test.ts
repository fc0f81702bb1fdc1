import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { writeBlock, writeOrder } from "../../../../protocol/codec/block-answer.js";
import { BodyWriter } from "../../../../protocol/codec/body-writer.js";
import { codecOf, decodeBody, encodeMessage } from "../../../../protocol/codec/codec.js";
import { FLAG_ANSWER, FRAME_HEADER_BYTES, writeFrameHeader } from "../../../../protocol/codec/frame.js";
import { ALLOCATE_BLOCKS_RESPONSE } from "../../../../protocol/schema/block-messages.js";
import { OPERATIONS, type ResponseOf } from "../../../../protocol/schema/messages.js";
import { PIPELINE } from "../../../../protocol/schema/records.js";
import { pipelineRecord } from "../../../support/cluster/builders.js";

type Answer = ResponseOf<"allocateBlocks">;

/** By hand, as the SCM does it. */
function written({ blocks, pipelines, orders }: Answer): Uint8Array {
  const writer = new BodyWriter();
  const codec = codecOf(PIPELINE);
  writer.begin();
  writer.array(orders === undefined ? 2 : 3);
  writer.array(blocks.length);
  for (const { containerId, localId, pipeline } of blocks) {
    writeBlock(writer, containerId, Number(localId >> 32n), Number(localId & 0xffff_ffffn), pipeline);
  }
  writer.array(pipelines.length);
  for (const pipeline of pipelines) writer.encoded(codec.encodeValue(pipeline));
  if (orders !== undefined) {
    writer.array(orders.length);
    for (const order of orders) writeOrder(writer, order);
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
