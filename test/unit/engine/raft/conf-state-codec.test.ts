import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "../../../../engine/core/byte-reader.js";
import { ByteWriter } from "../../../../engine/core/byte-writer.js";
import { readConfState, writeConfState } from "../../../../engine/raft/conf-state-codec.js";
import { type ConfState, nodeId } from "../../../../engine/raft/types.js";

const JOINT: ConfState = {
  voters: [nodeId(1), nodeId(4), nodeId(2 ** 53 - 1)],
  votersOutgoing: [nodeId(2)],
  learners: [],
  learnersNext: [nodeId(2), nodeId(3)],
  autoLeave: true,
};

function encoded(confState: ConfState): Uint8Array {
  const writer = new ByteWriter();
  writeConfState(writer, confState);
  return writer.take();
}

test("a membership is read as it was written", () => {
  for (const confState of [JOINT, { ...JOINT, autoLeave: false }, { ...JOINT, voters: [] }]) {
    const reader = new ByteReader(encoded(confState));
    assert.deepEqual(readConfState(reader), confState);
    assert.equal(reader.remaining, 0);
  }
});

test("bytes that no membership has are refused", () => {
  const bytes = encoded(JOINT);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => readConfState(new ByteReader(bytes.slice(0, length))), RangeError, `${length} bytes`);
  }
  const twice = { ...JOINT, voters: [nodeId(4), nodeId(4)] };
  const falling = { ...JOINT, voters: [nodeId(4), nodeId(1)] };
  const nobody = { ...JOINT, voters: [nodeId(0)] };
  for (const wrong of [twice, falling, nobody]) {
    assert.throws(() => readConfState(new ByteReader(encoded(wrong))), /member/);
  }
  bytes[bytes.length - 1] = 2;
  assert.throws(() => readConfState(new ByteReader(bytes)), /flag 2/);
});
