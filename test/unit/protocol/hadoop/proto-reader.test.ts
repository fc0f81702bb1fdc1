import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { ScalarType, toBinary } from "@bufbuild/protobuf";
import { StrataError } from "../../../../engine/core/errors.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { ProtoReader } from "../../../../protocol/hadoop/proto-reader.js";
import { ProtoWriter } from "../../../../protocol/hadoop/proto-writer.js";
import { fieldValues } from "../../../support/hadoop/message-values.js";
import { randomMessage } from "../../../support/hadoop/random-message.js";
import { HADOOP_SCHEMAS } from "../../../support/hadoop/schemas.js";

const SEED = 20;
const MESSAGES_PER_SCHEMA = 10;
const SAMPLES = `(${MESSAGES_PER_SCHEMA} messages a schema, seed ${SEED})`;
const VARINT = 0;
const FIXED_64 = 1;
const DELIMITED = 2;

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
type Value = bigint | number | boolean | string | Uint8Array | Message;

/** In order of their numbers, as the library writes them. */
function fieldsOf(schema: DescMessage): readonly DescField[] {
  return [...schema.fields].sort((a, b) => a.number - b.number);
}

function wireTypeOf({ message, scalar }: DescField): number {
  const isDelimited = message !== undefined || scalar === ScalarType.STRING || scalar === ScalarType.BYTES;
  return isDelimited ? DELIMITED : scalar === ScalarType.DOUBLE ? FIXED_64 : VARINT;
}

function write(writer: ProtoWriter, schema: DescMessage, message: Message): void {
  for (const field of fieldsOf(schema)) {
    for (const value of fieldValues(message, field)) writeField(writer, field, value);
  }
}

function writeField(writer: ProtoWriter, field: DescField, value: Value): void {
  const { number, message, scalar } = field;
  if (message !== undefined) {
    writer.openMessage(number);
    write(writer, message, value as Message);
    writer.closeMessage();
  } else if (typeof value === "string") writer.text(number, value);
  else if (typeof value === "boolean") writer.boolean(number, value);
  else if (value instanceof Uint8Array) writer.bytes(number, value);
  else if (typeof value === "bigint") writer.bigint(number, value);
  else if (scalar === ScalarType.DOUBLE) writer.encoded(encodedDouble(number, value as number));
  else if (scalar === ScalarType.SINT32) writer.number(number, zigzag(value as number));
  else writer.number(number, value as number);
}

/** What was read, as a list of `path = value`. */
function read(reader: ProtoReader, schema: DescMessage, path: string, lines: string[]): void {
  while (reader.hasMore()) {
    const tag = reader.tag();
    const field = schema.fields.find((candidate) => candidate.number * 8 + wireTypeOf(candidate) === tag);
    assert(field !== undefined, `tag ${tag} of ${schema.name}`);
    const name = `${path}.${field.name}`;
    if (field.message !== undefined) {
      lines.push(name);
      const outerEnd = reader.enter();
      read(reader, field.message, name, lines);
      reader.leave(outerEnd);
    } else lines.push(`${name} = ${readText(reader, field, tag)}`);
  }
}

function readText(reader: ProtoReader, field: DescField, tag: number): string {
  switch (field.scalar) {
    case ScalarType.STRING:
      return reader.text();
    case ScalarType.BYTES:
      return Buffer.from(reader.bytes()).toString("hex");
    case ScalarType.BOOL:
      return String(reader.bool());
    case ScalarType.SINT32:
      return String(reader.sint32());
    case ScalarType.UINT32:
      return String(reader.uint32());
    case ScalarType.INT64:
    case ScalarType.UINT64: {
      const start = reader.position;
      reader.halves();
      const high = field.scalar === ScalarType.INT64 ? reader.high : reader.high >>> 0;
      const value = (BigInt(high) << 32n) | BigInt(reader.low >>> 0);
      if (!Number.isSafeInteger(Number(value))) return String(value);
      reader.position = start;
      return String(field.scalar === ScalarType.INT64 ? reader.int64() : reader.uint64());
    }
    case ScalarType.DOUBLE:
      reader.skip(tag);
      return "skipped";
    default:
      return String(reader.int32());
  }
}

/** The same lines from the message itself. */
function describe(schema: DescMessage, message: Message, path: string, lines: string[]): void {
  for (const field of fieldsOf(schema)) {
    for (const value of fieldValues(message, field)) {
      const name = `${path}.${field.name}`;
      if (field.message !== undefined) {
        lines.push(name);
        describe(field.message, value as Message, name, lines);
      } else if (field.scalar === ScalarType.DOUBLE) lines.push(`${name} = skipped`);
      else if (value instanceof Uint8Array) lines.push(`${name} = ${Buffer.from(value).toString("hex")}`);
      else lines.push(`${name} = ${value}`);
    }
  }
}

/** Doubles have no place in what is hot. */
function encodedDouble(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes[0] = field * 8 + FIXED_64;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

test(`what is written by hand is what the library writes ${SAMPLES}`, () => {
  const random = new SeededRandom(SEED);
  const writer = new ProtoWriter();
  for (const schema of HADOOP_SCHEMAS) {
    for (let round = 0; round < MESSAGES_PER_SCHEMA; round++) {
      const message = randomMessage(random, schema);
      writer.begin();
      write(writer, schema, message);
      const isSame = Buffer.from(toBinary(schema, message)).equals(writer.view());
      assert(isSame, `${schema.name}, message ${round}`);
    }
  }
});

test(`what the library writes is read by hand ${SAMPLES}`, () => {
  const random = new SeededRandom(SEED);
  const reader = new ProtoReader("Sample");
  for (const schema of HADOOP_SCHEMAS) {
    for (let round = 0; round < MESSAGES_PER_SCHEMA; round++) {
      const message = randomMessage(random, schema);
      const bytes = toBinary(schema, message);
      const padded = new Uint8Array(bytes.length + 14).fill(0xff); // nothing beyond its end may be read
      padded.set(bytes, 7);
      reader.begin(padded, 7, 7 + bytes.length);
      const lines: string[] = [];
      read(reader, schema, "", lines);
      const expected: string[] = [];
      describe(schema, message, "", expected);
      assert.deepEqual(lines, expected, schema.name);
    }
  }
});

test("a message that is cut off anywhere is refused, and nothing beyond its end is looked at", () => {
  const random = new SeededRandom(SEED);
  const reader = new ProtoReader("Sample");
  for (const schema of HADOOP_SCHEMAS) {
    const bytes = toBinary(schema, randomMessage(random, schema)).subarray(0, 2000);
    for (let length = 0; length < bytes.length; length++) {
      const cut = new Uint8Array(length + 10).fill(1);
      cut.set(bytes.subarray(0, length));
      reader.begin(cut, 0, length);
      try {
        read(reader, schema, "", []);
        assert.equal(reader.position, length);
      } catch (error) {
        if (!(error instanceof StrataError)) throw error;
        assert.equal(error.code, "PROTOBUF_MALFORMED");
      }
    }
  }
});

/** The reason why `read` refuses the bytes. */
function refusal(text: string, action: (reader: ProtoReader) => unknown): string {
  const reader = new ProtoReader("Sample");
  const bytes = hex(text);
  reader.begin(bytes, 0, bytes.length);
  try {
    return `nothing: ${action(reader)}`;
  } catch (error) {
    if (error instanceof StrataError) return error.message.replace("Sample is not valid protobuf: ", "");
    throw error;
  }
}

test("varints that cannot be are refused", () => {
  const eleven = "ff ff ff ff ff ff ff ff ff ff 01";
  assert.equal(
    refusal(eleven, (reader) => reader.halves()),
    "a varint has more than 10 bytes",
  );
  assert.equal(
    refusal("ff ff", (reader) => reader.uint32()),
    "a varint is cut off",
  );
  assert.equal(
    refusal("ff ff ff ff ff ff", (reader) => reader.uint64()),
    "a varint is cut off",
  );
  assert.equal(
    refusal("", (reader) => reader.tag()),
    "a varint is cut off",
  );
  assert.equal(
    refusal("02 61", (reader) => reader.tag()),
    "a field has the number 0",
  );
  assert.equal(
    refusal("80 80 80 80 80 80 80 10", (reader) => reader.int64()),
    "a number of more than 53 bits",
  );
  assert.equal(
    refusal("ff ff ff ff ff ff ff 0f", (reader) => reader.int64()),
    `nothing: ${2 ** 53 - 1}`,
  );
  const minusOne = "ff ff ff ff ff ff ff ff ff 01";
  assert.equal(
    refusal(minusOne, (reader) => reader.int64()),
    "nothing: -1",
  );
  assert.equal(
    refusal(minusOne, (reader) => reader.int32()),
    "nothing: -1",
  );
  assert.equal(
    refusal(minusOne, (reader) => reader.uint64()),
    "a number of more than 53 bits",
  );
  assert.equal(
    refusal("80 80 80 80 80 01", (reader) => reader.bool()),
    "nothing: true",
  );
});

test("lengths that go beyond their message are refused, up to 4 GiB", () => {
  for (const length of ["03", "ff ff ff ff 07", "ff ff ff ff 0f"]) {
    assert.match(
      refusal(`${length} 61 62`, (reader) => reader.bytes()),
      /bytes go beyond their message$/,
    );
    assert.match(
      refusal(`${length} 61 62`, (reader) => reader.text()),
      /bytes go beyond their message$/,
    );
    assert.match(
      refusal(`${length} 61 62`, (reader) => reader.enter()),
      /bytes go beyond their message$/,
    );
  }
  const inner = (reader: ProtoReader): unknown => {
    reader.enter();
    return reader.bytes();
  };
  assert.match(refusal("02 05 61 62 63 64 65", inner), /^5 bytes go beyond/, "beyond the inner message");
});

test("unknown fields of every wire type are gone over, groups too", () => {
  const skipAll = (reader: ProtoReader): string => {
    let count = 0;
    for (; reader.hasMore(); count++) reader.skip(reader.tag());
    return `${count} fields`;
  };
  const fields = "08 01  11 0102030405060708  1a 02 6162  25 01020304  2b 08 01 33 34 2c";
  assert.equal(refusal(fields, skipAll), "nothing: 5 fields");
  assert.equal(refusal("0b 14", skipAll), "a group ends that did not begin");
  assert.equal(refusal("0c", skipAll), "wire type 4");
  assert.equal(refusal("0e", skipAll), "wire type 6");
  assert.equal(refusal("0b 08 01", skipAll), "a varint is cut off");
  assert.equal(refusal("11 01", skipAll), "a field is cut off");
  assert.equal(refusal("0b".repeat(101), skipAll), "messages nest deeper than 100");
});

test("messages nest up to 100 deep, and as often as one likes one after the other", () => {
  const reader = new ProtoReader("Sample");
  // Each byte is the length of the message that the rest is.
  const deep = (depth: number): Uint8Array => Uint8Array.from({ length: depth }, (_, at) => depth - 1 - at);
  reader.begin(new Uint8Array(1000), 0, 1000);
  for (let i = 0; i < 1000; i++) reader.leave(reader.enter());
  reader.begin(deep(101), 0, 101);
  for (let i = 0; i < 100; i++) reader.enter();
  assert.throws(() => reader.enter(), /messages nest deeper than 100/);
});
