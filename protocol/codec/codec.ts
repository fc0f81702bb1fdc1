import { StrataError } from "../../engine/core/errors.js";
import type { RecordSchema } from "../schema/fields.js";
import { FRAME_BYTES_MAX } from "../schema/messages.js";
import type { ValueOfRecord } from "../schema/types.js";
import { BodyReader } from "./body-reader.js";
import type { Decode } from "./decoders.js";
import { compileRecordDecoder } from "./decoders.js";
import type { Encode } from "./encoders.js";
import { compileRecordEncoder } from "./encoders.js";
import { packFrame, packFrameView, packValue } from "./msgpack.js";

/** One for all: decoding never yields and never nests. */
const READER = new BodyReader();

/** Encoder and decoder of one declared message, compiled once from its schema.
 *
 * On the wire a record is an array of its fields in order: numbers as msgpack numbers (whole numbers from
 * 2^32 on as f64), `u64`/`i64` as 64-bit integers, a uuid as 16 bytes, an enum as its number, an absent
 * optional field as nil or not at all. Fields behind the last known one are ignored. Both ways enforce every
 * limit of the schema. */
export class RecordCodec<V> {
  readonly schema: RecordSchema;
  readonly #frameBytesMax: number;
  readonly #encode: Encode;
  readonly #decode: Decode;

  constructor(schema: RecordSchema, frameBytesMax = FRAME_BYTES_MAX) {
    this.schema = schema;
    this.#frameBytesMax = frameBytesMax;
    this.#encode = compileRecordEncoder(schema);
    this.#decode = compileRecordDecoder(schema);
  }

  /** A whole frame, the caller's to keep.
   * @throws StrataError FIELD_INVALID, FRAME_TOO_LARGE */
  encode(op: number, flags: number, requestId: number, value: V): Uint8Array {
    return this.#checked(packFrame(op, flags, requestId, this.#encode(value)));
  }

  /** A whole frame that is only valid until the next frame of this thread is encoded: for servers, which hand
   * it to a transport that copies it at once.
   * @throws StrataError FIELD_INVALID, FRAME_TOO_LARGE */
  encodeView(op: number, flags: number, requestId: number, value: V): Uint8Array {
    return this.#checked(packFrameView(op, flags, requestId, this.#encode(value)));
  }

  /** The value alone, without a frame, as it stands within another message. The caller's to keep.
   * @throws StrataError FIELD_INVALID */
  encodeValue(value: V): Uint8Array {
    return packValue(this.#encode(value));
  }

  /** Reads a body in `bytes[start … end)`. Optional fields that were nil or missing are absent from the
   * result. Fields of kind `bytes` are views of `bytes` and valid as long as it is; everything else is a
   * copy.
   * @throws StrataError BODY_MALFORMED, FIELD_INVALID */
  decode(bytes: Uint8Array, start: number, end: number): V {
    READER.begin(bytes, start, end);
    const value = this.#decode(READER);
    READER.finish();
    return value as V;
  }

  #checked(frame: Uint8Array): Uint8Array {
    const bytes = frame.length;
    if (bytes <= this.#frameBytesMax) return frame;
    throw new StrataError("FRAME_TOO_LARGE", { bytes, limit: this.#frameBytesMax });
  }
}

const CODECS = new WeakMap<RecordSchema, RecordCodec<unknown>>();

/** The codec of a schema, compiled at the first call. Keep it where the same message is used again and
 * again. */
export function codecOf<R extends RecordSchema>(schema: R): RecordCodec<ValueOfRecord<R>> {
  return untypedCodecOf(schema) as RecordCodec<ValueOfRecord<R>>;
}

/** As `codecOf`, for those who learn only at run time which message they have. */
export function untypedCodecOf(schema: RecordSchema): RecordCodec<unknown> {
  let codec = CODECS.get(schema);
  if (codec === undefined) {
    codec = new RecordCodec(schema);
    CODECS.set(schema, codec);
  }
  return codec;
}

/** Header and body in one buffer, the caller's to keep. See RecordCodec.encode. */
export function encodeMessage<R extends RecordSchema>(
  op: number,
  flags: number,
  requestId: number,
  schema: R,
  value: ValueOfRecord<R>,
): Uint8Array {
  return codecOf(schema).encode(op, flags, requestId, value);
}

/** As `encodeMessage`, valid until the next frame of this thread is encoded. See RecordCodec.encodeView. */
export function encodeMessageView<R extends RecordSchema>(
  op: number,
  flags: number,
  requestId: number,
  schema: R,
  value: ValueOfRecord<R>,
): Uint8Array {
  return codecOf(schema).encodeView(op, flags, requestId, value);
}

/** The body in `bytes[start … end)`. See RecordCodec.decode. */
export function decodeBody<R extends RecordSchema>(
  schema: R,
  bytes: Uint8Array,
  start: number,
  end: number,
): ValueOfRecord<R> {
  return codecOf(schema).decode(bytes, start, end);
}
