import { StrataError } from "../../engine/core/errors.js";

/** What a field error names: "Message.field". */
export interface Place {
  readonly message: string;
  readonly field: string;
}

/** FIELD_INVALID. `given` describes what came and does not quote it: it may be large, and it is the
 * peer's. */
export function fieldInvalid({ message, field }: Place, expected: string, given: string): StrataError {
  return new StrataError("FIELD_INVALID", { message, field, reason: `expected ${expected}, got ${given}` });
}

export function bodyMalformed(reason: string): StrataError {
  return new StrataError("BODY_MALFORMED", { reason });
}

/** For people: whole numbers from `minimum` to `maximum`. */
export function rangeText(minimum: number | bigint, maximum: number | bigint): string {
  return `a whole number ${minimum} … ${maximum}`;
}
