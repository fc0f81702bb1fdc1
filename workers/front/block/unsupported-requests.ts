import { Type } from "../../../protocol/hadoop/generated/block_pb.js";
import { ProtoReader } from "../../../protocol/hadoop/proto-reader.js";

const CMD_TYPE = 8;
const TRACE_ID = 18;
/** Bodies have numbers from here on, and Java writes them last. */
const FIRST_BODY = 11;

/** OM keeps the keys whose blocks are not deleted and asks again at its next run, whether the call is refused
 * or each block of it. Refused, its log says why, and it spends no transaction of its own on purging nothing.
 * AddScm is spoken among the reference's SCMs alone. */
const UNSUPPORTED: ReadonlySet<number> = new Set([Type.DeleteScmKeyBlocks, Type.AddScm]);

const READER = new ProtoReader("SCMBlockLocationRequest");

/** What the answer repeats of a request that is refused for its type; undefined for all others. A request to
 * delete blocks has up to 32 MB, which nobody would read in vain while datanodes wait.
 * @throws StrataError PROTOBUF_MALFORMED */
export function unsupportedRequest(
  body: Uint8Array,
): { readonly type: Type; readonly traceID: string } | undefined {
  let type = 0;
  let traceID = "";
  READER.begin(body, 0, body.length);
  while (READER.hasMore()) {
    const tag = READER.tag();
    if (tag >>> 3 >= FIRST_BODY) break;
    if (tag === CMD_TYPE) type = READER.uint32();
    else if (tag === TRACE_ID) traceID = READER.text();
    else READER.skip(tag);
  }
  READER.release();
  return UNSUPPORTED.has(type) ? { type: type as Type, traceID } : undefined;
}
