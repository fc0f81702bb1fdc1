import { StrataError } from "../../../engine/core/errors.js";

/** A varint at a plain offset, where rows are many (spec 12 §9.3): a reader that holds its place costs twice
 * as much. Everything else reads with ProtoReader. */

/** Where the value that was read last ends. */
let next = 0;

/** Behind the value that `varintAt` read last. */
export function afterVarint(): number {
  return next;
}

/** What a bit of a varint's fifth byte counts. */
export const FIFTH_BYTE = 2 ** 28;
const HIGH_BITS = 2 ** 56;
const SIGN = 2 ** 63;
const ALL = 2 ** 64;

/** An int64 or uint64 as a number: exact within ±2^53, else of the right sign (as int64) and size, about. May
 * run over the end of the message, which `afterVarint` tells. */
export function varintAt(bytes: Uint8Array, at: number): number {
  let byte = bytes[at] as number;
  if (byte < 0x80) {
    next = at + 1;
    return byte;
  }
  let low = byte & 0x7f;
  byte = bytes[at + 1] as number;
  low |= (byte & 0x7f) << 7;
  if (byte < 0x80) {
    next = at + 2;
    return low;
  }
  byte = bytes[at + 2] as number;
  low |= (byte & 0x7f) << 14;
  if (byte < 0x80) {
    next = at + 3;
    return low;
  }
  byte = bytes[at + 3] as number;
  low |= (byte & 0x7f) << 21;
  if (byte < 0x80) {
    next = at + 4;
    return low;
  }
  byte = bytes[at + 4] as number;
  if (byte < 0x80) {
    next = at + 5;
    return low + byte * FIFTH_BYTE;
  }
  return low + longVarint(bytes, at + 4);
}

/** The parts of a varint from its fifth byte on. */
function longVarint(bytes: Uint8Array, at: number): number {
  let middle = 0;
  let shift = 0;
  for (let offset = at; offset < at + 4; offset++) {
    const byte = bytes[offset] as number;
    middle |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) {
      next = offset + 1;
      return middle * FIFTH_BYTE;
    }
  }
  const ninth = bytes[at + 4] as number;
  let high = ninth & 0x7f;
  next = at + 5;
  if (ninth >= 0x80) {
    const tenth = bytes[at + 5] as number;
    if (tenth >= 0x80)
      throw new StrataError("PROTOBUF_MALFORMED", {
        message: "ContainerReplicaProto",
        reason: "a varint has more than 10 bytes",
      });
    high |= (tenth & 1) << 7;
    next = at + 6;
  }
  const value = middle * FIFTH_BYTE + high * HIGH_BITS;
  return value >= SIGN ? value - ALL : value;
}
