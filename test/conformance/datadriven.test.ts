import assert from "node:assert/strict";
import { test } from "node:test";
import type { Directive, SyntaxFault } from "./datadriven.js";
import { hasArgument, parseDirectives, valuesOf } from "./datadriven.js";

const SCENARIO = [
  "# about",
  "put flag key=value list=(1, 2,3) empty=()",
  "some",
  "input",
  "----",
  "out",
  "",
  "show",
  "----",
  "----",
  "a",
  "",
  "b",
  "----",
  "----",
  "",
  "stop \\",
  "  now",
  "----",
  "",
];

function isDirective(item: Directive | SyntaxFault): item is Directive {
  return !("fault" in item);
}

test("scenario files are read as they are written", () => {
  const [first, second, third] = parseDirectives(SCENARIO.join("\n")).filter(isDirective);
  assert.ok(first !== undefined);
  assert.equal(first.command, "put");
  assert.equal(first.line, 2);
  assert.equal(first.source, "put flag key=value list=(1, 2,3) empty=()");
  assert.deepEqual(valuesOf(first, "list"), ["1", "2", "3"]);
  assert.deepEqual(valuesOf(first, "key"), ["value"]);
  assert.equal(hasArgument(first, "flag"), true);
  assert.deepEqual(valuesOf(first, "empty"), []);
  assert.equal(first.input, "some\ninput");
  assert.equal(first.expected, "out\n");
  assert.equal(second?.expected, "a\n\nb\n");
  assert.deepEqual(third?.args, [{ key: "now", values: [] }]);
  assert.equal(third?.expected, "");
});

test("line ends of Windows make no difference", () => {
  assert.deepEqual(parseDirectives(SCENARIO.join("\r\n")), parseDirectives(SCENARIO.join("\n")));
  assert.deepEqual(parseDirectives(`\ufeff${SCENARIO.join("\r\n")}`), parseDirectives(SCENARIO.join("\n")));
});

test("what is no directive is told with its line, and those behind it are read", () => {
  const text = "lonely one\n\nput a=(1,2\n----\nout\n\nshow\n----\nout\n\nlast\ninput";
  const items = parseDirectives(text);
  assert.deepEqual(items.slice(0, 2), [
    { line: 1, source: "lonely one", fault: "no ---- follows" },
    { line: 3, source: "put a=(1,2", fault: "cannot read the arguments" },
  ]);
  assert.equal(items[2]?.source, "show");
  assert.deepEqual(items[3], { line: 11, source: "last", fault: "no ---- follows" });
});

test("words may hold any character but spaces and equals signs", () => {
  const [item] = parseDirectives('propose 1 "a(b,c)"\n----\n').filter(isDirective);
  assert.deepEqual(item?.args, [
    { key: "1", values: [] },
    { key: '"a(b,c)"', values: [] },
  ]);
});
