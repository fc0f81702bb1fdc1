import type { Uuid } from "../../engine/core/uuid.js";
import type { FieldType, RecordSchema } from "./fields.js";

/** The TypeScript type of a declared field. Enums are their names. */
export type ValueOf<T extends FieldType> = T extends { kind: "u8" | "u16" | "u32" | "count" | "integer" }
  ? number
  : T extends { kind: "u64" | "i64" }
    ? bigint
    : T extends { kind: "bool" }
      ? boolean
      : T extends { kind: "uuid" }
        ? Uuid
        : T extends { kind: "text" }
          ? string
          : T extends { kind: "bytes" }
            ? Uint8Array
            : T extends { kind: "enum"; values: infer V }
              ? keyof V & string
              : T extends { kind: "optional"; of: infer O extends FieldType }
                ? ValueOf<O> | undefined
                : T extends { kind: "list"; of: infer L extends FieldType }
                  ? readonly ValueOf<L>[]
                  : T extends { kind: "record"; record: infer R extends RecordSchema }
                    ? ValueOfRecord<R>
                    : never;

type OptionalKeys<R extends RecordSchema> = {
  [K in keyof R["fields"]]: R["fields"][K]["type"] extends { kind: "optional" } ? K : never;
}[keyof R["fields"]];

/** The TypeScript type of a declared message or record; optional fields may be left out. */
export type ValueOfRecord<R extends RecordSchema> = {
  readonly [K in Exclude<keyof R["fields"], OptionalKeys<R>>]: ValueOf<R["fields"][K]["type"]>;
} & {
  readonly [K in OptionalKeys<R>]?: ValueOf<R["fields"][K]["type"]>;
};

/** A message while it is being filled in. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };
