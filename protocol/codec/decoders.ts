import { UINT64_MAX } from "../../engine/core/ids.js";
import type { FieldType, RecordSchema } from "../schema/fields.js";
import type { BodyReader } from "./body-reader.js";
import type { Place } from "./field-error.js";
import { fieldInvalid, rangeText } from "./field-error.js";

/** Reads a value of the declared type, or throws FIELD_INVALID. */
export type Decode = (reader: BodyReader) => unknown;

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT64_MIN = -INT64_MAX - 1n;

/** Decoder of a record: a positional array to an object. Everything that can be known beforehand is worked
 * out here, once; the returned function looks nothing up. */
export function compileRecordDecoder(schema: RecordSchema): Decode {
  const names = Object.keys(schema.fields);
  const fields = Object.values(schema.fields);
  const decoders = fields.map(({ type }, i) => {
    const place = { message: schema.name, field: names[i] as string };
    return compileDecoder(type.kind === "optional" ? type.of : type, place);
  });
  const mayBeNil = fields.map((field) => field.type.kind === "optional");
  const mayBeMissing = fields.map((field, i) => mayBeNil[i] || field.since > 1);
  const place = { message: schema.name, field: "*" };

  return (reader) => {
    const length = reader.arrayLength(Number.POSITIVE_INFINITY);
    if (length < 0) throw reader.mismatch(place, "an array of fields");
    const record: Record<string, unknown> = {};
    const knownCount = Math.min(length, names.length);
    for (let i = 0; i < knownCount; i++) {
      if (mayBeNil[i] && reader.nil()) continue;
      record[names[i] as string] = (decoders[i] as Decode)(reader);
    }
    for (let i = knownCount; i < names.length; i++) {
      if (!mayBeMissing[i]) throw missing(schema.name, names[i] as string);
    }
    for (let i = knownCount; i < length; i++) reader.skip();
    return record;
  };
}

/** Decoder of one value. */
function compileDecoder(type: FieldType, place: Place): Decode {
  switch (type.kind) {
    case "u8":
      return decodeNumber(0, 0xff, place);
    case "u16":
      return decodeNumber(0, 0xffff, place);
    case "u32":
      return decodeNumber(0, 0xffff_ffff, place);
    case "count":
      return decodeNumber(0, Number.MAX_SAFE_INTEGER, place);
    case "integer":
      return decodeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, place);
    case "u64":
      return decodeBigint(0n, UINT64_MAX, place);
    case "i64":
      return decodeBigint(INT64_MIN, INT64_MAX, place);
    case "bool":
      return orMismatch((reader) => reader.boolean(), "a boolean", place);
    case "uuid":
      return orMismatch((reader) => reader.uuid(), "16 bytes", place);
    case "text": {
      const { lengthMax } = type;
      return orMismatch((reader) => reader.text(lengthMax), `text of at most ${lengthMax} characters`, place);
    }
    case "bytes": {
      const { bytesMax } = type;
      return orMismatch((reader) => reader.bytes(bytesMax), `at most ${bytesMax} bytes`, place);
    }
    case "enum":
      return decodeEnum(type.values, place);
    case "list":
      return decodeList(compileDecoder(type.of, place), type.countMax, place);
    case "record":
      return compileRecordDecoder(type.record);
    case "optional": {
      const decode = compileDecoder(type.of, place);
      return (reader) => (reader.nil() ? undefined : decode(reader));
    }
  }
}

function orMismatch(read: Decode, expected: string, place: Place): Decode {
  return (reader) => {
    const value = read(reader);
    if (value === undefined) throw reader.mismatch(place, expected);
    return value;
  };
}

function decodeNumber(minimum: number, maximum: number, place: Place): Decode {
  return (reader) => {
    const value = reader.wholeNumber(minimum, maximum);
    if (Number.isNaN(value)) throw reader.mismatch(place, rangeText(minimum, maximum));
    return value;
  };
}

function decodeBigint(minimum: bigint, maximum: bigint, place: Place): Decode {
  return orMismatch((reader) => reader.bigint(minimum, maximum), rangeText(minimum, maximum), place);
}

function decodeEnum(values: Readonly<Record<string, number>>, place: Place): Decode {
  const nameByNumber = new Map(Object.entries(values).map(([name, number]) => [number, name]));
  const expected = `one of ${[...nameByNumber.keys()].join(", ")}`;
  return orMismatch(
    (reader) => nameByNumber.get(reader.wholeNumber(0, Number.MAX_SAFE_INTEGER)),
    expected,
    place,
  );
}

function decodeList(decode: Decode, countMax: number, place: Place): Decode {
  const expected = `a list of at most ${countMax}`;
  return (reader) => {
    const length = reader.arrayLength(countMax);
    if (length < 0) throw reader.mismatch(place, expected);
    const values = new Array<unknown>(length);
    for (let i = 0; i < length; i++) values[i] = decode(reader);
    return values;
  };
}

function missing(message: string, field: string): Error {
  return fieldInvalid({ message, field }, "a value", "nothing");
}
