import type { Random } from "../../engine/core/random.js";
import { FLAG_ANSWER, FLAG_ERROR, FRAME_HEADER_BYTES, writeFrameHeader } from "../../protocol/codec/frame.js";
import { MESSAGES } from "./message-arbitrary.js";

const BYTES_MAX = 4096;

/** Bytes with which msgpack values begin, and those at the edges of numbers. */
const TELLING_BYTES = [
  0x00, 0x01, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x92, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4,
  0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6,
  0xd7, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff, 0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73,
  0x74, 0x78,
];

/** A damaged copy of `bytes`: a byte changed, cut, repeated, removed, put in, or a piece of another
 * message. */
export function mutate(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(12);
  const before = bytes.subarray(0, at);
  switch (random.below(8)) {
    case 0: // one bit
      return replace(bytes, at, ((bytes[at] ?? 0) ^ (1 << random.below(8))) & 0xff);
    case 1:
      return replace(bytes, at, random.below(256));
    case 2:
    case 3:
      return replace(bytes, at, TELLING_BYTES[random.below(TELLING_BYTES.length)] as number);
    case 4: // cut off
      return before;
    case 5: // cut out
      return join(before, bytes.subarray(at + length));
    case 6: // repeat
      return join(before, bytes.subarray(at, at + length), bytes.subarray(at));
    default: {
      const other = others[random.below(others.length)] as Uint8Array;
      const from = random.below(other.length + 1);
      return join(before, other.subarray(from, from + length), bytes.subarray(at));
    }
  }
}

/** A copy with a header that is right for the length, of some operation or of its own. */
export function reframe(bytes: Uint8Array, random: Random): Uint8Array {
  const { op, isResponse } = MESSAGES[random.below(MESSAGES.length)] as (typeof MESSAGES)[number];
  const ownOp = bytes[0] ?? 0;
  const isOwn = ownOp > 0 && random.below(4) > 0;
  const ownFlags = (bytes[2] ?? 0) & FLAG_ANSWER;
  const isError = random.below(20) === 0;
  const flags = isError ? FLAG_ANSWER | FLAG_ERROR : isOwn ? ownFlags : isResponse ? FLAG_ANSWER : 0;
  return withHeader(bytes, isOwn ? ownOp : op, flags, 1 + random.below(1000));
}

/** The body of `bytes` under another header, which is right for its length. */
export function withHeader(bytes: Uint8Array, op: number, flags: number, requestId: number): Uint8Array {
  const body = bytes.subarray(FRAME_HEADER_BYTES);
  const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  frame.set(body, FRAME_HEADER_BYTES);
  writeFrameHeader(frame, op, flags, requestId);
  return frame;
}

function replace(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts)).subarray(0, BYTES_MAX);
}
