import { deepEqual, deepStrictEqual, equal, notEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import { OPERATIONAL_STATE } from "../../../../engine/core/enums.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import {
  codecOf,
  encodeMessage,
  encodeMessageView,
  untypedCodecOf,
} from "../../../../protocol/codec/codec.js";
import { FRAME_HEADER_BYTES, readFrame } from "../../../../protocol/codec/frame.js";
import * as datanodes from "../../../../protocol/schema/datanode-messages.js";
import type { FieldType, RecordSchema } from "../../../../protocol/schema/fields.js";
import {
  bool,
  bytes,
  count,
  enumOf,
  field,
  i64,
  integer,
  list,
  optional,
  record,
  recordOf,
  text,
  u8,
  u16,
  u32,
  u64,
  uuid,
} from "../../../../protocol/schema/fields.js";
import { MESSAGES, recordArbitrary } from "../../../support/message-arbitrary.js";

const RUNS_PER_MESSAGE = 60;
const SEED = 20_240_611;
const packr = new Packr({ useRecords: false });

/** A message of one field, so that values can be tried on it. */
function single(type: FieldType): RecordSchema {
  return record("Single", "", { value: field(type, "") });
}

/** Decodes a hand-made body. */
function decodeRaw(schema: RecordSchema, body: unknown): unknown {
  const packed = Uint8Array.from(packr.pack(body));
  return decodeBody(schema, packed, 0, packed.length);
}

function decodeBody(schema: RecordSchema, body: Uint8Array, start: number, end: number): unknown {
  return untypedCodecOf(schema).decode(body, start, end);
}

function decodeValue(type: FieldType, raw: unknown): unknown {
  return (decodeRaw(single(type), [raw]) as { value: unknown }).value;
}

function encodeBody(schema: RecordSchema, value: object): Uint8Array {
  const frame = untypedCodecOf(schema).encode(1, 0, 1, value);
  return Uint8Array.from(frame.subarray(FRAME_HEADER_BYTES));
}

function roundTrip(schema: RecordSchema, value: object): unknown {
  const body = encodeBody(schema, value);
  return decodeBody(schema, body, 0, body.length);
}

function refuses(type: FieldType, raw: unknown): void {
  throws(() => decodeValue(type, raw), { code: "FIELD_INVALID", message: /^Single\.value: expected/ });
}

test(`every message comes back as it was sent, ${RUNS_PER_MESSAGE} values each (seed ${SEED})`, () => {
  for (const { name, schema } of MESSAGES) {
    const check = (value: object): void => deepStrictEqual(roundTrip(schema, value), value, name);
    fc.assert(fc.property(recordArbitrary(schema), check), { seed: SEED, numRuns: RUNS_PER_MESSAGE });
  }
});

test("a record travels as an array of its fields, absent ones at the end left out", () => {
  const body = encodeBody(datanodes.HEARTBEAT_REQUEST, {
    persistedOpState: "DECOMMISSIONED",
    persistedOpStateExpiry: -1,
    commandCounts: [{ type: "closeContainerCommand", count: 2 ** 33 }],
  });
  const expected = [OPERATIONAL_STATE.DECOMMISSIONED, -1, null, [[3, 2 ** 33]]];
  deepEqual(packr.unpack(body), expected);
});

test("a 64-bit value travels as a 64-bit integer, however small, and arrives as a bigint", () => {
  const body = encodeBody(single(u64), { value: 5n });
  deepEqual([...body], [0x91, 0xd3, 0, 0, 0, 0, 0, 0, 0, 5]);
  equal(decodeValue(u64, 5), 5n);
  equal(decodeValue(u64, 2n ** 64n - 1n), 2n ** 64n - 1n);
  equal(decodeValue(u64, 2n ** 53n), 2n ** 53n);
  equal(decodeValue(i64, -(2n ** 63n)), -(2n ** 63n));
  for (const raw of [-1, -1n, 0.5, Number.NaN, "5", null]) refuses(u64, raw);
  refuses(i64, 2n ** 63n);
});

test("counts and integers arrive as numbers, also from 64-bit integers on the wire", () => {
  for (const value of [0n, 5n, 2n ** 53n - 1n]) equal(decodeValue(count, value), Number(value));
  equal(decodeValue(integer, -(2n ** 53n) + 1n), -(2 ** 53) + 1);
  equal(decodeValue(count, 2 ** 53 - 1), 2 ** 53 - 1);
});

test("a number that is negative, a fraction, no number or out of range is refused", () => {
  const wrong = [
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    2n ** 53n,
    2n ** 63n,
    true,
    "1",
    null,
    [1],
  ];
  for (const raw of wrong) refuses(count, raw);
  for (const raw of [-(2 ** 53), 2 ** 53, 0.5, Number.NaN]) refuses(integer, raw);
  refuses(u8, 256);
  refuses(u16, 65_536);
  refuses(u32, 2 ** 32);
  equal(decodeValue(u32, 2 ** 32 - 1), 2 ** 32 - 1);
});

test("minus zero arrives as zero", () => {
  const body = Uint8Array.from([0x91, 0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0]);
  const { value } = decodeBody(single(count), body, 0, body.length) as { value: number };
  equal(Object.is(value, 0), true);
});

test("text, bytes and lists are refused above their limits and taken at them", () => {
  equal(decodeValue(text(3), "äöü"), "äöü");
  refuses(text(3), "abcd");
  refuses(text(3), new Uint8Array(1));
  deepEqual(decodeValue(bytes(3), new Uint8Array(3)), new Uint8Array(3));
  refuses(bytes(3), new Uint8Array(4));
  refuses(bytes(3), "abc");
  deepEqual(decodeValue(list(u8, 2), [1, 2]), [1, 2]);
  refuses(list(u8, 2), [1, 2, 3]);
  refuses(list(u8, 2), [1, 256]);
  refuses(list(u8, 2), 1);
});

test("enums travel as numbers and are names in values; an unknown number is refused", () => {
  const states = enumOf({ ON: 1, OFF: 7 });
  equal(decodeValue(states, 7), "OFF");
  deepEqual([...encodeBody(single(states), { value: "OFF" })], [0x91, 7]);
  for (const raw of [0, 2, "OFF", null, 2n ** 60n]) refuses(states, raw);
  for (const value of ["on", "toString", 1]) {
    throws(() => encodeBody(single(states), { value }), { code: "FIELD_INVALID" });
  }
});

test("a uuid travels as sixteen bytes and is lower-case text in values", () => {
  const value = "0f6d2f3e-9c1a-4a86-8a4e-3f2d0b7a9c11" as Uuid;
  const body = encodeBody(single(uuid), { value });
  deepEqual([...body.subarray(0, 5)], [0x91, 0xc4, 16, 0x0f, 0x6d]);
  equal(decodeValue(uuid, body.subarray(3)), value);
  for (const raw of [new Uint8Array(15), new Uint8Array(17), value]) refuses(uuid, raw);
  throws(() => encodeBody(single(uuid), { value: value.toUpperCase() }), { code: "FIELD_INVALID" });
});

test("booleans are nothing but true and false", () => {
  equal(decodeValue(bool, true), true);
  for (const raw of [0, 1, null, "true"]) refuses(bool, raw);
});

const INNER = record("Inner", "", { size: field(u8, ""), note: field(optional(text(5)), "") });
const OUTER = record("Outer", "", {
  id: field(count, ""),
  inner: field(optional(list(recordOf(INNER), 3)), ""),
});

test("fields of a newer version behind the known ones are ignored, in nested records too", () => {
  const raw = [1, [[2, "a", [true, ["later"]], 9.5]], "more", [[[]]], null];
  deepEqual(decodeRaw(OUTER, raw), { id: 1, inner: [{ size: 2, note: "a" }] });
});

test("a missing or nil optional field is absent", () => {
  deepEqual(decodeRaw(OUTER, [1]), { id: 1 });
  deepEqual(decodeRaw(OUTER, [1, null]), { id: 1 });
  deepEqual(roundTrip(OUTER, { id: 1, inner: undefined }), { id: 1 });
});

test("a field that came with a newer version may be missing, whatever its type", () => {
  const grown = record("Grown", "", { old: field(u8, ""), added: { type: u8, since: 2, doc: "" } });
  deepEqual(decodeRaw(grown, [1]), { old: 1 });
  deepEqual(decodeRaw(grown, [1, 2]), { old: 1, added: 2 });
  throws(() => decodeRaw(grown, [1, null]), { message: /^Grown\.added: expected/ });
});

test("a missing field of the first version is named with its message", () => {
  throws(() => decodeRaw(OUTER, []), {
    code: "FIELD_INVALID",
    class: "ProtocolError",
    message: "Outer.id: expected a value, got nothing",
  });
  throws(() => decodeRaw(OUTER, [1, [[null]]]), {
    message: "Inner.size: expected a whole number 0 … 255, got nil",
  });
  throws(() => decodeRaw(OUTER, [1, [7]]), { message: "Inner.*: expected an array of fields, got 7" });
});

test("an error describes what came, it does not repeat it", () => {
  const long = "x".repeat(200_000);
  throws(() => decodeValue(u8, long), { message: /got text of 200000 bytes$/ });
  throws(() => decodeValue(u8, [1, 2]), { message: /got a list of 2$/ });
});

test("a body that is no array of fields is refused", () => {
  for (const raw of [null, 1, "text", new Uint8Array(3)]) {
    throws(() => decodeRaw(OUTER, raw), { code: "FIELD_INVALID" });
  }
  const nothing = new Uint8Array(0);
  throws(() => decodeBody(OUTER, nothing, 0, 0), { code: "BODY_MALFORMED" });
});

test("the encoder refuses what the decoder would", () => {
  const wrong: [FieldType, unknown][] = [
    [u8, 256],
    [count, -1],
    [count, 1.5],
    [count, 5n],
    [count, undefined],
    [u64, 5],
    [u64, 2n ** 64n],
    [i64, -(2n ** 63n) - 1n],
    [bool, 1],
    [text(2), "abc"],
    [bytes(2), new Uint8Array(3)],
    [list(u8, 1), [1, 2]],
    [list(u8, 1), [256]],
    [recordOf(INNER), null],
  ];
  for (const [type, value] of wrong) {
    throws(() => encodeBody(single(type), { value }), { code: "FIELD_INVALID" }, `${type.kind} ${value}`);
  }
});

test("bytes are views of the message, also when it lies within a larger buffer", () => {
  const schema = single(bytes(10));
  const body = encodeBody(schema, { value: Uint8Array.from([1, 2, 3]) });
  const buffer = new Uint8Array(100);
  buffer.set(body, 9);
  const { value } = decodeBody(schema, buffer, 9, 9 + body.length) as { value: Uint8Array };
  deepEqual([...value], [1, 2, 3]);
  equal(value.buffer, buffer.buffer);
});

test("frames and bytes are plain Uint8Arrays, whose slice copies, also when the message is a Buffer", () => {
  const schema = single(bytes(10));
  const frame = untypedCodecOf(schema).encode(1, 0, 1, { value: Uint8Array.from([1, 2, 3]) });
  equal(frame.constructor, Uint8Array);
  const message = Buffer.from(frame);
  const { value } = decodeBody(schema, message, FRAME_HEADER_BYTES, message.length) as { value: Uint8Array };
  equal(value.constructor, Uint8Array);
  equal(value.buffer, message.buffer);
});

test("messages above the size of the scratch buffer are decoded too", () => {
  const schema = single(list(text(1000), 100));
  const value = new Array<string>(100).fill("long".repeat(100));
  deepEqual(roundTrip(schema, { value }), { value });
});

test("a frame is the caller's to keep, a view lasts until the next frame", () => {
  const value = { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 } as const;
  const kept = encodeMessage(3, 0, 1, datanodes.HEARTBEAT_REQUEST, value);
  const before = Uint8Array.from(kept);
  const view = encodeMessageView(3, 0, 2, datanodes.HEARTBEAT_REQUEST, value);
  equal(readFrame(view).requestId, 2);
  for (let i = 0; i < 2000; i++) encodeMessage(3, 0, 3 + i, datanodes.HEARTBEAT_REQUEST, value);
  deepEqual(Uint8Array.from(kept), before);
  const again = encodeMessageView(3, 0, 9, datanodes.HEARTBEAT_REQUEST, value);
  const last = encodeMessageView(3, 0, 10, datanodes.HEARTBEAT_REQUEST, value);
  equal(again.byteOffset, last.byteOffset);
  notEqual(kept.byteOffset, last.byteOffset);
});

test("a frame above the limit is not encoded", () => {
  const row = new Uint8Array(datanodes.REPORT_CHUNK_BYTES_MAX);
  const origins = new Array<Uuid>(8000).fill("0f6d2f3e-9c1a-4a86-8a4e-3f2d0b7a9c11" as Uuid);
  const chunk = { reportId: 1, last: true, fromId: 0, toId: 9, rowBytes: 32, rows: row, origins };
  throws(() => encodeMessage(5, 0, 1, datanodes.FULL_REPORT_CHUNK_REQUEST, chunk), {
    code: "FRAME_TOO_LARGE",
  });
  const small = { ...chunk, origins: origins.slice(0, 7000) };
  equal(encodeMessage(5, 0, 1, datanodes.FULL_REPORT_CHUNK_REQUEST, small).length < 256 * 1024, true);
});

test("a schema is compiled once", () => {
  equal(codecOf(OUTER), codecOf(OUTER));
});
