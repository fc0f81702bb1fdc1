import { CONTAINER_ROW, STRIPE_ROWS } from "../shared/container-layout.js";
import { REPLICA_FLAG, REPLICA_ROW } from "../shared/replica-layout.js";
import { IN_PLACE, placeOf, updateInPlace } from "./in-place.js";
import type { MergeCursor } from "./merge-cursor.js";
import { AS_HEAD_EVERYWHERE, VALUES } from "./row-values.js";

/* The merge-join: rows of a report against the sorted list of the node, both ascending.
 *
 *   rows   3   7   8        12              = : compare with the replica in row 3, 7, 12 of the stripe
 *   list   3   7        9   12              8 : new        9 : vanished
 *          =   =   +    −   =
 *
 * `mergeKnown` runs over what is in both, which is nearly everything, and stops at the first row that is not
 * or is no simple change; the caller deals with that one and goes on. */

const ROW_SHIFT = Math.log2(REPLICA_ROW.rowBytes / 4);
const CONTAINER_SHIFT = Math.log2(CONTAINER_ROW.rowBytes / 4);
const OFFSET_MASK = STRIPE_ROWS - 1;
/** Rows whose memory is asked for at once. The loads do not depend on one another, so the processor waits
 * for them together: one cold row after the other costs several times as much. */
const TOUCH_ROWS = 64;

/** Advances over rows that are listed and whose replica has the same values, or can be brought up to date in
 * its place; stops at the first other one, or behind the shorter of both columns. */
export function mergeKnown(cursor: MergeCursor): void {
  const { rowStep } = cursor;
  const count = Math.min((cursor.rowsEnd - cursor.row) / rowStep, cursor.listEnd - cursor.listAt);
  const end = cursor.row + count * rowStep;
  while (cursor.row < end) {
    if (cursor.row >= cursor.touchedEnd) touch(cursor);
    const blockEnd = Math.min(end, cursor.touchedEnd);
    advance(cursor, skipAsHead(cursor, blockEnd));
    if (cursor.row === blockEnd) continue;
    const offset = (cursor.rows[cursor.row] as number) - cursor.stripe.firstId;
    if (cursor.list[cursor.listAt] !== offset) return;
    const outcome = updateInPlace(cursor, cursor.stripe, offset);
    if (outcome === IN_PLACE.NOT) return;
    if (outcome === IN_PLACE.CHANGED) cursor.updatedCount++;
    // Such replicas come in company: the next rows' values will be wanted too.
    cursor.touchesValues = true;
    cursor.row += rowStep;
    cursor.listAt++;
  }
}

function advance(cursor: MergeCursor, row: number): void {
  cursor.listAt += (row - cursor.row) / cursor.rowStep;
  cursor.row = row;
}

/** Index of the first row before `end` that is not listed, or does not have the values of the row's head.
 * A loop without calls and stores, so that the compiler checks the columns once and not in each step.
 * Literal numbers are words of REPLICA_ROW and of report rows (`merge.test.ts` compares them); replica
 * rows begin at multiples of 16 words, so `|` adds, and needs no check for overflow. */
function skipAsHead(cursor: MergeCursor, end: number): number {
  const { rows, rowWords, rowStep, list, stripe } = cursor;
  const { words, numbers, firstId } = stripe;
  const nodes = (cursor.node + 1) | ((cursor.node + 1) << 16);
  let { row, listAt } = cursor;
  for (; row < end; row += rowStep, listAt++) {
    const offset = list[listAt] as number;
    if (rows[row] !== firstId + offset) break;
    const at = offset << 4;
    const place = placeOf((words[at | 10] as number) ^ nodes, (words[at | 11] as number) ^ nodes);
    if (place > 3) break;
    const rowWord = row << 1;
    if (words[(at | 12) + place] !== rowWords[(rowWord + 7) | 0]) break;
    if (words[at | 8] !== rowWords[(rowWord + 6) | 0]) break;
    const number = offset << 3;
    if (numbers[number | 1] !== rows[(row + 1) | 0] || numbers[number | 2] !== rows[(row + 2) | 0]) break;
    const flags = ((words[at | 9] as number) >>> (place << 3)) & 7;
    if (flags === 1) {
      if (
        rowStep === 5 &&
        ((rowWords[(rowWord + 8) | 0] as number) | (rowWords[(rowWord + 9) | 0] as number)) !== 0
      )
        break;
    } else {
      if (rowStep === 4 || flags !== 3) break;
      if (words[at | 6] !== rowWords[(rowWord + 8) | 0] || words[at | 7] !== rowWords[(rowWord + 9) | 0])
        break;
    }
  }
  return row;
}

/** Loads the next replica rows: those of the list where there is one, which is cheaper to read. An id behind
 * the stripe's end touches some row of it. Containers' rows are needed for the first replica only. */
export function touch(cursor: MergeCursor): void {
  const { rows, row, rowStep, stripe, list, listAt } = cursor;
  const { words, containers, firstId } = stripe;
  const end = Math.min(cursor.rowsEnd, row + TOUCH_ROWS * rowStep);
  let touched = 0;
  if (listAt < cursor.listEnd) {
    const listEnd = Math.min(cursor.listEnd, listAt + TOUCH_ROWS);
    for (let at = listAt; at < listEnd; at++) touched ^= words[(list[at] as number) << ROW_SHIFT] as number;
  }
  if (listAt === cursor.listEnd || cursor.touchesContainers) {
    for (let at = row; at < end; at += rowStep) {
      const offset = ((rows[at] as number) - firstId) & OFFSET_MASK;
      touched ^= words[offset << ROW_SHIFT] as number;
    }
  }
  if (cursor.touchesContainers) {
    for (let at = row; at < end; at += rowStep) {
      const offset = ((rows[at] as number) - firstId) & OFFSET_MASK;
      const isEmpty = ((words[(offset << ROW_SHIFT) | 1] as number) - 1) >> 31;
      touched ^= containers[(offset << CONTAINER_SHIFT) & isEmpty] as number;
    }
  }
  if (cursor.touchesValues) touched ^= touchValues(cursor, end);
  cursor.touchesValues = false;
  cursor.touched = touched;
  cursor.touchedEnd = end;
}

/** Loads the values of the rows before `end` that will want them, as their heads say now: where the node's
 * replica has values of its own, or moves the head away from others that have none. */
function touchValues(cursor: MergeCursor, end: number): number {
  const { rows, rowStep, stripe } = cursor;
  const { words, numbers, firstId } = stripe;
  const nodes = (cursor.node + 1) | ((cursor.node + 1) << 16);
  let touched = 0;
  for (let row = cursor.row; row < end; row += rowStep) {
    const offset = ((rows[row] as number) - firstId) & OFFSET_MASK;
    const at = offset << 4;
    const place = placeOf((words[at | 10] as number) ^ nodes, (words[at | 11] as number) ^ nodes) & 3;
    const own = REPLICA_FLAG.AS_HEAD << (place << 3);
    const asHead = (words[at | 9] as number) & AS_HEAD_EVERYWHERE;
    const number = offset << 3;
    const isAsHead = numbers[number | 1] === rows[row + 1] && numbers[number | 2] === rows[row + 2];
    // Equal when the replica alone is as the head: it has no values yet, and there is nobody to give any.
    if (!isAsHead && asHead !== own) touched ^= words[at | VALUES] as number;
  }
  return touched;
}
