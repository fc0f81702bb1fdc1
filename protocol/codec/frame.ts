import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import { isCount } from "../../engine/core/ids.js";
import { FRAME_BYTES_MAX } from "../schema/messages.js";

/** The header before every message body, little-endian:
 *
 *   0      1          2        4             8                16
 *   ┌──────┬──────────┬────────┬─────────────┬────────────────┬──────────
 *   │ op   │ version  │ flags  │ bodyLength  │ requestId      │ body …
 *   │ u8   │ u8       │ u16    │ u32         │ f64            │ msgpack
 *   └──────┴──────────┴────────┴─────────────┴────────────────┴──────────
 *
 * A frame is one WebSocket message, so `bodyLength` says nothing new: it catches a peer that frames
 * wrongly. */
export const FRAME_HEADER_BYTES = 16;
/** Version of the header, not of the messages: those are negotiated by hello. */
export const FRAME_VERSION = 1;
/** The frame answers the request of the same op and id. */
export const FLAG_ANSWER = 1;
/** With FLAG_ANSWER: the body is ERROR_BODY. */
export const FLAG_ERROR = 2;

const FLAGS_KNOWN = FLAG_ANSWER | FLAG_ERROR;

/** A parsed header. */
export interface Frame {
  readonly op: number;
  readonly flags: number;
  /** 1 … 2^53 − 1. */
  readonly requestId: number;
  /** Where the body lies in the bytes that were parsed. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

const FRAME = { op: 0, flags: 0, requestId: 0, bodyStart: FRAME_HEADER_BYTES, bodyEnd: FRAME_HEADER_BYTES };

// A DataView over each message would be garbage, so eight bytes are moved here instead.
const F64_BYTES = new Uint8Array(8);
const F64_VIEW = new DataView(F64_BYTES.buffer);

/** Parses and checks the header of one frame of at most `bytesMax`; allocates nothing.
 * @returns an object that the next call overwrites
 * @throws StrataError FRAME_TRUNCATED, FRAME_TOO_LARGE, FRAME_VERSION, FRAME_MALFORMED */
export function readFrame(bytes: Uint8Array, bytesMax = FRAME_BYTES_MAX): Frame {
  const length = bytes.length;
  if (length < FRAME_HEADER_BYTES) throw new StrataError("FRAME_TRUNCATED", { bytes: length });
  if (length > bytesMax) throw new StrataError("FRAME_TOO_LARGE", { bytes: length, limit: bytesMax });
  const version = byteAt(bytes, 1);
  if (version !== FRAME_VERSION) throw new StrataError("FRAME_VERSION", { version });
  const op = byteAt(bytes, 0);
  if (op === 0) throw malformed("op is 0");
  const flags = byteAt(bytes, 2) | (byteAt(bytes, 3) << 8);
  if ((flags & ~FLAGS_KNOWN) !== 0) throw malformed(`unknown flags ${flags}`);
  if (flags === FLAG_ERROR) throw malformed("error flag without answer flag");
  checkBodyLength(bytes, length);
  for (let i = 0; i < 8; i++) F64_BYTES[i] = byteAt(bytes, 8 + i);
  const requestId = F64_VIEW.getFloat64(0, true);
  if (!isCount(requestId) || requestId === 0) throw malformed("request id is not a positive whole number");

  FRAME.op = op;
  FRAME.flags = flags;
  FRAME.requestId = requestId;
  FRAME.bodyEnd = length;
  return FRAME;
}

/** Where the frame ends that begins at `at`, in a message of several frames one behind the other.
 * @throws StrataError FRAME_TRUNCATED */
export function frameEnd(message: Uint8Array, at: number): number {
  const present = message.length - at;
  if (present < FRAME_HEADER_BYTES) throw new StrataError("FRAME_TRUNCATED", { bytes: present });
  const end = at + FRAME_HEADER_BYTES + bodyLengthAt(message, at);
  if (end > message.length) throw new StrataError("FRAME_TRUNCATED", { bytes: present });
  return end;
}

/** Writes the header of a frame that is `bytes` as a whole: its body already stands behind the header. */
export function writeFrameHeader(bytes: Uint8Array, op: number, flags: number, requestId: number): void {
  const bodyLength = bytes.length - FRAME_HEADER_BYTES;
  assert(bodyLength >= 0, "no room for a frame header");
  assert(op > 0 && op < 256, `op out of range: ${op}`);
  assert(isCount(requestId) && requestId > 0, `request id out of range: ${requestId}`);
  bytes[0] = op;
  bytes[1] = FRAME_VERSION;
  bytes[2] = flags;
  bytes[3] = flags >>> 8;
  bytes[4] = bodyLength;
  bytes[5] = bodyLength >>> 8;
  bytes[6] = bodyLength >>> 16;
  bytes[7] = bodyLength >>> 24;
  F64_VIEW.setFloat64(0, requestId, true);
  for (let i = 0; i < 8; i++) bytes[8 + i] = byteAt(F64_BYTES, i);
}

function checkBodyLength(bytes: Uint8Array, length: number): void {
  const bodyLength = bodyLengthAt(bytes, 0);
  const present = length - FRAME_HEADER_BYTES;
  if (bodyLength > present) throw new StrataError("FRAME_TRUNCATED", { bytes: length });
  if (bodyLength < present) throw malformed(`${present - bodyLength} bytes behind the body`);
}

function bodyLengthAt(bytes: Uint8Array, at: number): number {
  const low = byteAt(bytes, at + 4) | (byteAt(bytes, at + 5) << 8) | (byteAt(bytes, at + 6) << 16);
  return low + byteAt(bytes, at + 7) * 0x100_0000;
}

function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] as number;
}

function malformed(reason: string): StrataError {
  return new StrataError("FRAME_MALFORMED", { reason });
}
