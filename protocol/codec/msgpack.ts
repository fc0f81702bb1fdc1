import * as library from "msgpackr/pack";
import { assert } from "../../engine/core/assert.js";
import { FRAME_HEADER_BYTES, writeFrameHeader } from "./frame.js";

// This entry point's types lack half of what it exports; the main entry point's are right.
const msgpackr = library as unknown as typeof import("msgpackr");

// The native accelerator brings a tenth on private memory, costs six times on shared memory, and looks at an
// environment variable while it loads: the entry point without it is the only one used.
assert(msgpackr.isNativeAccelerationEnabled === false, "msgpackr loaded its native accelerator");

const PACKR = new msgpackr.Packr({ useRecords: false });

// With this mode pack gives its whole buffer and where in it the message lies. The view is made here: a
// Buffer, which pack would give, has a `slice` that does not copy, and those who take a Uint8Array do not
// expect that.
const PACK_FRAME = msgpackr.REUSE_BUFFER_MODE + msgpackr.RESERVE_START_SPACE + FRAME_HEADER_BYTES;
const PACK_FRAME_REUSED = PACK_FRAME + msgpackr.RESET_BUFFER_MODE;

interface Packed {
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly start: number;
  readonly end: number;
}

/** Packs `body` (arrays, numbers, bigints, text, bytes, booleans, null) behind a frame header.
 * The bytes lie in a larger buffer of msgpackr's and are never written again. */
export function packFrame(op: number, flags: number, requestId: number, body: unknown): Uint8Array {
  return finish(PACKR.pack(body, PACK_FRAME) as unknown as Packed, op, flags, requestId);
}

/** As `packFrame`, but the bytes are only valid until the next frame of this thread is packed: for servers,
 * whose transport copies them at once. */
export function packFrameView(op: number, flags: number, requestId: number, body: unknown): Uint8Array {
  return finish(PACKR.pack(body, PACK_FRAME_REUSED) as unknown as Packed, op, flags, requestId);
}

/** Packs a value alone, the caller's to keep: to be put into a message later. */
export function packValue(value: unknown): Uint8Array {
  return Uint8Array.from(PACKR.pack(value));
}

function finish(packed: Packed, op: number, flags: number, requestId: number): Uint8Array {
  const frame = new Uint8Array(packed.buffer, packed.byteOffset + packed.start, packed.end - packed.start);
  writeFrameHeader(frame, op, flags, requestId);
  return frame;
}
