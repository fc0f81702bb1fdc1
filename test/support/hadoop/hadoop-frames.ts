import type { RpcResponseHeaderProto } from "../../../protocol/hadoop/generated/rpc_pb.js";
import {
  IpcConnectionContextProtoSchema,
  RequestHeaderProtoSchema,
  RpcRequestHeaderProtoSchema,
  RpcResponseHeaderProtoSchema,
} from "../../../protocol/hadoop/generated/rpc_pb.js";
import { decodeMessage, encodeMessage } from "../../../protocol/hadoop/message.js";

/** Frames of Hadoop RPC as a Java client writes and reads them (spec 12 §2), by the generated code: tests
 * share nothing with the server that they try. */

export const PREAMBLE = Uint8Array.from([0x68, 0x72, 0x70, 0x63, 9, 0, 0]);
const CONTEXT_CALL_ID = -3;
const NO_RETRY = -1;

export function contextFrame(clientId: Uint8Array, user: string, protocol: string): Uint8Array {
  const context = { userInfo: { effectiveUser: user }, protocol };
  return frame(
    header(clientId, CONTEXT_CALL_ID, NO_RETRY),
    encodeMessage(IpcConnectionContextProtoSchema, context),
  );
}

export interface CallParts {
  readonly clientId: Uint8Array;
  readonly callId: number;
  readonly method: string;
  readonly protocol: string;
  readonly body: Uint8Array;
  /** 1 unless given. */
  readonly version?: bigint;
  readonly retryCount?: number;
}

export function callFrame(call: CallParts): Uint8Array {
  const { clientId, callId, method, protocol, body, version = 1n, retryCount = 0 } = call;
  const engine = { methodName: method, declaringClassProtocolName: protocol, clientProtocolVersion: version };
  return frame(header(clientId, callId, retryCount), encodeMessage(RequestHeaderProtoSchema, engine), body);
}

/** A frame of delimited messages. */
export function frame(...messages: readonly Uint8Array[]): Uint8Array {
  const parts = messages.flatMap((message) => [varint(message.length), message]);
  const length = Buffer.alloc(4);
  length.writeInt32BE(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([length, ...parts]);
}

export interface Response {
  readonly header: RpcResponseHeaderProto;
  /** Undefined in an error. */
  readonly body: Uint8Array | undefined;
}

/** The payload of a frame, without its length. */
export function readResponse(payload: Uint8Array): Response {
  const [headerBytes, rest] = delimited(payload);
  const response = decodeMessage(RpcResponseHeaderProtoSchema, headerBytes);
  if (response.status === 0) return { header: response, body: delimited(rest)[0] };
  // A leftover byte makes the Java client drop the connection (spec 12 §2.3).
  if (rest.length > 0) throw new Error(`${rest.length} bytes behind an error`);
  return { header: response, body: undefined };
}

function header(clientId: Uint8Array, callId: number, retryCount: number): Uint8Array {
  return encodeMessage(RpcRequestHeaderProtoSchema, { rpcKind: 2, rpcOp: 0, callId, clientId, retryCount });
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

/** The first delimited message, and what is behind it. */
function delimited(bytes: Uint8Array): [Uint8Array, Uint8Array] {
  let length = 0;
  for (let at = 0, shift = 0; at < 5; at++, shift += 7) {
    const byte = bytes[at];
    if (byte === undefined) break;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      const end = at + 1 + length;
      if (end > bytes.length) break;
      return [bytes.subarray(at + 1, end), bytes.subarray(end)];
    }
  }
  throw new Error("a delimited message is cut off");
}
