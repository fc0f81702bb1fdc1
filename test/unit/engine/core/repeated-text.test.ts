import assert from "node:assert/strict";
import { test } from "node:test";
import { RepeatedText } from "../../../../engine/core/repeated-text.js";

test("each text is that of its own bytes, whatever came before", () => {
  const repeated = new RepeatedText();
  for (const text of ["", "om", "om", "on", "omé", "om", "o", ""]) {
    const bytes = new TextEncoder().encode(`<${text}>`);
    assert.equal(repeated.text(bytes, 1, bytes.length - 1), text);
    bytes.fill(0x78);
  }
});

test("bytes that are not UTF-8 are refused, and do not become the text of the next", () => {
  const repeated = new RepeatedText();
  const bytes = Uint8Array.of(0x6f, 0xff);
  for (let i = 0; i < 2; i++) assert.throws(() => repeated.text(bytes, 0, 2), RangeError);
  assert.equal(repeated.text(bytes, 0, 1), "o");
});
