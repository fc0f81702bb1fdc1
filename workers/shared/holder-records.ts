import type { ChannelReceiver, ChannelSender } from "../../engine/core/shared-channel.js";
import { SHARD_RECORD } from "./shard-records.js";

/* Who holds the containers of a batch, a question for each shard with some of them:
 *
 *   QUERY_HOLDERS   ticket f64 │ idCount u32 │ 0 u32 │ ids f64 …
 *   HOLDERS         ticket f64 │ wordCount u32 │ 0 u32 │ words u32 …
 *
 * For each container, in the order of the ids, a word says how many holders it has, and a word for each
 * follows: the slot of its datanode, and above INDEX_SHIFT its replica index. A container's words are never
 * parted; those of a batch may come in several records. */
const HEADER_BYTES = 16;
const INDEX_SHIFT = 16;
/** Words of one answer: 16 KB. */
export const HOLDER_WORDS_MAX = 4096;
export const HOLDERS_BYTES_MAX = HEADER_BYTES + HOLDER_WORDS_MAX * 4;

export function holderWord(node: number, replicaIndex: number): number {
  return node | (replicaIndex << INDEX_SHIFT);
}

export function nodeOfHolder(word: number): number {
  return word & 0xffff;
}

export function indexOfHolder(word: number): number {
  return word >>> INDEX_SHIFT;
}

/** Asks about the ids at these positions. False without room. */
export function sendHolderQuery(
  sender: ChannelSender,
  ticket: number,
  ids: readonly number[],
  positions: readonly number[],
): boolean {
  const offset = sender.reserve(SHARD_RECORD.QUERY_HOLDERS, HEADER_BYTES + positions.length * 8);
  if (offset < 0) return false;
  const { view } = sender;
  view.setFloat64(offset, ticket, true);
  view.setUint32(offset + 8, positions.length, true);
  view.setUint32(offset + 12, 0, true);
  for (let i = 0; i < positions.length; i++) {
    view.setFloat64(offset + HEADER_BYTES + i * 8, ids[positions[i] as number] as number, true);
  }
  sender.commit();
  return true;
}

export interface HolderQuery {
  readonly ticket: number;
  readonly ids: readonly number[];
}

export function readHolderQuery({ view }: Pick<ChannelReceiver, "view">, offset: number): HolderQuery {
  const ids = new Array<number>(view.getUint32(offset + 8, true));
  for (let i = 0; i < ids.length; i++) ids[i] = view.getFloat64(offset + HEADER_BYTES + i * 8, true);
  return { ticket: view.getFloat64(offset, true), ids };
}

/** Sends the first `wordCount` of `words`. False without room. */
export function sendHolders(
  sender: ChannelSender,
  ticket: number,
  words: Uint32Array,
  wordCount: number,
): boolean {
  const offset = sender.reserve(SHARD_RECORD.HOLDERS, HEADER_BYTES + wordCount * 4);
  if (offset < 0) return false;
  const { view } = sender;
  view.setFloat64(offset, ticket, true);
  view.setUint32(offset + 8, wordCount, true);
  view.setUint32(offset + 12, 0, true);
  for (let i = 0; i < wordCount; i++) {
    view.setUint32(offset + HEADER_BYTES + i * 4, words[i] as number, true);
  }
  sender.commit();
  return true;
}

export function readHoldersTicket({ view }: Pick<ChannelReceiver, "view">, offset: number): number {
  return view.getFloat64(offset, true);
}

/** Copies the words into `into`, which has HOLDER_WORDS_MAX; returns how many there are. */
export function readHolders(
  { view }: Pick<ChannelReceiver, "view">,
  offset: number,
  into: Uint32Array,
): number {
  const wordCount = view.getUint32(offset + 8, true);
  for (let i = 0; i < wordCount; i++) into[i] = view.getUint32(offset + HEADER_BYTES + i * 4, true);
  return wordCount;
}
