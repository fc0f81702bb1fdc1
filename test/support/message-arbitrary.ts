import fc from "fast-check";
import { readUuid } from "../../engine/core/uuid.js";
import type { Field, FieldType, RecordSchema } from "../../protocol/schema/fields.js";
import { OPERATIONS } from "../../protocol/schema/messages.js";

/** Longest list, text and bytes that are generated: limits themselves are tested one by one. */
const SIZE_MAX = 6;
const TEXT_SIZE_MAX = 80;

/** Values of a declared message, as its decoder gives them: optional fields that are absent have no key. */
export function recordArbitrary(schema: RecordSchema): fc.Arbitrary<Record<string, unknown>> {
  const fields: [string, Field][] = Object.entries(schema.fields);
  const model = Object.fromEntries(fields.map(([name, { type }]) => [name, valueArbitrary(type)]));
  const requiredKeys = fields.filter(([, { type }]) => type.kind !== "optional").map(([name]) => name);
  return fc.record(model, { requiredKeys, noNullPrototype: true });
}

function valueArbitrary(type: FieldType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "u8":
      return fc.nat(0xff);
    case "u16":
      return fc.nat(0xffff);
    case "u32":
      return fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 0xffff_ffff }));
    case "count":
      return fc.oneof(fc.nat(200), fc.integer({ min: 2 ** 31, max: 2 ** 33 }), fc.maxSafeNat());
    case "integer":
      return fc.oneof(fc.integer({ min: -200, max: 200 }), fc.integer(), fc.maxSafeInteger());
    case "u64":
      return fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 64n - 1n), nearPowers(0n));
    case "i64":
      return fc.oneof(fc.bigInt(-300n, 300n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
    case "bool":
      return fc.boolean();
    case "uuid":
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => readUuid(bytes, 0));
    case "text":
      return textArbitrary(type.lengthMax);
    case "bytes":
      return fc.uint8Array({ maxLength: Math.min(300, type.bytesMax) });
    case "enum":
      return fc.constantFrom(...Object.keys(type.values));
    case "list":
      return fc.array(valueArbitrary(type.of), { maxLength: Math.min(SIZE_MAX, type.countMax) });
    case "record":
      return recordArbitrary(type.record);
    case "optional":
      return valueArbitrary(type.of);
  }
}

/** Text in every alphabet, short and long enough for every length prefix up to two bytes. */
function textArbitrary(lengthMax: number): fc.Arbitrary<string> {
  const maxLength = Math.min(lengthMax, TEXT_SIZE_MAX);
  const any = fc.string({ unit: "grapheme", maxLength }).filter((text) => text.length <= lengthMax);
  const ascii = fc.string({ maxLength: Math.min(lengthMax, 300) });
  return fc.oneof(any, ascii);
}

/** Where msgpack and JavaScript change the form of a number. */
function nearPowers(minimum: bigint): fc.Arbitrary<bigint> {
  const powers = [7n, 8n, 16n, 31n, 32n, 53n, 63n].flatMap((bits) =>
    [-1n, 0n, 1n].map((d) => 2n ** bits + d),
  );
  return fc.constantFrom(...powers.filter((value) => value >= minimum));
}

/** A message of the protocol. */
export interface NamedMessage {
  readonly name: string;
  readonly op: number;
  readonly isResponse: boolean;
  readonly schema: RecordSchema;
}

/** Every request and response, by op. */
export const MESSAGES: readonly NamedMessage[] = Object.entries(OPERATIONS).flatMap(([name, operation]) => [
  { name: `${name} request`, op: operation.op, isResponse: false, schema: operation.request },
  { name: `${name} response`, op: operation.op, isResponse: true, schema: operation.response },
]);
