import assert from "node:assert/strict";
import { test } from "node:test";
import { lineDiff } from "./line-diff.js";

test("lines that went and came stand next to each other, with some around", () => {
  const expected = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
  const actual = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n";
  assert.equal(lineDiff(expected, actual), "…\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+10\n");
});

test("equal texts and empty ones have a difference, too", () => {
  assert.equal(lineDiff("a\n", "a\n"), "…\n");
  assert.equal(lineDiff("", "a\nb\n"), "+a\n+b\n");
  assert.equal(lineDiff("a\n", ""), "-a\n");
});

test("an output that never ended is shown in one piece", () => {
  const long = "same\n".repeat(3000);
  const lines = lineDiff(long, `${long}more\n`).split("\n");
  assert.equal(lines.filter((line) => line.startsWith("-")).length, 3000);
  assert.equal(lines.filter((line) => line.startsWith("+")).length, 3001);
});
