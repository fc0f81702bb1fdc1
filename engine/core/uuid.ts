import { assert } from "./assert.js";
import type { Branded } from "./brand.js";
import type { Random } from "./random.js";

/** A UUID as lower-case text with dashes; the one form used inside (spec 12 §8.2 H8). */
export type Uuid = Branded<string, "Uuid">;

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): text is Uuid {
  return UUID_PATTERN.test(text);
}

/** Text in any case to the one form; `undefined` when it is no UUID. */
export function parseUuid(text: string): Uuid | undefined {
  const lower = text.toLowerCase();
  return isUuid(lower) ? lower : undefined;
}

/** From the two signed or unsigned 64-bit halves of the reference's `uuid128`. */
export function uuidFromHalves(mostSignificant: bigint, leastSignificant: bigint): Uuid {
  const high = BigInt.asUintN(64, mostSignificant).toString(16).padStart(16, "0");
  const low = BigInt.asUintN(64, leastSignificant).toString(16).padStart(16, "0");
  return format(high + low);
}

export function uuidHalves(uuid: Uuid): { mostSignificant: bigint; leastSignificant: bigint } {
  const hex = uuid.replaceAll("-", "");
  return {
    mostSignificant: BigInt(`0x${hex.slice(0, 16)}`),
    leastSignificant: BigInt(`0x${hex.slice(16)}`),
  };
}

/** Where the first of the two digits of each byte stands in the text. */
const DIGITS_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const DASHES_AT = [8, 13, 18, 23];
const DASH = 45;
const NO_DIGIT = 0xff;
const DIGITS = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const VALUE_OF_DIGIT = new Uint8Array(256).fill(NO_DIGIT);
DIGITS.forEach((code, value) => {
  VALUE_OF_DIGIT[code] = value;
});

/** Writes the 16 bytes of `uuid` at `offset`. */
export function writeUuid(uuid: Uuid, bytes: Uint8Array, offset: number): void {
  assert(tryWriteUuid(uuid, bytes, offset), "not a uuid");
}

/** Writes the 16 bytes of `text` at `offset`; false when it is no UUID in the one form, then the bytes are
 * undefined. Cheaper than `isUuid` and `writeUuid`. */
export function tryWriteUuid(text: string, bytes: Uint8Array, offset: number): text is Uuid {
  assert(offset + 16 <= bytes.length, "uuid does not fit");
  if (text.length !== 36) return false;
  for (let i = 0; i < 4; i++) if (text.charCodeAt(DASHES_AT[i] as number) !== DASH) return false;
  let seen = 0;
  for (let i = 0; i < 16; i++) {
    const at = DIGITS_AT[i] as number;
    const high = VALUE_OF_DIGIT[text.charCodeAt(at)] ?? NO_DIGIT;
    const low = VALUE_OF_DIGIT[text.charCodeAt(at + 1)] ?? NO_DIGIT;
    seen |= high | low;
    bytes[offset + i] = (high << 4) | low;
  }
  return seen < 16;
}

const TEXT_CODES: number[] = new Array<number>(36).fill(DASH);

/** The UUID in the 16 bytes at `offset`. Made of character codes at once, since a text of joined pieces is
 * flattened later, at its first use as a key, for more than it cost to make. */
export function readUuid(bytes: Uint8Array, offset: number): Uuid {
  assert(offset + 16 <= bytes.length, "uuid is cut off");
  for (let i = 0; i < 16; i++) {
    const byte = bytes[offset + i] as number;
    const at = DIGITS_AT[i] as number;
    TEXT_CODES[at] = DIGITS[byte >> 4] as number;
    TEXT_CODES[at + 1] = DIGITS[byte & 15] as number;
  }
  return String.fromCharCode.apply(null, TEXT_CODES) as Uuid;
}

/** A random (version 4) UUID. */
export function randomUuid(random: Random): Uuid {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return readUuid(bytes, 0);
}

function format(hex: string): Uuid {
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join("-") as Uuid;
}
