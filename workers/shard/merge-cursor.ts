import { REPLICA_STATE } from "../../engine/core/enums.js";
import {
  ROW_BYTES_WITH_CHECKSUM,
  ROW_CHECKSUM,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
} from "../../protocol/codec/report-rows.js";
import type { ReplicaWords } from "./replica-table.js";
import { type Stripe, stateOf } from "./stripe.js";

/** Words of a report row. */
const ROW_KEY_COUNT_WORD = ROW_KEY_COUNT / 4;
const ROW_IDENTITY_WORD = ROW_ORIGIN / 4;
const ROW_CHECKSUM_WORD = ROW_CHECKSUM / 4;
const ROW_STEP_WITH_CHECKSUM = ROW_BYTES_WITH_CHECKSUM / 8;

/** Columns and cursors of a merge; one object, used again for every record. */
export interface MergeCursor {
  /** Report rows as numbers of 64 and of 32 bits. */
  rows: Float64Array;
  rowWords: Int32Array;
  /** Index in `rows` of the present row, behind the last one of the record, and behind the last one of the
   * merge; `rowStep` apart (4, or 5 with checksums). */
  row: number;
  recordEnd: number;
  rowsEnd: number;
  rowStep: number;
  node: number;
  stripe: Stripe;
  /** The node's list: index of the present entry and behind the last one of the range. */
  list: Uint16Array;
  listAt: number;
  listEnd: number;
  /** Rows before this index have been touched. */
  touchedEnd: number;
  /** Whether to touch values next time: since then, a replica was changed, or had other numbers than the
   * head. */
  touchesValues: boolean;
  /** Whether to touch the containers' rows too: new replicas need them. */
  touchesContainers: boolean;
  /** Replicas whose values changed, in this record. */
  updatedCount: number;
  /** Keeps the touching loads alive. */
  touched: number;
}

export function emptyMergeCursor(stripe: Stripe): MergeCursor {
  return {
    rows: new Float64Array(0),
    rowWords: new Int32Array(0),
    row: 0,
    recordEnd: 0,
    rowsEnd: 0,
    rowStep: 4,
    node: 0,
    stripe,
    list: new Uint16Array(0),
    listAt: 0,
    listEnd: 0,
    touchedEnd: 0,
    touchesValues: false,
    touchesContainers: false,
    updatedCount: 0,
    touched: 0,
  };
}

/** Index of the first row of the record with an id ≥ `id`, from the present one on: steps that double,
 * then halves, since stripes with many rows and with a few both occur. */
export function rowFrom(cursor: MergeCursor, id: number): number {
  const { rows, row, rowStep, recordEnd } = cursor;
  let low = 0;
  let step = 1;
  const count = (recordEnd - row) / rowStep;
  while (low + step <= count && (rows[row + (low + step - 1) * rowStep] as number) < id) {
    low += step;
    step *= 2;
  }
  let high = Math.min(count, low + step - 1);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[row + middle * rowStep] as number) < id) low = middle + 1;
    else high = middle;
  }
  return row + low * rowStep;
}

/** Whether the present row says that the node deleted its replica. */
export function isDeletedRow({ rowWords, row }: MergeCursor): boolean {
  return stateOf(rowWords[row * 2 + ROW_IDENTITY_WORD] as number) === REPLICA_STATE.DELETED;
}

/** The present row in the form of an entry. */
export function readRow(cursor: MergeCursor, into: ReplicaWords): void {
  const { rows, rowWords, row, rowStep } = cursor;
  const word = row * 2;
  const hasChecksum = rowStep === ROW_STEP_WITH_CHECKSUM;
  into.node = cursor.node;
  into.usedBytes = rows[row + 1] as number;
  into.sequenceId = rows[row + 2] as number;
  into.keyCount = rowWords[word + ROW_KEY_COUNT_WORD] as number;
  into.identity = rowWords[word + ROW_IDENTITY_WORD] as number;
  into.checksumLow = hasChecksum ? (rowWords[word + ROW_CHECKSUM_WORD] as number) : 0;
  into.checksumHigh = hasChecksum ? (rowWords[word + ROW_CHECKSUM_WORD + 1] as number) : 0;
}
