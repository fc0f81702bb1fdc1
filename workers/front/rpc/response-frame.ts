import { assert } from "../../../engine/core/assert.js";

/* Response frames (spec 12 §2.3), written behind one another into one buffer per connection:
 *
 *   int32 BE length │ varint │ RpcResponseHeader │ varint │ message     an error frame ends with its header
 *
 *   RpcResponseHeader = 08 callId 10 status 18 09 [22 class 2a text 30 detail] 3a clientId 40 retryCount */

export const IPC_VERSION = 9;
export const RPC_STATUS = { SUCCESS: 0, ERROR: 1, FATAL: 2 } as const;

const LENGTH_BYTES = 4;
/** Header without its texts and client id, with both lengths. */
const OVERHEAD_BYTES = 64;

/** Who is answered. */
export interface Caller {
  readonly callId: number;
  readonly retryCount: number;
  readonly clientId: Uint8Array;
}

/** Bytes at most of a frame with a message of so many. */
export function responseBytesMax(caller: Caller, messageBytes: number): number {
  return OVERHEAD_BYTES + caller.clientId.length + messageBytes;
}

/** Writes the answer at `at` of `out`, which has room for it; returns where it ends. */
export function writeResponse(out: Uint8Array, at: number, caller: Caller, message: Uint8Array): number {
  const start = at + LENGTH_BYTES;
  let end = writeVarint(out, start, headerBytes(caller));
  end = writeHeaderStart(out, end, caller.callId, RPC_STATUS.SUCCESS);
  end = writeHeaderEnd(out, end, caller);
  end = writeVarint(out, end, message.length);
  out.set(message, end);
  end += message.length;
  writeLength(out, at, end - start);
  return end;
}

/** An error frame, the caller's to keep. */
export function errorFrame(
  caller: Caller,
  status: number,
  {
    className,
    message,
    detail,
  }: { readonly className: string; readonly message: string; readonly detail: number },
): Uint8Array {
  const classBytes = Buffer.from(className);
  const messageBytes = Buffer.from(message);
  const header = new Uint8Array(responseBytesMax(caller, classBytes.length + messageBytes.length));
  let end = writeHeaderStart(header, 0, caller.callId, status);
  end = writeBytes(header, end, 0x22, classBytes);
  end = writeBytes(header, end, 0x2a, messageBytes);
  header[end++] = 0x30;
  end = writeVarint(header, end, detail);
  end = writeHeaderEnd(header, end, caller);
  const frame = new Uint8Array(LENGTH_BYTES + varintBytes(end) + end);
  const headerAt = writeVarint(frame, LENGTH_BYTES, end);
  frame.set(header.subarray(0, end), headerAt);
  writeLength(frame, 0, frame.length - LENGTH_BYTES);
  return frame;
}

function headerBytes({ callId, retryCount, clientId }: Caller): number {
  return (
    1 +
    varintBytes(callId >>> 0) +
    4 +
    1 +
    varintBytes(clientId.length) +
    clientId.length +
    1 +
    varintBytes(zigzagOf(retryCount))
  );
}

/** Call id, status, version. */
function writeHeaderStart(out: Uint8Array, at: number, callId: number, status: number): number {
  out[at] = 0x08;
  const end = writeVarint(out, at + 1, callId >>> 0);
  out[end] = 0x10;
  out[end + 1] = status;
  out[end + 2] = 0x18;
  out[end + 3] = IPC_VERSION;
  return end + 4;
}

/** Client id and retry count. */
function writeHeaderEnd(out: Uint8Array, at: number, { clientId, retryCount }: Caller): number {
  const end = writeBytes(out, at, 0x3a, clientId);
  out[end] = 0x40;
  return writeVarint(out, end + 1, zigzagOf(retryCount));
}

function writeBytes(out: Uint8Array, at: number, tag: number, bytes: Uint8Array): number {
  out[at] = tag;
  const end = writeVarint(out, at + 1, bytes.length);
  for (let i = 0; i < bytes.length; i++) out[end + i] = bytes[i] as number;
  return end + bytes.length;
}

/** A number of at most 32 bits. */
function writeVarint(out: Uint8Array, at: number, value: number): number {
  assert(value >= 0 && value < 2 ** 32, "varint out of range");
  let rest = value;
  let end = at;
  while (rest > 0x7f) {
    out[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[end] = rest;
  return end + 1;
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  return value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

function zigzagOf(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

function writeLength(out: Uint8Array, at: number, length: number): void {
  out[at] = length >>> 24;
  out[at + 1] = length >>> 16;
  out[at + 2] = length >>> 8;
  out[at + 3] = length;
}
