import {
  actionFor,
  REPLICA_ACTION,
  RULE_KIND,
  SEQUENCE_ORDER,
} from "../../engine/cluster/containers/replica-rules.js";
import { CONTAINER_STATE } from "../../engine/core/enums.js";
import { CONTAINER_STATE_SHIFT, REPLICA_FLAG } from "../shared/replica-layout.js";
import { beginWrite, endWrite } from "../shared/version-word.js";
import type { ContainerFacts } from "./container-facts.js";
import type { MergeCursor } from "./merge-cursor.js";
import { AS_HEAD_EVERYWHERE, sequenceOf, unfold, usedOf, VALUES, writeValues } from "./row-values.js";
import { isEmptyReplica, isUsable, replicaIndexOf, type Stripe, stateOf } from "./stripe.js";

/* The short way for what nearly every changed row is: other numbers of a replica that is known and settled,
 * as all others in its row are. Then the head is what the replicas say together, and it means nothing for the
 * container, before and after: see `settlesInPlace`. Everything else goes the long way (replica-keeper.ts);
 * both must end in the same row.
 *
 * Literal numbers are words of REPLICA_ROW and of report rows, as in merge.ts. */

const SETTLED_COUNTING_PLACE = REPLICA_FLAG.SETTLED | REPLICA_FLAG.COUNTS;
const SETTLED_COUNTING = SETTLED_COUNTING_PLACE * 0x01010101;
/** Added to where a row begins: keys of the first place. */
const KEYS = VALUES | 2;
/** Flags of the first 0 … 4 places. */
const PLACES = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1);

export const IN_PLACE = { NOT: 0, UNCHANGED: 1, CHANGED: 2 } as const;
export type InPlace = (typeof IN_PLACE)[keyof typeof IN_PLACE];

/** Place of the node among the four of a row, from the words of their slots with the node taken out: the
 * half that is 0; 8 when there is none. In arithmetic, since which place it is cannot be predicted, and a
 * wrong guess costs as much as all of this. */
export function placeOf(difference01: number, difference23: number): number {
  const is0 = ((difference01 & 0xffff) - 1) >>> 31;
  const is1 = ((difference01 >>> 16) - 1) >>> 31;
  const is2 = ((difference23 & 0xffff) - 1) >>> 31;
  const is3 = ((difference23 >>> 16) - 1) >>> 31;
  return is1 | (is2 << 1) | is3 | (is3 << 1) | (((is0 | is1 | is2 | is3) ^ 1) << 3);
}

/** Takes the present report row over into its place of the row, when that can be done the short way; NOT: the
 * caller has to go the long one, and nothing happened. */
export function updateInPlace(cursor: MergeCursor, stripe: Stripe, offset: number): InPlace {
  const { rows, rowWords, row, node } = cursor;
  const { words, numbers } = stripe;
  const at = offset << 4;
  const nodes = (node + 1) | ((node + 1) << 16);
  const place = placeOf((words[at | 10] as number) ^ nodes, (words[at | 11] as number) ^ nodes);
  if (place > 3) return IN_PLACE.NOT;
  const rowWord = row << 1;
  const identity = rowWords[(rowWord + 7) | 0] as number;
  if (words[(at | 12) + place] !== identity) return IN_PLACE.NOT;
  const flags = words[at | 9] as number;
  const placeFlags = flags >>> (place << 3);
  if ((placeFlags & REPLICA_FLAG.SETTLED) === 0) return IN_PLACE.NOT;
  if (!hasSameChecksum(cursor, words, at, placeFlags)) return IN_PLACE.NOT;
  const used = rows[(row + 1) | 0] as number;
  const sequence = rows[(row + 2) | 0] as number;
  const keys = (rowWords[(rowWord + 6) | 0] as number) >>> 0;

  const number = offset << 3;
  const usedHead = numbers[number | 1] as number;
  const sequenceHead = numbers[number | 2] as number;
  const keysHead = (words[at | 8] as number) >>> 0;
  const own = REPLICA_FLAG.AS_HEAD << (place << 3);
  const state = flags >>> CONTAINER_STATE_SHIFT;
  const shape = words[at | 1] as number;
  if (used === usedHead && keys === keysHead && sequence === sequenceHead) {
    // It has been another one: what it was does not matter, nor the line in which that stands.
    if ((flags & own) !== 0) return IN_PLACE.UNCHANGED;
    if (!settlesInPlace(state, identity, flags, shape)) return IN_PLACE.NOT;
    words[at | 9] = flags | own;
    return IN_PLACE.CHANGED;
  }
  const values = (at | VALUES) + (place << 2);
  let usedBefore = usedHead;
  let keysBefore = keysHead;
  if ((flags & own) === 0) {
    usedBefore = usedOf(words, values);
    keysBefore = (words[values | 2] as number) >>> 0;
    if (used === usedBefore && keys === keysBefore && sequence === sequenceOf(words, values)) {
      return IN_PLACE.UNCHANGED;
    }
  }
  if (!settlesInPlace(state, identity, flags, shape)) return IN_PLACE.NOT;
  const others = flags & AS_HEAD_EVERYWHERE & ~own;
  let usedNext = nextInHead(used, usedBefore, usedHead, state);
  let keysNext = nextInHead(keys, keysBefore, keysHead, state);
  if (others !== 0) {
    // Another one holds the head where it is.
    if (usedNext < 0) usedNext = usedHead;
    if (keysNext < 0) keysNext = keysHead;
  }
  const sequenceNext = nextSequence(sequence, sequenceHead, state);
  if (usedNext === usedHead && keysNext === keysHead && sequenceNext === sequenceHead) {
    words[at | 9] = flags & ~own;
    writeValues(words, values, used, sequence, keys);
    return IN_PLACE.CHANGED;
  }
  if (others !== 0) unfold(stripe, offset, others);
  if (usedNext < 0 || keysNext < 0 || sequenceNext !== sequenceHead) {
    writeValues(words, values, used, sequence, keys);
    headFromAll(stripe, offset, usedNext, keysNext, sequenceNext);
    return IN_PLACE.CHANGED;
  }
  writeHead(stripe, offset, usedNext, keysNext, sequenceHead);
  // Used bytes and keys that this replica alone has moved, no other one has.
  if (used === usedNext && keys === keysNext && sequence === sequenceHead) {
    words[at | 9] = (flags & ~AS_HEAD_EVERYWHERE) | own;
  } else {
    words[at | 9] = flags & ~AS_HEAD_EVERYWHERE;
    writeValues(words, values, used, sequence, keys);
  }
  return IN_PLACE.CHANGED;
}

/** The head where one replica does not tell it alone: from the values of all, none of which is as the head
 * any more; −1: what the replicas say together. Any of them may be as the new head: the one with the largest
 * number now, or another that the sequence id is raised to, as that of a replica that is not usable raises
 * nothing. */
function headFromAll(stripe: Stripe, offset: number, used: number, keys: number, sequence: number): void {
  const { words } = stripe;
  const at = offset << 4;
  const flags = (words[at | 9] as number) & ~AS_HEAD_EVERYWHERE;
  const state = flags >>> CONTAINER_STATE_SHIFT;
  const count = words[at | 1] as number;
  const usedNext = used < 0 ? combinedUsed(words, at, count, state) : used;
  const keysNext = keys < 0 ? combinedKeys(words, at, count, state) : keys;
  writeHead(stripe, offset, usedNext, keysNext, sequence);
  words[at | 9] = flags | asHeadFlags(stripe, offset, count);
}

/** As `updateInPlace` for a replica that is new, in the row's next free place. True when it was added. */
export function addInPlace(
  cursor: MergeCursor,
  stripe: Stripe,
  offset: number,
  facts: ContainerFacts,
): boolean {
  const { rows, rowWords, row, node } = cursor;
  const { words, numbers } = stripe;
  const at = offset << 4;
  const count = (words[at | 1] as number) >>> 0;
  const identity = rowWords[((row << 1) + 7) | 0] as number;
  if (count > 3 || !hasSameChecksum(cursor, words, at, 0)) return false;
  const sequence = rows[(row + 2) | 0] as number;
  const flags = words[at | 9] as number;
  let state = flags >>> CONTAINER_STATE_SHIFT;
  let sequenceHead = numbers[(offset << 3) | 2] as number;
  if (isKnownWithoutEc(words, at, count, state)) {
    if (!meansNothing(state, identity)) return false;
  } else {
    facts.read(stripe, offset);
    if (state === 0) {
      if (count > 0) return false;
      state = facts.state;
      sequenceHead = facts.sequenceId;
    }
    if (!facts.isCurrent(state, sequenceHead)) return false;
    if (!facts.isSettledCounting(identity, sequence, sequenceHead)) return false;
  }
  if (!settlesInPlace(state, identity, flags, count) || !hasUsable(words, at, count)) return false;
  const used = rows[(row + 1) | 0] as number;
  const keys = (rowWords[((row << 1) + 6) | 0] as number) >>> 0;

  const usedHead = count === 0 ? used : (numbers[(offset << 3) | 1] as number);
  const keysHead = count === 0 ? keys : (words[at | 8] as number) >>> 0;
  const usedNext = nextInHead(used, Number.NaN, usedHead, state);
  const keysNext = nextInHead(keys, Number.NaN, keysHead, state);
  const sequenceNext = nextSequence(sequence, sequenceHead, state);
  const isHeadSame =
    count !== 0 && usedNext === usedHead && keysNext === keysHead && sequenceNext === sequenceHead;
  if (!isHeadSame) {
    if ((flags & AS_HEAD_EVERYWHERE) !== 0) unfold(stripe, offset, flags);
    writeHead(stripe, offset, usedNext, keysNext, sequenceNext);
  }
  words[(at | 10) + (count >> 1)] =
    (words[(at | 10) + (count >> 1)] as number) | ((node + 1) << ((count & 1) << 4));
  words[(at | 12) + count] = identity;
  words[at | 1] = count + 1;
  const isAsHead = used === usedNext && keys === keysNext && sequence === sequenceNext;
  if (!isAsHead) writeValues(words, (at | VALUES) + (count << 2), used, sequence, keys);
  const placeFlags = SETTLED_COUNTING_PLACE | (isAsHead ? REPLICA_FLAG.AS_HEAD : 0);
  let others = isHeadSame ? flags : flags & ~AS_HEAD_EVERYWHERE;
  if (sequenceNext !== sequenceHead) others |= asHeadFlags(stripe, offset, count);
  words[at | 9] = others | (placeFlags << (count << 3)) | (state << CONTAINER_STATE_SHIFT);
  return true;
}

/** Whether the row itself tells that its container is known and not EC: a replica without an index is none of
 * an EC container. Then nothing else is needed of the container's row, another cold line. */
function isKnownWithoutEc(words: Int32Array, at: number, count: number, state: number): boolean {
  return state !== 0 && count > 0 && replicaIndexOf(words[at | 12] as number) === 0;
}

/** Whether a replica of a container that is not EC means nothing in one of the states of `settlesInPlace`:
 * there RATIS and STAND_ALONE are alike, and all numbers. */
function meansNothing(state: number, identity: number): boolean {
  const isEmpty = isEmptyReplica(identity);
  const action = actionFor(state, stateOf(identity), RULE_KIND.RATIS, SEQUENCE_ORDER.EQUAL, isEmpty);
  return action === REPLICA_ACTION.NONE;
}

/** Whether one of the row's replicas is usable, so that the head is the combination of all; also in an empty
 * row, where the new one will be. */
function hasUsable(words: Int32Array, at: number, count: number): boolean {
  if (count === 0) return true;
  for (let place = 0; place < count; place++) {
    if (isUsable(words[(at | 12) + place] as number)) return true;
  }
  return false;
}

/** Whether other numbers of a usable replica leave every replica of the row settled: all are, and count, so
 * that the head is their combination; and in these states of the container a replica means the same with any
 * numbers, nothing (a test looks at every such rule). */
function settlesInPlace(state: number, identity: number, flags: number, shape: number): boolean {
  if (state < CONTAINER_STATE.OPEN || state > CONTAINER_STATE.CLOSED || !isUsable(identity)) return false;
  return isAllSettledCounting(flags, shape);
}

/** Whether all replicas of a row without overflow are settled, and count. The shape is a signed word, which
 * the number of an overflow block above 2^23 makes negative. */
export function isAllSettledCounting(flags: number, shape: number): boolean {
  if (shape >>> 0 > 4) return false;
  const wanted = SETTLED_COUNTING & (PLACES[shape] as number);
  return (flags & wanted) === wanted;
}

/** What the head has when this replica's number was `before` and is `next`; −1: the others must be asked.
 * OPEN: the smallest of all, else the largest. */
function nextInHead(next: number, before: number, head: number, state: number): number {
  if (next === head) return head;
  if (next < head === (state === CONTAINER_STATE.OPEN)) return next;
  return before === head ? -1 : head;
}

/** Raised in OPEN, CLOSING and QUASI_CLOSED. */
function nextSequence(sequence: number, head: number, state: number): number {
  return sequence > head && state < CONTAINER_STATE.CLOSED ? sequence : head;
}

function hasSameChecksum(
  { rowWords, row, rowStep }: MergeCursor,
  words: Int32Array,
  at: number,
  placeFlags: number,
): boolean {
  const flags = placeFlags & (REPLICA_FLAG.CHECKSUM_SHARED | REPLICA_FLAG.CHECKSUM_OWN);
  if (rowStep === 4) return flags === 0;
  const low = rowWords[((row << 1) + 8) | 0] as number;
  const high = rowWords[((row << 1) + 9) | 0] as number;
  if (flags === 0) return (low | high) === 0;
  return flags === REPLICA_FLAG.CHECKSUM_SHARED && words[at | 6] === low && words[at | 7] === high;
}

function writeHead(
  { words, numbers }: Stripe,
  offset: number,
  used: number,
  keys: number,
  sequence: number,
): void {
  const at = offset << 4;
  beginWrite(words, at);
  numbers[(offset << 3) | 1] = used;
  numbers[(offset << 3) | 2] = sequence;
  words[at | 8] = keys;
  endWrite(words, at);
}

function combinedUsed(words: Int32Array, at: number, count: number, state: number): number {
  let combined = usedOf(words, at | VALUES);
  for (let place = 1; place < count; place++) {
    const used = usedOf(words, (at | VALUES) + (place << 2));
    if (used < combined === (state === CONTAINER_STATE.OPEN)) combined = used;
  }
  return combined;
}

function combinedKeys(words: Int32Array, at: number, count: number, state: number): number {
  let combined = (words[at | KEYS] as number) >>> 0;
  for (let place = 1; place < count; place++) {
    const keys = (words[(at | KEYS) + (place << 2)] as number) >>> 0;
    if (keys < combined === (state === CONTAINER_STATE.OPEN)) combined = keys;
  }
  return combined;
}

/** AS_HEAD for each of `count` settled places. */
function asHeadFlags({ words, numbers }: Stripe, offset: number, count: number): number {
  const at = offset << 4;
  const used = numbers[(offset << 3) | 1] as number;
  const sequence = numbers[(offset << 3) | 2] as number;
  let flags = 0;
  for (let place = 0; place < count; place++) {
    const values = (at | VALUES) + (place << 2);
    const isAsHead =
      words[values | 2] === words[at | 8] &&
      usedOf(words, values) === used &&
      sequenceOf(words, values) === sequence;
    if (isAsHead) flags |= REPLICA_FLAG.AS_HEAD << (place << 3);
  }
  return flags;
}
