import * as library from "msgpackr/pack";
import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import { FRAME_BYTES_MAX } from "../schema/messages.js";
import { checkBody } from "./body-check.js";
import { FRAME_HEADER_BYTES, writeFrameHeader } from "./frame.js";

// This entry point's types lack half of what it exports; the main entry point's are right.
const msgpackr = library as unknown as typeof import("msgpackr");

// The native accelerator brings a tenth on private memory, costs six times on shared memory, and looks at an
// environment variable while it loads: the entry point without it is the only one used.
assert(msgpackr.isNativeAccelerationEnabled === false, "msgpackr loaded its native accelerator");

type PackrOptions = NonNullable<ConstructorParameters<typeof msgpackr.Packr>[0]>;
// "auto" gives a number below 2^53 and a bigint above; it is missing in the library's types.
const OPTIONS = { useRecords: false, int64AsType: "auto" } as unknown as PackrOptions;
const PACKR = new msgpackr.Packr(OPTIONS);

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
 * The bytes lie in a larger buffer of msgpackr's and are never written again.
 * @throws StrataError FRAME_TOO_LARGE */
export function packFrame(op: number, flags: number, requestId: number, body: unknown): Uint8Array {
  return finish(PACKR.pack(body, PACK_FRAME) as unknown as Packed, op, flags, requestId);
}

/** As `packFrame`, but the bytes are only valid until the next frame of this thread is packed: for servers,
 * whose transport copies them at once. */
export function packFrameView(op: number, flags: number, requestId: number, body: unknown): Uint8Array {
  return finish(PACKR.pack(body, PACK_FRAME_REUSED) as unknown as Packed, op, flags, requestId);
}

function finish(packed: Packed, op: number, flags: number, requestId: number): Uint8Array {
  const bytes = packed.end - packed.start;
  if (bytes > FRAME_BYTES_MAX) throw new StrataError("FRAME_TOO_LARGE", { bytes, limit: FRAME_BYTES_MAX });
  const frame = new Uint8Array(packed.buffer, packed.byteOffset + packed.start, bytes);
  writeFrameHeader(frame, op, flags, requestId);
  return frame;
}

const RANGE = { start: 0, end: 0 };

/** Small messages are decoded from one long-lived buffer: a DataView over each message costs more than the
 * copy. */
const SCRATCH_BYTES = 4096;
/** Up to here a loop beats the call of `set`. */
const LOOP_COPY_BYTES_MAX = 64;
const SCRATCH = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** Reads the one value in `bytes[start … end)`. What it holds are null, booleans, numbers, bigints, text,
 * arrays, and bytes; those are views of `bytes` when `mayHoldBytes`, which must be set for messages with
 * bytes fields.
 * @throws StrataError BODY_MALFORMED */
export function unpackBody(bytes: Uint8Array, start: number, end: number, mayHoldBytes: boolean): unknown {
  checkBody(bytes, start, end);
  const isCopied = !mayHoldBytes && bytes.length <= SCRATCH_BYTES;
  if (isCopied) copyToScratch(bytes, start, end);
  RANGE.start = start;
  RANGE.end = end;
  try {
    return PACKR.unpack(isCopied ? SCRATCH : bytes, RANGE);
  } catch (error) {
    throw new StrataError("BODY_MALFORMED", { reason: "unreadable" }, { cause: error });
  }
}

/** Copies bytes to the same place in the scratch buffer. */
function copyToScratch(bytes: Uint8Array, start: number, end: number): void {
  if (end - start > LOOP_COPY_BYTES_MAX) SCRATCH.set(bytes);
  else for (let i = start; i < end; i++) SCRATCH[i] = bytes[i] as number;
}
