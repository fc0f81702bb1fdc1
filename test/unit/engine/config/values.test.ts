import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KeyDeclaration } from "../../../../engine/config/fields.js";
import {
  formatAddress,
  formatSize,
  formatTime,
  type Parsed,
  parseAddress,
  parseBoolean,
  parseDecimal,
  parseHost,
  parseInteger,
  parseList,
  parsePath,
  parseSize,
  parseTime,
  parseValue,
} from "../../../../engine/config/values.js";

/** Value of a right text, the reason's beginning of a wrong one. */
function outcome(parsed: Parsed<unknown>): unknown {
  return parsed.ok ? parsed.value : parsed.reason.split(/[,:;(]/, 1)[0]?.trim();
}

function check(
  parse: (text: string) => Parsed<unknown>,
  rows: readonly (readonly [string, unknown])[],
): void {
  for (const [text, expected] of rows) assert.deepEqual(outcome(parse(text)), expected, `"${text}"`);
}

const WHOLE = "must be a whole number";
const TIME = "must be a whole number directly followed by ns";
const SIZE = "must be a number with a unit B";

test("a boolean is true or false in any case and nothing else", () => {
  check(parseBoolean, [
    ["true", true],
    ["FALSE", false],
    ["yes", "must be true or false"],
    ["1", "must be true or false"],
  ]);
});

test("a whole number is decimal or hexadecimal, with a sign, below 2^53", () => {
  check(parseInteger, [
    ["10", 10],
    ["-3", -3],
    ["+7", 7],
    ["0x1F", 31],
    ["-0X10", -16],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["9007199254740992", "is beyond 2^53"],
    ["1.5", WHOLE],
    ["1 0", WHOLE],
    ["ten", WHOLE],
    ["0x", WHOLE],
  ]);
});

test("a decimal number tolerates the f of the reference's files", () => {
  check(parseDecimal, [
    ["0.9f", 0.9],
    [".5", 0.5],
    ["-1", -1],
    ["1e3", 1000],
    ["f", "must be a number"],
    ["0.9.1", "must be a number"],
    ["NaN", "must be a number"],
  ]);
});

test("a time is a whole number with its unit, without a space, in any case", () => {
  check(parseTime, [
    ["30s", 30_000],
    ["5M", 300_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["250ms", 250],
    ["500us", 0],
    ["1500us", 1],
    ["2000000ns", 2],
    ["-1s", -1000],
    ["1 m", TIME],
    ["1.5h", TIME],
    ["1min", TIME],
    ["s", TIME],
    ["9007199254741s", "is beyond 2^53 ms"],
  ]);
});

test("a time without unit is milliseconds and warns", () => {
  assert.deepEqual(parseTime("1500"), { ok: true, value: 1500, warning: "has no unit: taken as 1500ms" });
  assert.equal("warning" in parseTime("1500ms"), false);
});

test("a size has a unit of 1024 in short, middle or long form, and may be a fraction", () => {
  check(parseSize, [
    ["5GB", 5 * 1024 ** 3],
    ["0.5gb", 512 * 1024 ** 2],
    ["4k", 4096],
    ["4kb", 4096],
    ["4 KiloBytes", 4096],
    ["10b", 10],
    ["10bytes", 10],
    ["1.0009b", 1],
    ["1p", 1024 ** 5],
    ["0.5p", 512 * 1024 ** 4],
    ["100", SIZE],
    ["1bb", SIZE],
    ["1xb", SIZE],
    ["-1MB", SIZE],
    ["1eb", "is beyond 2^53 bytes"],
  ]);
});

test("a list is cut at commas, trimmed, without empty parts", () => {
  assert.deepEqual(parseList(" a, b ,,c,"), ["a", "b", "c"]);
  assert.deepEqual(parseList(""), []);
});

test("a directory is one absolute path", () => {
  check(parsePath, [
    ["/data/scm", "/data/scm"],
    ["/data//x/../scm/", "/data/scm"],
    ["/", "/"],
    ["file:///data", "/data"],
    ["file:/data", "/data"],
    ["data", "must be an absolute path"],
    ["/a,/b", "must be one directory"],
  ]);
});

test("a host is a name or an address", () => {
  check(parseHost, [
    ["scm-1.example.com", "scm-1.example.com"],
    ["10.0.0.1", "10.0.0.1"],
    ["::1", "::1"],
    ["[::1]", "::1"],
    ["a b", "must be a host name or an IP address"],
    ["-a", "must be a host name or an IP address"],
  ]);
});

test("an address has a host, and a port unless the key has one by default", () => {
  const parse = (text: string) => parseAddress(text, 9865);
  check(parse, [
    ["0.0.0.0:9865", { host: "0.0.0.0", port: 9865 }],
    ["scm1:0", { host: "scm1", port: 0 }],
    ["scm1", { host: "scm1", port: 9865 }],
    ["[::1]:80", { host: "::1", port: 80 }],
    ["scm1:70000", "has a port above 65535"],
    ["scm1:", "must be host"],
    ["a:b:1", "must be host"],
    [":80", "must be host"],
  ]);
  assert.equal(outcome(parseAddress("scm1", undefined)), "must be host");
  assert.equal(formatAddress({ host: "::1", port: 80 }), "[::1]:80");
});

test("a value outside of its range is refused with the bound in the key's unit", () => {
  const time: KeyDeclaration = {
    key: "k",
    type: "time",
    default: "1s",
    meaning: "m",
    min: 1000,
    max: 90_000,
  };
  assert.equal(outcome(parseValue(time, "999ms")), "is less than 1s");
  assert.equal(outcome(parseValue(time, "2m")), "is more than 90s");
  assert.equal(outcome(parseValue(time, "90s")), 90_000);
  const size: KeyDeclaration = { key: "k", type: "size", default: "1MB", meaning: "m", powerOfTwo: true };
  assert.equal(outcome(parseValue(size, "3MB")), "must be a power of two");
  assert.equal(outcome(parseValue(size, "4MB")), 4 * 1024 ** 2);
});

test("a value that is none of the choices is refused with all of them", () => {
  const level: KeyDeclaration = { key: "k", type: "str", default: "a", meaning: "m", choices: ["a", "b"] };
  const parsed = parseValue(level, "c");
  assert.deepEqual(parsed, { ok: false, reason: "must be one of a, b" });
});

test("times and sizes are written in the largest unit that leaves them whole", () => {
  assert.deepEqual([0, 1, 1500, 90_000, 3_600_000, 86_400_000].map(formatTime), [
    "0ms",
    "1ms",
    "1500ms",
    "90s",
    "1h",
    "1d",
  ]);
  assert.deepEqual([0, 1, 1025, 4096, 8 * 1024 ** 2].map(formatSize), ["0B", "1B", "1025B", "4KB", "8MB"]);
});

test("no text makes a parser throw", () => {
  const parsers = [parseBoolean, parseInteger, parseDecimal, parseTime, parseSize, parsePath, parseHost];
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[-+0-9a-zA-Z.:[\]x ]{0,20}$/));
  fc.assert(
    fc.property(text, (word) => {
      for (const parse of parsers) assert.ok("ok" in parse(word));
      assert.ok("ok" in parseAddress(word, undefined));
    }),
  );
});

test("what a time or size is written as reads back as the same", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      assert.deepEqual(outcome(parseTime(formatTime(value))), value);
      assert.deepEqual(outcome(parseSize(formatSize(value))), value);
    }),
  );
});
