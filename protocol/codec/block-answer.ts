import type { BodyWriter } from "./body-writer.js";

/** Parts of an answer to allocateBlocks (`ALLOCATE_BLOCKS_RESPONSE`) by hand: as objects through the general
 * encoder each block costs 25 times as much. A test compares the two. */

/** Of BLOCK. */
const BLOCK_FIELD_COUNT = 3;

/** `localId` comes in two halves. */
export function writeBlock(
  writer: BodyWriter,
  containerId: number,
  localIdHigh: number,
  localIdLow: number,
  pipeline: number,
): void {
  writer.array(BLOCK_FIELD_COUNT);
  writer.number(containerId);
  writer.u64(localIdHigh, localIdLow);
  writer.number(pipeline);
}

/** Indexes of members. */
export function writeOrder(writer: BodyWriter, indexes: readonly number[]): void {
  writer.array(indexes.length);
  for (const index of indexes) writer.number(index);
}
