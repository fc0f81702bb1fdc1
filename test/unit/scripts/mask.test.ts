import assert from "node:assert/strict";
import { test } from "node:test";
import { mask } from "../../../scripts/mask.js";

const dropStrings = (source: string): string => mask(source, { keepStrings: false });

test("comments and the inside of strings become spaces, everything else keeps its place", () => {
  assert.equal(dropStrings('a("b\\"c"); // d "e"\nf'), 'a("    ");         \nf');
  assert.equal(dropStrings("a /* b\nc */ d"), "a     \n     d");
  assert.equal(mask('a("b"); // c', { keepStrings: true }), 'a("b");     ');
});

test("code inside of a template stays code, also in nested templates", () => {
  assert.equal(dropStrings("`a${b({ c })}d` + e"), "` ${b({ c })} ` + e");
  assert.equal(dropStrings("`a${`b${c}`}d`"), "` ${` ${c}`} `");
  assert.equal(dropStrings("`a\\`$b` + c"), "`     ` + c");
});

test("a regular expression with quotes does not start a string, and a division no regular expression", () => {
  assert.equal(dropStrings('x = /["/]/g; y'), `x = ${" ".repeat(7)}; y`);
  assert.equal(dropStrings('a / b; "c" / d'), 'a / b; " " / d');
  assert.equal(dropStrings('return /"/.test(a)'), "return    .test(a)");
});

test("an unfinished string or template ends with the source", () => {
  assert.equal(dropStrings('a "b').length, 4);
  assert.equal(dropStrings("a `b").length, 4);
});
