import { CONTAINER_ROW, STRIPE_ROWS } from "../shared/container-layout.js";
import { REPLICA_ROW } from "../shared/replica-layout.js";
import type { Stripe } from "./stripe.js";

/* The merge-join: rows of a report against the sorted list of the node, both ascending.
 *
 *   rows   3   7   8        12                      = : compare with the replica in row 3, 7, 12 of the stripe
 *   list   3   7        9   12                      8 : new        9 : vanished
 *          =   =   +    −   =
 *
 * `skipUnchanged` runs over what is equal, which is nearly everything, and stops at the first row that is not; the
 * caller deals with that one and goes on. */

/** Columns and cursors of a merge; one object, used again for every record. */
export interface MergeCursor {
  /** Report rows as numbers of 64 and of 32 bits. */
  rows: Float64Array;
  rowWords: Int32Array;
  /** Index in `rows` of the present row and behind the last one; `rowStep` apart (4, or 5 with checksums). */
  row: number;
  rowsEnd: number;
  rowStep: number;
  node: number;
  stripe: Stripe;
  /** Ids below this number belong to the merge. */
  endId: number;
  /** The node's list: index of the present entry and behind the last one of the range. */
  list: Uint16Array;
  listAt: number;
  listEnd: number;
  /** Rows before this index have been touched. */
  touchedEnd: number;
  /** Whether to touch the containers' rows too: new replicas need them. */
  touchesContainers: boolean;
  /** Keeps the touching loads alive. */
  touched: number;
}

export function emptyMergeCursor(stripe: Stripe): MergeCursor {
  return {
    rows: new Float64Array(0),
    rowWords: new Int32Array(0),
    row: 0,
    rowsEnd: 0,
    rowStep: 4,
    node: 0,
    stripe,
    endId: 0,
    list: new Uint16Array(0),
    listAt: 0,
    listEnd: 0,
    touchedEnd: 0,
    touchesContainers: false,
    touched: 0,
  };
}

const ROW_SHIFT = Math.log2(REPLICA_ROW.rowBytes / 4);
const CONTAINER_SHIFT = Math.log2(CONTAINER_ROW.rowBytes / 4);
const OFFSET_MASK = STRIPE_ROWS - 1;
/** Rows whose memory is asked for at once. The loads do not depend on one another, so the processor waits for them
 * together: one cold row after the other costs several times as much. */
const TOUCH_ROWS = 16;

/** Advances over rows that are listed and whose replica has the same values; stops at the first other one, or at
 * `endId`. A replica in overflow, one of an unknown container, and one with a checksum of its own are left to the
 * caller. Literal numbers are words of REPLICA_ROW and of report rows; `merge.test.ts` compares them. */
export function skipUnchanged(cursor: MergeCursor): void {
  const { rows, rowWords, rowsEnd, rowStep, node, endId, list, listEnd } = cursor;
  const { words, numbers, firstId } = cursor.stripe;
  const nodes = (node + 1) | ((node + 1) << 16);
  let { row, listAt } = cursor;
  while (row < rowsEnd) {
    if (row >= cursor.touchedEnd) touch(cursor, row);
    const touchedEnd = cursor.touchedEnd;
    for (; row < touchedEnd; row += rowStep, listAt++) {
      const id = rows[row] as number;
      const offset = (id - firstId) | 0;
      if (id >= endId || listAt >= listEnd || list[listAt] !== offset) break;
      const at = offset << 5;
      const place = placeOf((words[at + 10] as number) ^ nodes, (words[at + 11] as number) ^ nodes);
      const flags = (words[at + 9] as number) >>> (place << 3);
      const rowWord = row << 1;
      const keys = rowWords[rowWord + 6] as number;
      if (place > 3 || words[at + 12 + place] !== rowWords[rowWord + 7]) break;
      if ((flags & 1) !== 0) {
        const number = offset << 4;
        if (words[at + 8] !== keys || numbers[number + 1] !== rows[row + 1]) break;
        if (numbers[number + 2] !== rows[row + 2]) break;
      } else {
        if (((words[at + 1] as number) & 0x100) === 0 || words[at + 18 + (place << 2)] !== keys) break;
        if (!hasNumbers(words, at + 16 + (place << 2), rows, row)) break;
      }
      const low = rowStep === 5 ? (rowWords[rowWord + 8] as number) : 0;
      const high = rowStep === 5 ? (rowWords[rowWord + 9] as number) : 0;
      if ((flags & 2) !== 0) {
        if (words[at + 6] !== low || words[at + 7] !== high) break;
      } else if ((flags & 4) !== 0 || (low | high) !== 0) break;
    }
    if (row < touchedEnd) break;
  }
  cursor.row = row;
  cursor.listAt = listAt;
}

/** Place of the node among the four of a row, from the words of their slots with the node taken out: the half that is
 * 0; 8 when there is none. In arithmetic, since which place it is cannot be predicted, and a wrong guess costs as much
 * as all of this. */
function placeOf(difference01: number, difference23: number): number {
  const is0 = ((difference01 & 0xffff) - 1) >>> 31;
  const is1 = ((difference01 >>> 16) - 1) >>> 31;
  const is2 = ((difference23 & 0xffff) - 1) >>> 31;
  const is3 = ((difference23 >>> 16) - 1) >>> 31;
  return is1 | (is2 << 1) | is3 | (is3 << 1) | (((is0 | is1 | is2 | is3) ^ 1) << 3);
}

/** Whether used bytes and sequence id of a report row are those of the REPLICA_VALUES at `at`. */
function hasNumbers(words: Int32Array, at: number, rows: Float64Array, row: number): boolean {
  const used = rows[row + 1] as number;
  const sequence = rows[row + 2] as number;
  const highs = (used / 2 ** 32) | ((sequence / 2 ** 32) << 16);
  return words[at] === (used | 0) && words[at + 1] === (sequence | 0) && words[at + 3] === highs;
}

/** Loads the next replica rows. An id behind the stripe's end touches some row of it. */
function touch(cursor: MergeCursor, row: number): void {
  const { rows, rowStep, stripe } = cursor;
  const { words, containers, firstId } = stripe;
  const end = Math.min(cursor.rowsEnd, row + TOUCH_ROWS * rowStep);
  let touched = 0;
  for (let at = row; at < end; at += rowStep) {
    touched += words[(((rows[at] as number) - firstId) & OFFSET_MASK) << ROW_SHIFT] as number;
  }
  if (cursor.touchesContainers) {
    for (let at = row; at < end; at += rowStep) {
      touched += containers[(((rows[at] as number) - firstId) & OFFSET_MASK) << CONTAINER_SHIFT] as number;
    }
  }
  cursor.touched = touched | 0;
  cursor.touchedEnd = end;
}
