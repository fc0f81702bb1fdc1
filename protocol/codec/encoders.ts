import { assert } from "../../engine/core/assert.js";
import type { StrataError } from "../../engine/core/errors.js";
import { UINT64_MAX } from "../../engine/core/ids.js";
import { tryWriteUuid } from "../../engine/core/uuid.js";
import type { FieldType, RecordSchema } from "../schema/fields.js";
import type { Place } from "./field-error.js";
import { fieldInvalid, rangeText } from "./field-error.js";

/** Checks a value against its declaration and turns it into what msgpack writes, or throws FIELD_INVALID: the
 * sender learns of a limit before the receiver closes the connection over it. */
export type Encode = (value: unknown) => unknown;

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT64_MIN = -INT64_MAX - 1n;

/** Encoder of a record: an object to a positional array. Optional fields that are absent at the end are left
 * out of the array, since a missing field means the same as nil. */
export function compileRecordEncoder(schema: RecordSchema): Encode {
  const names = Object.keys(schema.fields);
  const fields = Object.values(schema.fields);
  const encoders = names.map((field, i) =>
    compileEncoder((fields[i] as (typeof fields)[number]).type, { message: schema.name, field }),
  );
  const requiredCount = fields.findLastIndex((field) => field.type.kind !== "optional") + 1;
  const place = { message: schema.name, field: "*" };
  assert(fields.length > 0 || requiredCount === 0, "a record without fields requires none");

  return (value) => {
    if (typeof value !== "object" || value === null) throw invalid(place, "an object", value);
    const record = value as Readonly<Record<string, unknown>>;
    let length = names.length;
    while (length > requiredCount && record[names[length - 1] as string] === undefined) length--;
    const values = new Array<unknown>(length);
    for (let i = 0; i < length; i++) values[i] = (encoders[i] as Encode)(record[names[i] as string]);
    return values;
  };
}

/** Encoder of one value. */
function compileEncoder(type: FieldType, place: Place): Encode {
  switch (type.kind) {
    case "u8":
      return encodeNumber(0, 0xff, place);
    case "u16":
      return encodeNumber(0, 0xffff, place);
    case "u32":
      return encodeNumber(0, 0xffff_ffff, place);
    case "count":
      return encodeNumber(0, Number.MAX_SAFE_INTEGER, place);
    case "integer":
      return encodeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, place);
    case "u64":
      return encodeBigint(0n, UINT64_MAX, place);
    case "i64":
      return encodeBigint(INT64_MIN, INT64_MAX, place);
    case "bool":
      return (value) => {
        if (typeof value !== "boolean") throw invalid(place, "a boolean", value);
        return value;
      };
    case "uuid":
      return (value) => {
        const bytes = new Uint8Array(16);
        if (typeof value !== "string" || !tryWriteUuid(value, bytes, 0)) {
          throw invalid(place, "a lower-case UUID", value);
        }
        return bytes;
      };
    case "text":
      return encodeText(type.lengthMax, place);
    case "bytes":
      return encodeBytes(type.bytesMax, place);
    case "enum":
      return encodeEnum(type.values, place);
    case "list":
      return encodeList(compileEncoder(type.of, place), type.countMax, place);
    case "record":
      return compileRecordEncoder(type.record);
    case "optional": {
      const encode = compileEncoder(type.of, place);
      return (value) => (value === undefined ? null : encode(value));
    }
  }
}

function encodeNumber(minimum: number, maximum: number, place: Place): Encode {
  const expected = rangeText(minimum, maximum);
  return (value) => {
    if (typeof value !== "number" || !(value >= minimum && value <= maximum) || !Number.isInteger(value)) {
      throw invalid(place, expected, value);
    }
    return value;
  };
}

function encodeBigint(minimum: bigint, maximum: bigint, place: Place): Encode {
  const expected = `${rangeText(minimum, maximum)} as bigint`;
  return (value) => {
    if (typeof value !== "bigint" || value < minimum || value > maximum)
      throw invalid(place, expected, value);
    return value;
  };
}

function encodeText(lengthMax: number, place: Place): Encode {
  const expected = `text of at most ${lengthMax} characters`;
  return (value) => {
    if (typeof value !== "string" || value.length > lengthMax) throw invalid(place, expected, value);
    return value;
  };
}

function encodeBytes(bytesMax: number, place: Place): Encode {
  const expected = `at most ${bytesMax} bytes`;
  return (value) => {
    if (!(value instanceof Uint8Array) || value.length > bytesMax) throw invalid(place, expected, value);
    return value;
  };
}

function encodeEnum(values: Readonly<Record<string, number>>, place: Place): Encode {
  const numberByName = new Map(Object.entries(values));
  const expected = `one of ${[...numberByName.keys()].join(", ")}`;
  return (value) => {
    const number = typeof value === "string" ? numberByName.get(value) : undefined;
    if (number === undefined) throw invalid(place, expected, value);
    return number;
  };
}

function encodeList(encode: Encode, countMax: number, place: Place): Encode {
  const expected = `a list of at most ${countMax}`;
  return (value) => {
    if (!Array.isArray(value) || value.length > countMax) throw invalid(place, expected, value);
    const list: readonly unknown[] = value;
    const values = new Array<unknown>(list.length);
    for (let i = 0; i < values.length; i++) values[i] = encode(list[i]);
    return values;
  };
}

function invalid(place: Place, expected: string, given: unknown): StrataError {
  return fieldInvalid(place, expected, describe(given));
}

function describe(given: unknown): string {
  if (Array.isArray(given)) return `a list of ${given.length}`;
  if (given instanceof Uint8Array) return `${given.length} bytes`;
  if (typeof given === "string") return `text of ${given.length} characters`;
  return typeof given === "object" && given !== null ? "an object" : String(given);
}
