import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesText, jsonText, percentText, titledTable } from "../../../../engine/cli/text.js";

test("bytes are shown with two decimals unless exact", () => {
  const rows: [number, string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KB"],
    [1536, "1.50 KB"],
    [1024 ** 2 - 1, "1.00 MB"],
    [5 * 1024 ** 3, "5 GB"],
    [-2048, "-2 KB"],
    [1024 ** 6, "1 EB"],
  ];
  for (const [bytes, text] of rows) assert.equal(bytesText(bytes), text);
});

test("a share of nothing is 0 %", () => {
  assert.equal(percentText(1, 3), "33.33%");
  assert.equal(percentText(0, 0), "0.00%");
});

test("a titled table has its title in the middle and columns as wide as needed", () => {
  assert.deepEqual(titledTable("Roles", ["Host", "Role"], [["scm-one", "LEADER"]]), [
    "+------------------+",
    "|      Roles       |",
    "+---------+--------+",
    "| Host    | Role   |",
    "+---------+--------+",
    "| scm-one | LEADER |",
    "+---------+--------+",
  ]);
});

test("64-bit values are text in JSON", () => {
  assert.equal(jsonText({ a: 2n ** 64n - 1n }), '{\n  "a": "18446744073709551615"\n}');
});
