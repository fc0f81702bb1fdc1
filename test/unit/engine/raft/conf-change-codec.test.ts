import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SAFE_INTEGER_MAX } from "../../../../engine/core/ids.js";
import { decodeConfChange, encodeConfChange } from "../../../../engine/raft/conf-change-codec.js";
import type { ConfChange } from "../../../../engine/raft/types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, nodeId } from "../../../../engine/raft/types.js";
import { addVoter, change, LEAVE_JOINT, remove } from "../../../support/raft/make-change.js";

const anyStep = fc
  .tuple(fc.constantFrom(...Object.values(CONF_CHANGE)), fc.nat({ max: SAFE_INTEGER_MAX }))
  .map(([type, id]) => ({ type, nodeId: nodeId(id) }));
const anyChange = fc
  .tuple(
    fc.constantFrom(...Object.values(CONF_CHANGE_TRANSITION)),
    fc.array(anyStep, { maxLength: 5 }),
    fc.uint8Array({ maxLength: 20 }),
  )
  .map(([transition, steps, context]): ConfChange => ({ transition, steps, context }));

test("every change comes back as it was", () => {
  fc.assert(
    fc.property(anyChange, (it) => {
      assert.deepEqual(decodeConfChange(encodeConfChange(it)), it);
    }),
  );
});

test("leaving a joint configuration has no payload, so that no limit in bytes refuses it", () => {
  assert.equal(encodeConfChange(LEAVE_JOINT).length, 0);
  assert.deepEqual(decodeConfChange(new Uint8Array(0)), LEAVE_JOINT);
});

test("bytes that are no change are told apart, whatever they are", () => {
  const payload = encodeConfChange(change(addVoter(4), remove(3)));
  for (let length = 1; length < payload.length; length++) {
    assert.equal(decodeConfChange(payload.subarray(0, length)), undefined, `${length} bytes`);
  }
  for (const [offset, value] of [
    [0, 9],
    [3, 9],
    // The fraction, the sign and the exponent of a node id.
    [4, 1],
    [11, 0xbf],
    [11, 0x7f],
  ] as const) {
    assert.equal(decodeConfChange(payload.with(offset, value)), undefined, `${value} at ${offset}`);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const decoded = decodeConfChange(bytes);
      if (decoded !== undefined) assert.deepEqual(encodeConfChange(decoded), bytes);
    }),
  );
});
