import { ProtoReader } from "../../../protocol/hadoop/proto-reader.js";

/** The parts of a frame, behind its length: header, engine's header, message (spec 12 §2.3). */
export function delimitedParts(bytes: Uint8Array): Uint8Array[] {
  const reader = new ProtoReader("frame");
  const parts: Uint8Array[] = [];
  for (reader.begin(bytes, 0, bytes.length); reader.hasMore(); ) parts.push(reader.bytes());
  return parts;
}
