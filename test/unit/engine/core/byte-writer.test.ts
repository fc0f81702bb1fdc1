import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "../../../../engine/core/byte-reader.js";
import { ByteWriter } from "../../../../engine/core/byte-writer.js";
import { parseUuid } from "../../../../engine/core/uuid.js";

test("a value that makes the buffer grow is written into the grown buffer", () => {
  const uuid = parseUuid("0b0e0d0c-1111-4222-8333-444455556666");
  assert.ok(uuid !== undefined);
  const cases: [string, (writer: ByteWriter) => void, (reader: ByteReader) => unknown, unknown][] = [
    ["u8", (w) => w.u8(200), (r) => r.u8(), 200],
    ["u16", (w) => w.u16(60_000), (r) => r.u16(), 60_000],
    ["u32", (w) => w.u32(4_000_000_000), (r) => r.u32(), 4_000_000_000],
    ["f64", (w) => w.f64(2 ** 53 - 1), (r) => r.f64(), 2 ** 53 - 1],
    ["u64", (w) => w.u64(2n ** 64n - 1n), (r) => r.u64(), 2n ** 64n - 1n],
    ["uuid", (w) => w.uuid(uuid), (r) => r.uuid(), uuid],
    ["text", (w) => w.text("grün"), (r) => r.text(), "grün"],
  ];
  for (const [name, write, read, expected] of cases) {
    const writer = new ByteWriter(1);
    writer.raw(Uint8Array.of(7));
    write(writer);
    const reader = new ByteReader(writer.view());
    assert.equal(reader.u8(), 7);
    assert.equal(read(reader), expected, name);
    assert.equal(reader.remaining, 0);
  }
});

test("texts are the UTF-8 of a text encoder, short or long, ASCII or not", () => {
  for (const text of [
    "",
    "om",
    "a\u007f",
    "a\u0080",
    "x".repeat(64),
    `${"x".repeat(63)}é`,
    "x".repeat(65),
    "\ud83d",
  ]) {
    const writer = new ByteWriter(1);
    writer.u8(7);
    writer.text(text);
    const bytes = new TextEncoder().encode(text);
    assert.deepEqual([...writer.view()], [7, bytes.length, 0, 0, 0, ...bytes]);
  }
});
