import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReplication } from "../../../../engine/cluster/containers/replication-config.js";
import { RepeatedBody } from "../../../../engine/gateway/repeated-body.js";
import { FRAME_HEADER_BYTES } from "../../../../protocol/codec/frame.js";
import { operationNamed } from "../../../../protocol/codec/operations.js";

const { op, request: codec } = operationNamed("allocateBlocks");

function message(requestId: number, owner: string, count = 1): Uint8Array {
  const replication = parseReplication("RATIS/THREE");
  return codec.encode(op, 0, requestId, { size: 10, count, replication, owner });
}

function decode(repeated: RepeatedBody, bytes: Uint8Array): unknown {
  return repeated.decode(codec, bytes, FRAME_HEADER_BYTES, bytes.length);
}

test("every body has the value that the codec gives, whatever came before", () => {
  const repeated = new RepeatedBody();
  const messages = [
    message(1, "om"),
    message(2, "om"),
    message(3, "on"),
    message(4, "om"),
    message(5, "om", 2),
    message(6, "o".repeat(255)),
    message(7, "om", 2),
    message(8, "omm"),
    message(9, "om"),
  ];
  for (const bytes of messages) {
    const expected = codec.decode(bytes, FRAME_HEADER_BYTES, bytes.length);
    assert.deepEqual(decode(repeated, bytes), expected);
  }
});

test("the same body again is not decoded again; its bytes may be gone meanwhile", () => {
  const repeated = new RepeatedBody();
  const first = message(1, "om");
  const value = decode(repeated, first);
  first.fill(0);
  assert.equal(decode(repeated, message(2, "om")), value);
});

test("a body that cannot be read leaves the one before", () => {
  const repeated = new RepeatedBody();
  const value = decode(repeated, message(1, "om"));
  const bad = message(2, "om").slice(0, -1);
  assert.throws(() => decode(repeated, bad));
  assert.equal(decode(repeated, message(3, "om")), value);
});
