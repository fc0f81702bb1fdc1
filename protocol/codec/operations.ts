import { assert } from "../../engine/core/assert.js";
import type { RecordSchema } from "../schema/fields.js";
import type { OperationName } from "../schema/messages.js";
import { OPERATIONS } from "../schema/messages.js";
import type { RecordCodec } from "./codec.js";
import { codecOf } from "./codec.js";

/** An operation with its compiled codecs, for those who dispatch by number. */
export interface OperationCodec {
  readonly name: OperationName;
  readonly op: number;
  /** Paths of the connections on which it may be asked. */
  readonly paths: readonly string[];
  readonly request: RecordCodec<RecordSchema>;
  readonly response: RecordCodec<RecordSchema>;
}

const OP_COUNT = 256;
const BY_OP = new Array<OperationCodec | undefined>(OP_COUNT).fill(undefined);

for (const [name, operation] of Object.entries(OPERATIONS)) {
  assert(operation.op > 0 && operation.op < OP_COUNT, `${name}: op out of range`);
  assert(BY_OP[operation.op] === undefined, `${name}: op ${operation.op} is taken`);
  BY_OP[operation.op] = {
    name: name as OperationName,
    op: operation.op,
    paths: operation.paths,
    request: codecOf(operation.request as RecordSchema),
    response: codecOf(operation.response as RecordSchema),
  };
}

/** The operation of a frame's op, undefined when there is none: answer UNSUPPORTED_OPERATION. */
export function operationOf(op: number): OperationCodec | undefined {
  return BY_OP[op];
}
