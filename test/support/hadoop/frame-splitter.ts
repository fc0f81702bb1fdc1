import {
  RequestHeaderProtoSchema,
  RpcRequestHeaderProtoSchema,
  RpcResponseHeaderProtoSchema,
} from "../../../protocol/hadoop/generated/rpc_pb.js";
import { decodeMessage } from "../../../protocol/hadoop/message.js";
import { delimitedParts } from "./delimited.js";
import type { CallFrames } from "./recorded-frames.js";

const PREAMBLE_BYTES = 7;
const LENGTH_BYTES = 4;

/** Cuts the bytes of one connection into frames, and puts the frames of a call together. */
export class FrameSplitter {
  readonly #onCall: (call: CallFrames) => void;
  readonly #fromClient = new Frames(PREAMBLE_BYTES);
  readonly #fromServer = new Frames(0);
  readonly #requests = new Map<number, Uint8Array>();

  constructor(onCall: (call: CallFrames) => void) {
    this.#onCall = onCall;
  }

  fromClient(bytes: Uint8Array): void {
    for (const frame of this.#fromClient.add(bytes)) {
      const { callId } = decodeMessage(RpcRequestHeaderProtoSchema, partOf(frame, 0));
      if (callId >= 0) this.#requests.set(callId, frame); // contexts and pings are not answered
    }
  }

  fromServer(bytes: Uint8Array): void {
    for (const response of this.#fromServer.add(bytes)) {
      const { callId } = decodeMessage(RpcResponseHeaderProtoSchema, partOf(response, 0));
      const request = this.#requests.get(callId);
      if (request === undefined) continue;
      this.#requests.delete(callId);
      const engine = decodeMessage(RequestHeaderProtoSchema, partOf(request, 1));
      const protocol = engine.declaringClassProtocolName.split(".").at(-1) ?? "";
      this.#onCall({ protocol, method: engine.methodName, request, response });
    }
  }
}

/** Whole frames, with their length before them, of a stream that comes in pieces. */
export class Frames {
  #rest = Buffer.alloc(0);
  #skipBytes: number;

  constructor(skipBytes: number) {
    this.#skipBytes = skipBytes;
  }

  *add(bytes: Uint8Array): Generator<Uint8Array> {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (this.#rest.length < this.#skipBytes) return;
    this.#rest = this.#rest.subarray(this.#skipBytes);
    this.#skipBytes = 0;
    for (;;) {
      if (this.#rest.length < LENGTH_BYTES) return;
      const end = LENGTH_BYTES + this.#rest.readUInt32BE(0);
      if (this.#rest.length < end) return;
      yield new Uint8Array(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

function partOf(frame: Uint8Array, index: number): Uint8Array {
  const part = delimitedParts(frame.subarray(LENGTH_BYTES))[index];
  if (part === undefined) throw new Error(`a frame without its part ${index}`);
  return part;
}
