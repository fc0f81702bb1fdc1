import { StrataError } from "../../engine/core/errors.js";

/** Deepest nesting of arrays in a body. Messages of version 1 nest 6 deep; the rest is room for later
 * ones. */
export const BODY_DEPTH_MAX = 16;

/** Values that are still to come on each open level. */
const OPEN = new Uint32Array(BODY_DEPTH_MAX + 1);

/** Walks over a body before anything is built from it: exactly one value, made of nil, booleans, numbers,
 * text, bytes and arrays, complete, at most BODY_DEPTH_MAX deep. Maps and extensions are refused: no message
 * has them, and msgpackr's extensions compile code, make regular expressions and cyclic objects from what
 * they read.
 *
 * After it an array is never longer than the bytes that hold it, so what decoding allocates is bounded by the
 * length of the body (at most about 40 bytes of heap for each, for a body of nothing but empty arrays).
 * Allocates nothing.
 * @throws StrataError BODY_MALFORMED */
export function checkBody(bytes: Uint8Array, start: number, end: number): void {
  let at = start;
  let depth = 0;
  let open = 1;
  for (;;) {
    while (open === 0) {
      if (depth === 0) {
        if (at !== end) throw malformed(at < end ? `${end - at} bytes behind its value` : "it is cut off");
        return;
      }
      open = OPEN[--depth] as number;
    }
    if (at >= end) throw malformed("it is cut off");
    open--;
    const token = bytes[at++] as number;
    if (token < 0x80 || token >= 0xe0) continue; // a small whole number
    if (token >= 0xa0 && token < 0xc0) {
      at += token & 0x1f; // short text
      continue;
    }
    const count = token < 0xa0 ? token & 0x0f : arrayCount(bytes, token, at, end);
    if (token < 0x90) throw malformed("it has a map");
    if (count < 0) {
      at = skipScalar(bytes, token, at, end);
      continue;
    }
    if (token >= 0xa0) at += token === 0xdc ? 2 : 4;
    if (count > end - at) throw malformed("an array is longer than the body");
    if (++depth > BODY_DEPTH_MAX) throw malformed(`it nests deeper than ${BODY_DEPTH_MAX}`);
    OPEN[depth - 1] = open;
    open = count;
  }
}

/** Length of the array whose token stands before `at`, −1 when it is no array. */
function arrayCount(bytes: Uint8Array, token: number, at: number, end: number): number {
  if (token === 0xdc) return unsigned(bytes, at, end, 2);
  if (token === 0xdd) return unsigned(bytes, at, end, 4);
  return -1;
}

/** Where the value ends whose token stands before `at`. */
function skipScalar(bytes: Uint8Array, token: number, at: number, end: number): number {
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return at;
    case 0xcc: // u8
    case 0xd0: // i8
      return at + 1;
    case 0xcd: // u16
    case 0xd1: // i16
      return at + 2;
    case 0xca: // f32
    case 0xce: // u32
    case 0xd2: // i32
      return at + 4;
    case 0xcb: // f64
    case 0xcf: // u64
    case 0xd3: // i64
      return at + 8;
    case 0xc4: // bytes
    case 0xd9: // text
      return at + 1 + unsigned(bytes, at, end, 1);
    case 0xc5:
    case 0xda:
      return at + 2 + unsigned(bytes, at, end, 2);
    case 0xc6:
    case 0xdb:
      return at + 4 + unsigned(bytes, at, end, 4);
    default:
      throw malformed(token === 0xde || token === 0xdf ? "it has a map" : "it has an extension");
  }
}

/** A big-endian number, as msgpack has them. */
function unsigned(bytes: Uint8Array, at: number, end: number, width: 1 | 2 | 4): number {
  if (at + width > end) throw malformed("it is cut off");
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + i] as number);
  return value;
}

function malformed(reason: string): StrataError {
  return new StrataError("BODY_MALFORMED", { reason });
}
