import assert from "node:assert/strict";
import { test } from "node:test";
import { copyFromShared } from "../../../../workers/shared/shared-copy.js";

const LENGTHS = [0, 1, 7, 8, 1023, 1024, 1025, 131_072, 300_001];
const BYTES = Uint8Array.from({ length: 300_032 }, (_, at) => (at * 7919) >>> 3);

test("what is copied from either kind of memory is what lies there, whatever address and length", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(BYTES.length));
  shared.set(BYTES);
  for (const memory of [shared, BYTES]) {
    for (let start = 0; start < 9; start++) {
      for (const length of LENGTHS) {
        const target = new Uint8Array(length + 2).fill(0xee);
        copyFromShared(target, memory.subarray(start, start + length));
        assert.deepEqual(target.subarray(0, length), BYTES.slice(start, start + length));
        assert.deepEqual([...target.subarray(length)], [0xee, 0xee]);
      }
    }
  }
});
