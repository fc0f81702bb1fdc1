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

/** Writes the 16 bytes of `uuid` at `offset`. */
export function writeUuid(uuid: Uuid, bytes: Uint8Array, offset: number): void {
  assert(offset + 16 <= bytes.length, "uuid does not fit");
  let at = offset;
  for (let i = 0; i < 36; i++) {
    if (i === 8 || i === 13 || i === 18 || i === 23) continue;
    bytes[at++] = (nibble(uuid.charCodeAt(i)) << 4) | nibble(uuid.charCodeAt(++i));
  }
}

export function readUuid(bytes: Uint8Array, offset: number): Uuid {
  assert(offset + 16 <= bytes.length, "uuid is cut off");
  let hex = "";
  for (let i = 0; i < 16; i++) hex += (bytes[offset + i] as number).toString(16).padStart(2, "0");
  return format(hex);
}

/** A random (version 4) UUID. */
export function randomUuid(random: Random): Uuid {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return readUuid(bytes, 0);
}

function nibble(code: number): number {
  return code <= 57 ? code - 48 : code - 87;
}

function format(hex: string): Uuid {
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join("-") as Uuid;
}
