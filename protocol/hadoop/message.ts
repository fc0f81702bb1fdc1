import type { DescMessage, MessageInitShape, MessageShape, MessageValidType } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { StrataError } from "../../engine/core/errors.js";
import { missingFields } from "./missing-fields.js";
import { checkWire } from "./wire-check.js";

/** The reader's limit, as Java has it. */
const DEPTH_MAX = 100;

/** The message in `bytes`, with every required field there at any depth. An absent optional field reads as
 * its default: `isFieldSet` tells whether one was sent. Unknown numbers of enums are unknown fields (spec 12
 * §1). */
export function decodeMessage<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
): MessageValidType<Desc> {
  checkWire(schema, bytes);
  let message: MessageShape<Desc>;
  try {
    message = fromBinary(schema, bytes, { recursionLimit: DEPTH_MAX });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StrataError("PROTOBUF_MALFORMED", { message: schema.name, reason });
  }
  const missing = missingFields(schema, message);
  if (missing.length > 0) throw new StrataError("PROTOBUF_INCOMPLETE", { fields: missing.join(", ") });
  return message as MessageValidType<Desc>;
}

/** The bytes of a message. Only what `fields` names is sent; it throws if a required field is left out. */
export function encodeMessage<Desc extends DescMessage>(
  schema: Desc,
  fields: MessageInitShape<Desc>,
): Uint8Array<ArrayBuffer> {
  return toBinary(schema, create(schema, fields));
}
