import { deepEqual, doesNotThrow, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import { BodyReader, UNKNOWN_DEPTH_MAX } from "../../../../protocol/codec/body-reader.js";
import { untypedCodecOf } from "../../../../protocol/codec/codec.js";
import { FRAME_HEADER_BYTES } from "../../../../protocol/codec/frame.js";
import { HEARTBEAT_REQUEST } from "../../../../protocol/schema/datanode-messages.js";
import { record } from "../../../../protocol/schema/fields.js";
import { FRAME_BYTES_MAX } from "../../../../protocol/schema/messages.js";

const SEED = 20_250_101;
const packr = new Packr({ useRecords: false, int64AsType: "auto" } as never);
const NOTHING = untypedCodecOf(record("Nothing", "", {}));

/** Passes a value as the unknown field of a record without fields. */
function skip(value: readonly number[] | Uint8Array): void {
  const body = Uint8Array.from([0x91, ...value]);
  deepEqual(NOTHING.decode(body, 0, body.length), {});
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

function readerOf(value: unknown): BodyReader {
  const body = Uint8Array.from(packr.pack(value));
  const reader = new BodyReader();
  reader.begin(body, 0, body.length);
  return reader;
}

const LENGTHS = [0, 1, 15, 16, 31, 32, 255, 256, 4095, 4096, 65_535, 65_536];
const NUMBERS = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
const NEGATIVES = [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53) + 1];

test("numbers of every width are read as msgpackr reads them", () => {
  for (const number of [...NUMBERS, ...NEGATIVES]) {
    equal(readerOf(number).wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), number);
    const wide = BigInt(number);
    equal(readerOf(wide).wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), number);
    equal(readerOf(number).bigint(-(2n ** 63n), 2n ** 64n), wide);
  }
  for (const wide of [2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 63n), -(2n ** 53n), 2n ** 53n]) {
    equal(readerOf(wide).bigint(-(2n ** 63n), 2n ** 64n), wide);
    ok(Number.isNaN(readerOf(wide).wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)));
  }
});

test("text, bytes and arrays of every length are read", () => {
  for (const length of LENGTHS) {
    equal(readerOf("ab".repeat(length)).text(2 * length), "ab".repeat(length));
    equal(readerOf("€".repeat(length)).text(length), "€".repeat(length));
    deepEqual(readerOf(new Uint8Array(length)).bytes(length), new Uint8Array(length));
    equal(readerOf(new Array(length).fill(1)).arrayLength(length), length);
  }
});

test("text is limited by its characters, whatever bytes they take", () => {
  equal(readerOf("€€€").text(2), undefined);
  equal(readerOf("abc").text(2), undefined);
  equal(readerOf("😀").text(2), "😀");
  equal(readerOf("x".repeat(7)).text(2), undefined);
});

test(`values of any shape are read as msgpackr reads them (seed ${SEED})`, () => {
  const { string, integer, maxSafeInteger, constantFrom, array, oneof } = fc;
  const scalar = oneof(
    string({ unit: "grapheme" }),
    integer(),
    maxSafeInteger(),
    constantFrom(true, false, null),
  );
  const readAs = (reader: BodyReader, like: unknown): unknown => {
    if (like === null) return reader.nil() ? null : undefined;
    if (typeof like === "string") return reader.text(10_000);
    if (typeof like === "boolean") return reader.boolean();
    if (typeof like === "number") return reader.wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const length = reader.arrayLength(10_000);
    return Array.from({ length }, (_, i) => readAs(reader, (like as unknown[])[i]));
  };
  const check = (value: unknown[]): void => {
    const packed = packr.pack(value);
    const reader = readerOf(value);
    deepEqual(readAs(reader, value), packr.unpack(packed));
    reader.finish();
  };
  const values = array(oneof(scalar, array(oneof(scalar, array(scalar)))));
  fc.assert(fc.property(values, check), { seed: SEED, numRuns: 500 });
});

test("64-bit numbers are read in halves, whatever they are packed as", () => {
  const halves = { high: 0, low: 0 };
  for (const value of [0n, 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 63n - 1n, 2n ** 64n - 1n]) {
    for (const packed of value < 2n ** 53n ? [value, Number(value)] : [value]) {
      const reader = readerOf(packed);
      equal(reader.halves(halves), true);
      equal((BigInt(halves.high) << 32n) | BigInt(halves.low), value);
      reader.finish();
    }
  }
  for (const other of [-1, -1n, 0.5, "1", null]) equal(readerOf(other).halves(halves), false);
});

test("an unknown field may be of any kind, at every length of its prefix", () => {
  const texts = LENGTHS.map((length) => "x".repeat(length));
  const lists = LENGTHS.map((length) => new Array<number>(length).fill(7));
  const bins = LENGTHS.map((length) => new Uint8Array(length));
  const wide = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n];
  const all = [null, true, false, 0.5, ...NUMBERS, ...NEGATIVES, ...wide, ...texts, ...lists, ...bins];
  for (const value of all) skip(packr.pack(value));
  skip(packr.pack(all));
});

test("every cut of a body is refused, known or unknown", () => {
  const values = [1, "some text", new Uint8Array(40), [2, [3, 70_000]], 2n ** 60n, 1.5, -300];
  const unknown = packr.pack(values);
  skip(unknown);
  for (let length = 0; length < unknown.length; length++) {
    throws(() => skip(unknown.subarray(0, length)), { code: "BODY_MALFORMED" }, `${length} bytes`);
  }
  const codec = untypedCodecOf(HEARTBEAT_REQUEST);
  const value = {
    persistedOpState: "IN_SERVICE",
    persistedOpStateExpiry: 2 ** 40,
    pipelineReports: [
      { pipelineId: "0f6d2f3e-9c1a-4a86-8a4e-3f2d0b7a9c11", isLeader: true, bytesWritten: 70_000 },
    ],
    containerActions: [{ containerId: 300, reason: "CONTAINER_FULL" }],
  };
  const body = Uint8Array.from(codec.encode(3, 0, 1, value)).subarray(FRAME_HEADER_BYTES);
  deepEqual(codec.decode(body, 0, body.length), value);
  for (let length = 0; length < body.length; length++) {
    throws(() => codec.decode(body, 0, length), { code: "BODY_MALFORMED" }, `${length} bytes`);
  }
});

test("a body must end where its value ends", () => {
  throws(() => NOTHING.decode(Uint8Array.from([0x90, 0x02]), 0, 2), { message: /1 bytes behind/ });
  throws(() => skip([0x90, 0x90]), { code: "BODY_MALFORMED" });
});

test("maps and extensions are refused wherever they stand", () => {
  const maps = [[0x80], [0x81, 1, 2], [0xde, 0, 0], [0xdf, 0, 0, 0, 0]];
  const extensions = [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8];
  const heartbeat = untypedCodecOf(HEARTBEAT_REQUEST);
  const refused = (value: number[], message: RegExp): void => {
    throws(() => skip(value), { code: "BODY_MALFORMED", message });
    throws(() => skip([0x91, ...value]), { code: "BODY_MALFORMED", message });
    for (const before of [[], [0x91], [0x92, 1], [0x94, 1, 0, 0xc0]]) {
      const body = Uint8Array.from([...before, ...value]);
      const decode = (): unknown => heartbeat.decode(body, 0, body.length);
      throws(decode, { code: "BODY_MALFORMED", message }, `${before} ${value}`);
    }
  };
  for (const map of maps) refused(map, /it has a map/);
  for (const token of extensions) refused([token, 1, 0x72, 0x90, 0], /it has an extension/);
});

test("an array that claims more values than there are bytes is refused before it is made", () => {
  for (const array of [
    [0xdd, 0xff, 0xff, 0xff, 0xff, 0],
    [0xdc, 0x00, 0x03, 0, 0],
    [0x92, 0],
  ]) {
    throws(() => skip(array), { message: /longer than the body/ });
    throws(() => NOTHING.decode(Uint8Array.from(array), 0, array.length), {
      message: /longer than the body/,
    });
  }
});

test("text and bytes that claim more than there is are refused", () => {
  for (const token of [0xc6, 0xdb]) {
    throws(() => skip([token, 0xff, 0xff, 0xff, 0xff, 0]), { code: "BODY_MALFORMED" });
  }
});

test("unknown nesting is bounded, and a hundred thousand levels are refused without a deep stack", () => {
  doesNotThrow(() => skip(packr.pack(nested(UNKNOWN_DEPTH_MAX))));
  throws(() => skip(packr.pack(nested(UNKNOWN_DEPTH_MAX + 1))), { message: /nests deeper/ });
  throws(() => skip(new Uint8Array(100_000).fill(0x91)), { message: /nests deeper/ });
});

test("a frame full of unknown values is passed without building any", () => {
  const body = new Uint8Array(FRAME_BYTES_MAX - FRAME_HEADER_BYTES).fill(0x90);
  new DataView(body.buffer).setUint32(1, body.length - 5);
  body.set([0xdd], 0);
  body.set([1, 0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0], 5);
  const heartbeat = untypedCodecOf(HEARTBEAT_REQUEST);
  const grownBytes = (): number => {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 10; i++) {
      deepEqual(heartbeat.decode(body, 0, body.length), {
        persistedOpState: "IN_SERVICE",
        persistedOpStateExpiry: 0,
      });
    }
    return process.memoryUsage().heapUsed - before;
  };
  // The engine puts things of its own on the heap, now and then.
  const leastBytes = Math.min(...Array.from({ length: 5 }, grownBytes));
  ok(leastBytes < 2_000_000, `${leastBytes} bytes`);
});
