import type { ByteReader } from "../core/byte-reader.js";
import type { ByteWriter } from "../core/byte-writer.js";
import { isCount } from "../core/ids.js";
import type { ConfState, NodeId } from "./types.js";

const NODE_ID_BYTES = 8;

/** Membership as rows hold it: the four lists in the order of the type, each its length u32 and ids f64, then
 * autoLeave u8. One membership has one encoding, since ids ascend. */
export function writeConfState(writer: ByteWriter, confState: ConfState): void {
  writeNodeIds(writer, confState.voters);
  writeNodeIds(writer, confState.votersOutgoing);
  writeNodeIds(writer, confState.learners);
  writeNodeIds(writer, confState.learnersNext);
  writer.u8(confState.autoLeave ? 1 : 0);
}

/** Throws RangeError for bytes that `writeConfState` never makes. */
export function readConfState(reader: ByteReader): ConfState {
  const lists = {
    voters: readNodeIds(reader),
    votersOutgoing: readNodeIds(reader),
    learners: readNodeIds(reader),
    learnersNext: readNodeIds(reader),
  };
  const autoLeave = reader.u8();
  if (autoLeave > 1) throw new RangeError(`flag ${autoLeave}`);
  return { ...lists, autoLeave: autoLeave === 1 };
}

function writeNodeIds(writer: ByteWriter, ids: readonly NodeId[]): void {
  writer.u32(ids.length);
  for (const id of ids) writer.f64(id);
}

function readNodeIds(reader: ByteReader): NodeId[] {
  const count = reader.u32();
  if (count * NODE_ID_BYTES > reader.remaining) throw new RangeError(`${count} members are cut off`);
  const ids: NodeId[] = [];
  let before = 0;
  for (let i = 0; i < count; i++) {
    const id = reader.f64();
    if (!isCount(id) || id <= before) throw new RangeError(`member ${id} after ${before}`);
    before = id;
    ids.push(id as NodeId);
  }
  return ids;
}
