import type { Message } from "@bufbuild/protobuf";
import type { RpcResponseHeaderProto } from "../../../protocol/hadoop/generated/rpc_pb.js";
import {
  RpcResponseHeaderProtoSchema,
  RpcResponseHeaderProto_RpcStatusProto as Status,
} from "../../../protocol/hadoop/generated/rpc_pb.js";
import { decodeMessage } from "../../../protocol/hadoop/message.js";
import { delimitedParts } from "./delimited.js";
import { valuesOf } from "./message-values.js";
import type { CallFrames } from "./recorded-frames.js";
import { type BodySchemas, bodySchemas } from "./schemas.js";

const LENGTH_BYTES = 4;
const NOTHING = new Uint8Array();

/** The messages of a call. */
export interface DecodedCall {
  readonly schemas: BodySchemas;
  /** Name of its type. */
  readonly type: string;
  readonly request: Message;
  readonly header: RpcResponseHeaderProto;
  /** Absent after an error. */
  readonly answer: Message | undefined;
}

export function decodeCall({ protocol, request, response }: CallFrames): DecodedCall {
  const schemas = bodySchemas(protocol);
  const [, , body = NOTHING] = delimitedParts(request.subarray(LENGTH_BYTES));
  const [headerBytes = NOTHING, answer = NOTHING] = delimitedParts(response.subarray(LENGTH_BYTES));
  const decoded = decodeMessage(schemas.request, body);
  const header = decodeMessage(RpcResponseHeaderProtoSchema, headerBytes);
  return {
    schemas,
    type: [...(valuesOf(schemas.request, decoded).get("cmdType") ?? [])].join(),
    request: decoded,
    header,
    answer: header.status === Status.SUCCESS ? decodeMessage(schemas.response, answer) : undefined,
  };
}

/** Without the heartbeats that say what another one has said, but for sizes of disks: most of what an idle
 * cluster sends. */
export function withoutRepeated<Call extends CallFrames>(calls: readonly Call[]): Call[] {
  const seen = new Set<string>();
  return calls.filter((call) => {
    const { schemas, type, request, answer } = decodeCall(call);
    if (type !== "SendHeartbeat" || answer === undefined) return true;
    const said = [...valuesOf(schemas.request, request), ...valuesOf(schemas.response, answer)];
    const lines = said
      .filter(([path]) => !path.includes(".nodeReport."))
      .map(([path, values]) => `${path} ${[...values]}`);
    const text = lines.join("\n");
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
