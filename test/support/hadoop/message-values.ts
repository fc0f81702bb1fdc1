import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { uuidFromHalves } from "../../../engine/core/uuid.js";

const UUID_MESSAGE = "hadoop.hdds.UUID";

/** What a message says at each path of fields: `members.ports.value` → the values there; an id in two halves
 * is one value. A path is in it when
 * one of its messages has the field: presence is part of what is said. */
export type MessageValues = ReadonlyMap<string, ReadonlySet<string>>;
type Value = Message | Uint8Array | string | number | bigint | boolean;

export function valuesOf(schema: DescMessage, message: Message): MessageValues {
  const values = new Map<string, Set<string>>();
  collect(schema, message, "", values);
  return values;
}

/** The values of a field, in order; none when it is absent. */
export function fieldValues(message: Message, field: DescField): readonly Value[] {
  if (!Object.hasOwn(message, field.localName)) return [];
  const value = (message as unknown as Record<string, Value | readonly Value[] | undefined>)[field.localName];
  return value === undefined ? [] : Array.isArray(value) ? value : [value as Value];
}

function collect(
  schema: DescMessage,
  message: Message,
  prefix: string,
  values: Map<string, Set<string>>,
): void {
  for (const field of schema.fields) {
    for (const value of fieldValues(message, field)) {
      const path = prefix + field.name;
      let found = values.get(path);
      if (found === undefined) {
        found = new Set();
        values.set(path, found);
      }
      if (field.message?.typeName === UUID_MESSAGE) found.add(uuidTextOf(value as Message));
      else if (field.message !== undefined) collect(field.message, value as Message, `${path}.`, values);
      else found.add(textOf(field, value));
    }
  }
}

/** Of the message UUID. */
export function uuidTextOf(message: Message): string {
  const { mostSigBits, leastSigBits } = message as unknown as Record<"mostSigBits" | "leastSigBits", bigint>;
  return uuidFromHalves(mostSigBits, leastSigBits);
}

function textOf(field: DescField, value: Value): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (field.enum !== undefined) return field.enum.value[value as number]?.name ?? String(value);
  return String(value);
}
