import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  delimited,
  delimitedMessages,
  message,
  wireText,
  zigzag,
} from "../../../../scripts/interop/wire-text.js";

describe("wire-text", () => {
  it("writes fields as the encoding's description shows them", () => {
    // The examples of the description itself.
    assert.equal(Buffer.from(message([1, 150])).toString("hex"), "089601");
    assert.equal(Buffer.from(message([2, "testing"])).toString("hex"), "120774657374696e67");
    assert.equal(Buffer.from(message([3, [[1, 150]]])).toString("hex"), "1a03089601");
    assert.equal(Buffer.from(message([1, -2])).toString("hex"), "08feffffffffffffffff01");
    assert.deepEqual([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
  });

  it("shows numbers, text, messages and other bytes", () => {
    const inner = [
      [1, -5],
      [2, Uint8Array.of(0xff, 0xfe)],
    ] as const;
    const shown = wireText(message([1, 7], [5, "Pipeline not found\n\tat here"], [19, inner]));
    assert.equal(shown, '1: 7\n5: "Pipeline not found\n\tat here"\n19:\n  1: -5\n  2: 0xfffe\n');
  });

  it("takes a message that begins with a text for a message", () => {
    assert.equal(wireText(message([8, [[1, "abc"]]])), '8:\n  1: "abc"\n');
  });

  it("cuts delimited messages apart, and refuses half of one", () => {
    const both = Buffer.concat([delimited(message([1, 1])), delimited(message())]);
    assert.deepEqual(
      delimitedMessages(both).map((bytes) => wireText(bytes)),
      ["1: 1\n", ""],
    );
    assert.throws(() => delimitedMessages(both.subarray(0, 2)), /ends within bytes/);
  });
});
