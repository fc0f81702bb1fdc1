import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "../../../../engine/core/byte-reader.js";
import { ByteWriter } from "../../../../engine/core/byte-writer.js";
import type { Uuid } from "../../../../engine/core/uuid.js";

const UUID = "fcb42188-75fc-426e-ad39-49120aaf524d" as Uuid;

test("a reader returns what a writer wrote, in order", () => {
  const writer = new ByteWriter(8);
  writer.u8(255);
  writer.u16(65_535);
  writer.u32(4_294_967_295);
  writer.f64(Number.MAX_SAFE_INTEGER);
  writer.u64(0xffff_ffff_ffff_ffffn);
  writer.uuid(UUID);
  writer.text("grüße");
  writer.bytes(new Uint8Array([1, 2, 3]));
  const reader = new ByteReader(writer.take());
  assert.deepEqual(
    [reader.u8(), reader.u16(), reader.u32(), reader.f64(), reader.u64(), reader.uuid(), reader.text()],
    [255, 65_535, 4_294_967_295, Number.MAX_SAFE_INTEGER, 0xffff_ffff_ffff_ffffn, UUID, "grüße"],
  );
  assert.deepEqual([...reader.bytes()], [1, 2, 3]);
  assert.equal(reader.remaining, 0);
});

test("running over the end throws RangeError, also for a length that lies", () => {
  assert.throws(() => new ByteReader(new Uint8Array(3)).u32(), RangeError);
  const lying = new ByteWriter(8);
  lying.u32(1_000_000);
  assert.throws(() => new ByteReader(lying.take()).bytes(), RangeError);
});

test("what is sliced from a Buffer's reader does not share the Buffer's memory", () => {
  const buffer = Buffer.from([1, 2, 3]);
  const slice = new ByteReader(buffer).raw(3).slice();
  buffer.fill(0);
  assert.deepEqual([...slice], [1, 2, 3]);
});
