import { assert } from "../../engine/core/assert.js";
import type { OperationName } from "../schema/messages.js";
import { OPERATIONS } from "../schema/messages.js";
import type { RecordCodec } from "./codec.js";
import { untypedCodecOf } from "./codec.js";

/** An operation with its compiled codecs, for those who dispatch by number. */
export interface OperationCodec {
  readonly name: OperationName;
  readonly op: number;
  /** Paths of the connections on which it may be asked. */
  readonly paths: readonly string[];
  readonly request: RecordCodec<unknown>;
  readonly response: RecordCodec<unknown>;
}

const OP_COUNT = 256;
const BY_OP = new Array<OperationCodec | undefined>(OP_COUNT).fill(undefined);
const BY_NAME = new Map<OperationName, OperationCodec>();

for (const [name, operation] of Object.entries(OPERATIONS)) {
  assert(operation.op > 0 && operation.op < OP_COUNT, `${name}: op out of range`);
  assert(BY_OP[operation.op] === undefined, `${name}: op ${operation.op} is taken`);
  const codec: OperationCodec = {
    name: name as OperationName,
    op: operation.op,
    paths: operation.paths,
    request: untypedCodecOf(operation.request),
    response: untypedCodecOf(operation.response),
  };
  BY_OP[operation.op] = codec;
  BY_NAME.set(codec.name, codec);
}

/** The operation of a frame's op, undefined when there is none: answer UNSUPPORTED_OPERATION. */
export function operationOf(op: number): OperationCodec | undefined {
  return BY_OP[op];
}

export function operationNamed(name: OperationName): OperationCodec {
  return BY_NAME.get(name) as OperationCodec;
}
