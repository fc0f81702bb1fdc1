/* The two headers of a request frame (spec 12 §2.4), read by hand: they come with every call, and all that
 * is needed of them are a few numbers and where the rest lies. */

const VARINT_BYTES_MAX = 10;
const WIRE_VARINT = 0;
const WIRE_FIXED_64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED_32 = 5;

const BAD = -1;
/** Clients have ids of 16 bytes. One is kept with its call, and sent back. */
const CLIENT_ID_BYTES_MAX = 256;

/** Where the last varint ended. */
let cursor = 0;

/** The varint at `at`, its low 53 bits where it is longer; −1 when it does not end before `end`. Sets
 * `cursor`. */
function varint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  let factor = 1;
  const limit = Math.min(end, at + VARINT_BYTES_MAX);
  for (let i = at; i < limit; i++) {
    const byte = bytes[i] as number;
    if (i - at < 7) value += (byte & 0x7f) * factor;
    factor *= 128;
    if (byte < 0x80) {
      cursor = i + 1;
      return value;
    }
  }
  return BAD;
}

/** Where the field with this tag ends whose value begins at `at`, −1 when it is cut off or of a type that
 * there is none of. */
function skip(bytes: Uint8Array, tag: number, at: number, end: number): number {
  switch (tag & 7) {
    case WIRE_VARINT:
      return varint(bytes, at, end) === BAD ? BAD : cursor;
    case WIRE_FIXED_64:
      return at + 8 <= end ? at + 8 : BAD;
    case WIRE_FIXED_32:
      return at + 4 <= end ? at + 4 : BAD;
    case WIRE_BYTES: {
      const length = varint(bytes, at, end);
      return length === BAD || length > end - cursor ? BAD : cursor + length;
    }
    default:
      return BAD;
  }
}

/** A message with its length before it. */
export class Delimited {
  start = 0;
  end = 0;

  /** Reads the length at `at`; false when the message does not end before `end`. */
  read(bytes: Uint8Array, at: number, end: number): boolean {
    const length = varint(bytes, at, end);
    if (length === BAD || length > end - cursor) return false;
    this.start = cursor;
    this.end = cursor + length;
    return true;
  }

  /** Where the message begins whose length stands at `at`, also when its end has not come; −1 without a
   * length. */
  bodyStart(bytes: Uint8Array, at: number, end: number): number {
    return varint(bytes, at, end) === BAD ? BAD : cursor;
  }
}

/** RpcRequestHeader. Numbers that were not sent are −1, but for `retryCount` and `callId`. */
export class RpcRequestHeader {
  rpcKind = -1;
  rpcOp = -1;
  callId = 0;
  retryCount = -1;
  clientIdStart = 0;
  clientIdEnd = 0;

  /** False when these bytes are no such message, lack a field that is required, or have too long an id. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.rpcKind = -1;
    this.rpcOp = -1;
    this.retryCount = -1;
    let hasCallId = false;
    let hasClientId = false;
    for (let at = start; at < end; ) {
      const tag = varint(bytes, at, end);
      if (tag === BAD || tag < 8) return false;
      const valueAt = cursor;
      at = skip(bytes, tag, valueAt, end);
      if (at === BAD) return false;
      if (tag === 0x08) this.rpcKind = varint(bytes, valueAt, end);
      else if (tag === 0x10) this.rpcOp = varint(bytes, valueAt, end);
      else if (tag === 0x18) {
        this.callId = zigzag(varint(bytes, valueAt, end));
        hasCallId = true;
      } else if (tag === 0x22) {
        varint(bytes, valueAt, end);
        this.clientIdStart = cursor;
        this.clientIdEnd = at;
        hasClientId = true;
      } else if (tag === 0x28) this.retryCount = zigzag(varint(bytes, valueAt, end));
    }
    return hasCallId && hasClientId && this.clientIdEnd - this.clientIdStart <= CLIENT_ID_BYTES_MAX;
  }
}

/** RequestHeader of the engine. */
export class EngineHeader {
  methodName = "";
  protocolName = "";
  version = 0;

  /** False when these bytes are no such message, or lack a field: all are required. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    let seen = 0;
    for (let at = start; at < end; ) {
      const tag = varint(bytes, at, end);
      if (tag === BAD || tag < 8) return false;
      const valueAt = cursor;
      at = skip(bytes, tag, valueAt, end);
      if (at === BAD) return false;
      if (tag !== 0x0a && tag !== 0x12 && tag !== 0x18) continue;
      seen |= 1 << (tag >> 3);
      const value = varint(bytes, valueAt, end);
      if (tag === 0x18) this.version = value;
      else {
        const text = Buffer.from(bytes.buffer, bytes.byteOffset + cursor, at - cursor).toString();
        if (tag === 0x0a) this.methodName = text;
        else this.protocolName = text;
      }
    }
    return seen === 0b1110;
  }
}

/** A 32-bit zigzag number. */
function zigzag(value: number): number {
  const word = value >>> 0;
  return (word >>> 1) ^ -(word & 1);
}
