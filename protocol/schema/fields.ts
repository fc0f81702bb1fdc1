/** The language in which messages are declared as data. Types (`types.ts`), validators and encoders
 * (`../codec`) and `docs/PROTOCOL.md` all derive from these declarations. */

/** What a field may hold. Every kind has a limit, so that no message can ask for unbounded memory. */
export type FieldType =
  | { readonly kind: "u8" | "u16" | "u32" | "bool" | "uuid" | "u64" | "i64" }
  /** A whole number 0 … 2^53 − 1. `u64`/`i64` are true 64-bit values: bigint on both sides of the codec. */
  | { readonly kind: "count" }
  /** A whole number, −(2^53 − 1) … 2^53 − 1. */
  | { readonly kind: "integer" }
  | { readonly kind: "text"; readonly lengthMax: number }
  | { readonly kind: "bytes"; readonly bytesMax: number }
  | { readonly kind: "enum"; readonly values: Readonly<Record<string, number>> }
  | { readonly kind: "list"; readonly of: FieldType; readonly countMax: number }
  | { readonly kind: "record"; readonly record: RecordSchema }
  /** The value or nil. */
  | { readonly kind: "optional"; readonly of: FieldType };

export interface Field {
  readonly type: FieldType;
  readonly unit?: string;
  /** Protocol version that brought the field. */
  readonly since: number;
  readonly doc: string;
}

/** Fields in wire order (positional). New ones go at the end with a higher `since` and must be optional. */
export interface RecordSchema {
  readonly name: string;
  readonly doc: string;
  readonly fields: Readonly<Record<string, Field>>;
}

export const u8 = { kind: "u8" } as const;
export const u16 = { kind: "u16" } as const;
export const u32 = { kind: "u32" } as const;
export const count = { kind: "count" } as const;
export const integer = { kind: "integer" } as const;
export const u64 = { kind: "u64" } as const;
export const i64 = { kind: "i64" } as const;
export const bool = { kind: "bool" } as const;
export const uuid = { kind: "uuid" } as const;

export function text<const N extends number>(lengthMax: N) {
  return { kind: "text", lengthMax } as const;
}
export function bytes<const N extends number>(bytesMax: N) {
  return { kind: "bytes", bytesMax } as const;
}
export function enumOf<const V extends Readonly<Record<string, number>>>(values: V) {
  return { kind: "enum", values } as const;
}
export function list<const T extends FieldType>(of: T, countMax: number) {
  return { kind: "list", of, countMax } as const;
}
export function optional<const T extends FieldType>(of: T) {
  return { kind: "optional", of } as const;
}
export function recordOf<const R extends RecordSchema>(record: R) {
  return { kind: "record", record } as const;
}

/** A field of protocol version 1. */
export function field<const T extends FieldType>(type: T, doc: string, unit?: string) {
  return unit === undefined ? ({ type, since: 1, doc } as const) : ({ type, since: 1, doc, unit } as const);
}

export function record<const N extends string, const F extends Readonly<Record<string, Field>>>(
  name: N,
  doc: string,
  fields: F,
) {
  return { name, doc, fields } as const;
}
