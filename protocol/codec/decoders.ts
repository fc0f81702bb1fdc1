import { StrataError } from "../../engine/core/errors.js";
import { UINT64_MAX } from "../../engine/core/ids.js";
import { readUuid } from "../../engine/core/uuid.js";
import type { FieldType, RecordSchema } from "../schema/fields.js";

/** Turns what msgpack gave into a value of the declared type, or throws FIELD_INVALID. */
export type Decode = (raw: unknown) => unknown;

/** What an error names: "Message.field". */
export interface Place {
  readonly message: string;
  readonly field: string;
}

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT64_MIN = -INT64_MAX - 1n;

/** Decoder of a record: a positional array to an object. Everything that can be known beforehand is worked
 * out here, once; the returned function looks nothing up. */
export function compileRecordDecoder(schema: RecordSchema): Decode {
  const names = Object.keys(schema.fields);
  const fields = Object.values(schema.fields);
  const decoders = names.map((field, i) => {
    const type = (fields[i] as (typeof fields)[number]).type;
    return compileDecoder(type.kind === "optional" ? type.of : type, { message: schema.name, field });
  });
  const mayBeNil = fields.map((field) => field.type.kind === "optional");
  const mayBeMissing = fields.map((field, i) => mayBeNil[i] || field.since > 1);
  const place = { message: schema.name, field: "*" };

  return (raw) => {
    if (!Array.isArray(raw)) throw invalid(place, "an array of fields", raw);
    const values: readonly unknown[] = raw;
    const record: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      if (i >= values.length) {
        if (mayBeMissing[i]) continue;
        throw invalid({ message: schema.name, field: name }, "a value", undefined);
      }
      const value = values[i];
      if (value === null && mayBeNil[i]) continue;
      record[name] = (decoders[i] as Decode)(value);
    }
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
      return (raw) => {
        if (typeof raw !== "boolean") throw invalid(place, "a boolean", raw);
        return raw;
      };
    case "uuid":
      return (raw) => {
        if (!(raw instanceof Uint8Array) || raw.length !== 16) throw invalid(place, "16 bytes", raw);
        return readUuid(raw, 0);
      };
    case "text":
      return decodeText(type.lengthMax, place);
    case "bytes":
      return decodeBytes(type.bytesMax, place);
    case "enum":
      return decodeEnum(type.values, place);
    case "list":
      return decodeList(compileDecoder(type.of, place), type.countMax, place);
    case "record":
      return compileRecordDecoder(type.record);
    case "optional": {
      const decode = compileDecoder(type.of, place);
      return (raw) => (raw === null ? undefined : decode(raw));
    }
  }
}

function decodeNumber(minimum: number, maximum: number, place: Place): Decode {
  const expected = `a whole number ${minimum} … ${maximum}`;
  return (raw) => {
    // One comparison chain refuses NaN, infinities and bigints above 2^53 too.
    if (typeof raw !== "number" || !(raw >= minimum && raw <= maximum) || !Number.isInteger(raw)) {
      throw invalid(place, expected, raw);
    }
    return raw + 0; // −0 becomes 0
  };
}

function decodeBigint(minimum: bigint, maximum: bigint, place: Place): Decode {
  const expected = `a whole number ${minimum} … ${maximum}`;
  return (raw) => {
    const isWhole = typeof raw === "bigint" || Number.isInteger(raw);
    const value = isWhole ? BigInt(raw as bigint | number) : undefined;
    if (value === undefined || value < minimum || value > maximum) throw invalid(place, expected, raw);
    return value;
  };
}

function decodeText(lengthMax: number, place: Place): Decode {
  const expected = `text of at most ${lengthMax} characters`;
  return (raw) => {
    if (typeof raw !== "string" || raw.length > lengthMax) throw invalid(place, expected, raw);
    return raw;
  };
}

function decodeBytes(bytesMax: number, place: Place): Decode {
  const expected = `at most ${bytesMax} bytes`;
  return (raw) => {
    if (!(raw instanceof Uint8Array) || raw.length > bytesMax) throw invalid(place, expected, raw);
    // Of a message that is a Buffer msgpack gives a Buffer, whose `slice` does not copy: nobody expects that.
    return raw.constructor === Uint8Array ? raw : new Uint8Array(raw.buffer, raw.byteOffset, raw.length);
  };
}

function decodeEnum(values: Readonly<Record<string, number>>, place: Place): Decode {
  const nameByNumber = new Map(Object.entries(values).map(([name, number]) => [number, name]));
  const expected = `one of ${[...nameByNumber.keys()].join(", ")}`;
  return (raw) => {
    const name = typeof raw === "number" ? nameByNumber.get(raw) : undefined;
    if (name === undefined) throw invalid(place, expected, raw);
    return name;
  };
}

function decodeList(decode: Decode, countMax: number, place: Place): Decode {
  const expected = `a list of at most ${countMax}`;
  return (raw) => {
    if (!Array.isArray(raw) || raw.length > countMax) throw invalid(place, expected, raw);
    // The array is msgpack's own and nobody else's: the values take the places of what they were made from.
    const values: unknown[] = raw;
    for (let i = 0; i < values.length; i++) values[i] = decode(values[i]);
    return values;
  };
}

/** FIELD_INVALID. What came is described, never quoted: it may be large, and it is the peer's. */
export function invalid(place: Place, expected: string, given: unknown): StrataError {
  return new StrataError("FIELD_INVALID", {
    ...place,
    reason: `expected ${expected}, got ${describe(given)}`,
  });
}

function describe(given: unknown): string {
  if (given === undefined) return "nothing";
  if (given === null) return "nil";
  if (Array.isArray(given)) return `a list of ${given.length}`;
  if (given instanceof Uint8Array) return `${given.length} bytes`;
  if (typeof given === "string") return `text of ${given.length} characters`;
  if (typeof given === "object") return "an object";
  return String(given);
}
