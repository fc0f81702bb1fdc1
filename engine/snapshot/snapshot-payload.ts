import { ByteReader } from "../core/byte-reader.js";
import { ByteWriter } from "../core/byte-writer.js";
import { compareBytes } from "../core/compare-bytes.js";
import { StrataError } from "../core/errors.js";
import { readConfState, writeConfState } from "../raft/conf-state-codec.js";
import type { ConfState } from "../raft/types.js";

const MEMBERS_BYTES = 256;

/** Membership as it travels with a snapshot. */
export function encodeMembers(confState: ConfState): Uint8Array {
  const writer = new ByteWriter(MEMBERS_BYTES);
  writeConfState(writer, confState);
  return writer.take();
}

export function isSameMembers(a: ConfState, b: ConfState): boolean {
  return compareBytes(encodeMembers(a), encodeMembers(b)) === 0;
}

/** Throws ProtocolError SNAPSHOT_INVALID. */
export function decodeMembers(bytes: Uint8Array): ConfState {
  try {
    const reader = new ByteReader(bytes);
    const confState = readConfState(reader);
    if (reader.remaining > 0) throw new RangeError("bytes behind the members");
    return confState;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StrataError("SNAPSHOT_INVALID", { reason: error.message }, { cause: error });
  }
}
