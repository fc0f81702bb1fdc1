import { ByteReader } from "../../core/byte-reader.js";
import { ByteWriter } from "../../core/byte-writer.js";
import type { Member } from "./member.js";
import { readMember, writeMember } from "./member-codec.js";

const FORMAT = 1;
const NOTHING = new Uint8Array(0);

/** What a change of membership says beyond its steps (`ConfChange.context`): the member that it adds, if any.
 * The version of the configuration that the change was made for is not in it: the leader checks that one
 * before it proposes, and no second change gets into the log before the first is applied. */
export function encodeChangeContext(added: Member | undefined): Uint8Array {
  if (added === undefined) return NOTHING;
  const writer = new ByteWriter(256);
  writer.u8(FORMAT);
  writeMember(writer, added);
  return writer.take();
}

/** Throws RangeError for bytes that `encodeChangeContext` never makes. */
export function decodeChangeContext(context: Uint8Array): Member | undefined {
  if (context.length === 0) return undefined;
  const reader = new ByteReader(context);
  const format = reader.u8();
  if (format !== FORMAT) throw new RangeError(`change of membership in format ${format}`);
  const added = readMember(reader);
  if (reader.remaining > 0) throw new RangeError(`${reader.remaining} bytes too many`);
  return added;
}
