import assert from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { readUuid } from "../../../../engine/core/uuid.js";
import { BodyWriter } from "../../../../protocol/codec/body-writer.js";
import { RecordCodec } from "../../../../protocol/codec/codec.js";
import { FRAME_HEADER_BYTES } from "../../../../protocol/codec/frame.js";
import { packValue } from "../../../../protocol/codec/msgpack.js";
import {
  bool,
  count,
  field,
  list,
  optional,
  record,
  text,
  u64,
  uuid,
} from "../../../../protocol/schema/fields.js";
import { FRAME_BYTES_MAX } from "../../../../protocol/schema/messages.js";

const SAMPLE = record("Sample", "A value of each kind that is written by hand.", {
  numbers: field(list(count, 70_000), ""),
  flag: field(bool, ""),
  id: field(optional(uuid), ""),
  local: field(u64, ""),
  owner: field(text(100), ""),
});
const CODEC = new RecordCodec<Record<string, unknown>>(SAMPLE, 10 * FRAME_BYTES_MAX);
const EDGES = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];

function bodyOf(writer: BodyWriter): Uint8Array {
  return writer.frame().slice(FRAME_HEADER_BYTES);
}

test("what is written by hand is what the encoder writes", () => {
  const random = new SeededRandom(3);
  const writer = new BodyWriter();
  for (let round = 0; round < 300; round++) {
    const length = [0, 1, 15, 16, random.below(3000)][round % 5] as number;
    const numbers = Array.from({ length }, () => EDGES[random.below(EDGES.length)] as number);
    const bytes = new Uint8Array(16);
    random.fill(bytes);
    const id = random.below(2) === 0 ? undefined : readUuid(bytes, 0);
    // Below 2^63 the encoder writes a signed number.
    const [high, low] = [2 ** 31 + random.below(2 ** 31), random.below(2 ** 32)];
    const owner = "ö".repeat(random.below(50));
    const flag = random.below(2) === 0;
    writer.begin();
    writer.array(5);
    writer.array(numbers.length);
    for (const number of numbers) writer.number(number);
    writer.boolean(flag);
    if (id === undefined) writer.nil();
    else writer.uuid(bytes);
    writer.u64(high, low);
    writer.encoded(packValue(owner));
    const local = (BigInt(high) << 32n) | BigInt(low);
    const body = bodyOf(writer);
    const expected = { numbers, flag, ...(id === undefined ? {} : { id }), local, owner };
    assert.deepEqual(body, CODEC.encodeValue(expected));
    assert.deepEqual(CODEC.decode(body, 0, body.length), expected);
  }
});

test("an array that was left open gets its length when values have been taken out again", () => {
  const writer = new BodyWriter();
  writer.begin();
  writer.array(5);
  const at = writer.position;
  writer.openArray(0);
  const starts = [10, 1000, 100_000].map((number) => {
    const start = writer.position;
    writer.number(number);
    return start;
  });
  writer.cut(starts[1] as number, starts[2] as number);
  writer.setLength(at, 2);
  writer.boolean(true);
  writer.nil();
  writer.u64(0, 1);
  writer.encoded(packValue(""));
  const body = bodyOf(writer);
  const value = { numbers: [10, 100_000], flag: true, local: 1n, owner: "" };
  assert.deepEqual(CODEC.decode(body, 0, body.length), value);
});

test("a body grows up to a frame and not beyond", () => {
  const writer = new BodyWriter();
  writer.begin();
  const piece = new Uint8Array(1000);
  const tooLarge = (error: unknown): boolean =>
    error instanceof StrataError && error.code === "FRAME_TOO_LARGE";
  assert.throws(() => {
    for (;;) writer.encoded(piece);
  }, tooLarge);
  assert.ok(writer.position + piece.length > FRAME_BYTES_MAX && writer.position <= FRAME_BYTES_MAX);
  writer.begin();
  writer.encoded(new Uint8Array(FRAME_BYTES_MAX - FRAME_HEADER_BYTES));
  assert.equal(writer.frame().length, FRAME_BYTES_MAX);
  assert.throws(() => writer.nil(), tooLarge);
});

test("a body that is written after one of the same length, or after the buffer grew, is read anew", () => {
  const writer = new BodyWriter();
  const write = (...numbers: number[]): number[] => {
    writer.begin();
    for (const number of numbers) writer.number(number);
    return [...bodyOf(writer)];
  };
  assert.deepEqual(write(1, 2), [1, 2]);
  assert.deepEqual(write(3, 4), [3, 4]);
  writer.encoded(new Uint8Array(100_000));
  assert.equal(writer.frame().length, FRAME_HEADER_BYTES + 2 + 100_000);
  assert.deepEqual(write(5, 6), [5, 6]);
});
