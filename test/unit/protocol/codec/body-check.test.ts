import { doesNotThrow, throws } from "node:assert/strict";
import { test } from "node:test";
import { Packr } from "msgpackr/pack";
import { BODY_DEPTH_MAX, checkBody } from "../../../../protocol/codec/body-check.js";

const packr = new Packr({ useRecords: false });

function check(bytes: readonly number[] | Uint8Array): void {
  const body = Uint8Array.from(bytes);
  checkBody(body, 0, body.length);
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

test("every kind of value passes, at every length of its prefix", () => {
  const lengths = [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536];
  const texts = lengths.map((length) => "x".repeat(length));
  const lists = lengths.map((length) => new Array<number>(length).fill(7));
  const bins = lengths.map((length) => new Uint8Array(length));
  const numbers = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 0.5];
  const negatives = [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 53) + 1];
  const wide = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n];
  const all = [null, true, false, ...numbers, ...negatives, ...wide, ...texts, ...lists, ...bins];
  for (const value of all) check(packr.pack(value));
  check(packr.pack(all));
});

test("every cut of a body is refused", () => {
  const body = packr.pack([1, "some text", new Uint8Array(40), [2, [3, 70_000]], 2n ** 60n, 1.5]);
  check(body);
  for (let length = 0; length < body.length; length++) {
    throws(() => check(body.subarray(0, length)), { code: "BODY_MALFORMED" }, `${length} bytes`);
  }
});

test("a body must end where its value ends", () => {
  throws(() => check([0x01, 0x02]), { code: "BODY_MALFORMED", message: /1 bytes behind/ });
  throws(() => check([0x90, 0x90]), { code: "BODY_MALFORMED" });
});

test("maps and extensions are refused wherever they stand", () => {
  const maps = [[0x80], [0x81, 1, 2], [0xde, 0, 0], [0xdf, 0, 0, 0, 0]];
  const extensions = [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8];
  for (const map of maps) {
    throws(() => check([0x91, ...map]), { code: "BODY_MALFORMED", message: /a map/ });
  }
  for (const token of extensions) {
    throws(() => check([0x91, token, 1, 0x72, 0x90, 0]), { code: "BODY_MALFORMED", message: /extension/ });
  }
});

test("an array that claims more values than there are bytes is refused before it is made", () => {
  throws(() => check([0xdd, 0xff, 0xff, 0xff, 0xff, 0]), { message: /longer than the body/ });
  throws(() => check([0xdc, 0x00, 0x03, 0, 0]), { message: /longer than the body/ });
  throws(() => check([0x92, 0]), { message: /longer than the body/ });
});

test("text and bytes that claim more than there is are refused", () => {
  for (const token of [0xc6, 0xdb]) {
    throws(() => check([token, 0xff, 0xff, 0xff, 0xff, 0]), { code: "BODY_MALFORMED" });
  }
});

test("nesting is bounded, and a hundred thousand levels are refused without a deep stack", () => {
  doesNotThrow(() => check(packr.pack(nested(BODY_DEPTH_MAX))));
  throws(() => check(packr.pack(nested(BODY_DEPTH_MAX + 1))), { message: /nests deeper/ });
  throws(() => check(new Uint8Array(100_000).fill(0x91)), { message: /nests deeper/ });
});
