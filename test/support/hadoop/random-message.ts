import type { DescEnum, DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { create, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as FieldPresence } from "@bufbuild/protobuf/wkt";
import type { Random } from "../../../engine/core/random.js";

const LIST_LENGTH_MAX = 3;
/** Deeper, only what is required is set: some messages hold their own kind. */
const DEPTH_MAX = 5;
const TEXTS = ["", "a", "häß", "😀", "x".repeat(127), "y".repeat(200), "ä".repeat(64)];
const EDGES_64 = [0n, 1n, 127n, 128n, 2n ** 28n, 2n ** 32n - 1n, 2n ** 35n, 2n ** 53n, 2n ** 63n - 1n];

/** A message with every field of `schema` set or absent by chance, whole by Java's rule. */
export function randomMessage(random: Random, schema: DescMessage, depth = 0): Message {
  const fields: Record<string, unknown> = {};
  for (const field of schema.fields) {
    const isRequired = field.presence === FieldPresence.LEGACY_REQUIRED;
    if (!isRequired && (depth >= DEPTH_MAX || random.below(3) === 0)) continue;
    const length = field.fieldKind === "list" ? random.below(LIST_LENGTH_MAX + 1) : 1;
    const values = Array.from({ length }, () => randomValue(random, field, depth));
    fields[field.localName] = field.fieldKind === "list" ? values : values[0];
  }
  return create(schema, fields);
}

function randomValue(random: Random, field: DescField, depth: number): unknown {
  if (field.message !== undefined) return randomMessage(random, field.message, depth + 1);
  if (field.enum !== undefined) return oneOf(random, enumNumbers(field.enum));
  switch (field.scalar) {
    case ScalarType.STRING:
      return oneOf(random, TEXTS);
    case ScalarType.BYTES: {
      const bytes = new Uint8Array(random.below(300));
      random.fill(bytes);
      return bytes;
    }
    case ScalarType.BOOL:
      return random.below(2) === 1;
    case ScalarType.DOUBLE:
      return random.fraction();
    case ScalarType.INT32:
    case ScalarType.SINT32:
      return (random.uint32() >> random.below(32)) | 0;
    case ScalarType.UINT32:
      return random.uint32() >>> random.below(32);
    case ScalarType.INT64:
      return random.below(2) === 1 ? -randomUint63(random) - 1n : randomUint63(random);
    case ScalarType.UINT64:
      return randomUint63(random) * 2n + 1n;
    default:
      throw new Error(`${field} has a type that spec 12 §1 does not know`);
  }
}

function randomUint63(random: Random): bigint {
  if (random.below(2) === 0) return oneOf(random, EDGES_64);
  const word = (BigInt(random.uint32()) << 31n) | BigInt(random.uint32() >>> 1);
  return word >> BigInt(random.below(63));
}

function enumNumbers(type: DescEnum): readonly number[] {
  return type.values.map(({ number }) => number);
}

function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[random.below(values.length)] as T;
}
