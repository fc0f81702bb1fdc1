import { REPLICA_STATE } from "../../engine/core/enums.js";
import { StrataError } from "../../engine/core/errors.js";
import {
  ROW_BYTES,
  ROW_BYTES_WITH_CHECKSUM,
  ROW_EMPTY_FLAG,
  ROW_ID,
  ROW_ORIGIN,
  ROW_SEQUENCE_ID,
  ROW_STATE_MASK,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";
import { REPORT_CHUNK_BYTES_MAX } from "../../protocol/schema/messages.js";

/** Replica tables keep these numbers in 48 bits. */
const UINT48_END = 2 ** 48;
/** Data and parity of the widest EC configuration. */
const REPLICA_INDEX_MAX = 14;
/** Bits of the state byte that mean nothing yet. */
const STATE_BITS_FREE = 0xff & ~(ROW_STATE_MASK | ROW_EMPTY_FLAG);

/** Rows as they came, with what they must keep to. */
export interface RowsToCheck {
  readonly rows: Uint8Array;
  readonly rowBytes: number;
  readonly originCount: number;
  /** Ids must lie in this range, both ends included, and strictly ascend; undefined: any ids in any order. */
  readonly range: { readonly fromId: number; readonly toId: number } | undefined;
}

/** Looks at every row before the first one is used, so that a report with a bad row changes nothing,
 * whatever shards its rows go to. Main does it for all of them, over memory that the socket has just
 * written. Allocates nothing per row.
 * @returns what is wrong: REPORT_ROW_INVALID, REPORT_OUT_OF_ORDER or REPORT_RANGE, undefined when nothing
 * is */
export function checkRows(check: RowsToCheck): StrataError | undefined {
  const { rows, rowBytes } = check;
  if (rowBytes !== ROW_BYTES && rowBytes !== ROW_BYTES_WITH_CHECKSUM)
    return invalid(0, `rows of ${rowBytes} bytes`);
  if (rows.length % rowBytes !== 0) return invalid(Math.floor(rows.length / rowBytes), "cut off");
  if (rows.length > REPORT_CHUNK_BYTES_MAX) {
    return invalid(REPORT_CHUNK_BYTES_MAX / rowBytes, `${rows.length} bytes of rows`);
  }
  const row = firstBadRow(check);
  return row < 0 ? undefined : explain(check, row);
}

function firstBadRow({ rows, rowBytes, originCount, range }: RowsToCheck): number {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const isAscending = range !== undefined;
  const toId = range?.toId ?? Number.MAX_SAFE_INTEGER;
  // An id must exceed this: the end of what lies before the range, then the row before.
  let idBefore = Math.max(range?.fromId ?? 1, 1) - 1;
  for (let at = 0; at < rows.length; at += rowBytes) {
    const id = view.getFloat64(at + ROW_ID, true);
    const used = view.getFloat64(at + ROW_USED_BYTES, true);
    const sequence = view.getFloat64(at + ROW_SEQUENCE_ID, true);
    const identity = view.getInt32(at + ROW_ORIGIN, true);
    // Each condition says what is right, since NaN fails every one.
    const isSound =
      id > idBefore &&
      id <= toId &&
      Math.floor(id) === id &&
      used >= 0 &&
      used < UINT48_END &&
      Math.floor(used) === used &&
      sequence >= 0 &&
      sequence < UINT48_END &&
      Math.floor(sequence) === sequence &&
      isSoundIdentity(identity, originCount);
    if (!isSound) return at / rowBytes;
    if (isAscending) idBefore = id;
  }
  return -1;
}

/** origin ‖ state ‖ replica index */
function isSoundIdentity(identity: number, originCount: number): boolean {
  const stateByte = (identity >>> 16) & 0xff;
  const state = stateByte & ROW_STATE_MASK;
  return (
    (identity & 0xffff) < originCount &&
    state >= REPLICA_STATE.OPEN &&
    state <= REPLICA_STATE.DELETED &&
    (stateByte & STATE_BITS_FREE) === 0 &&
    identity >>> 24 <= REPLICA_INDEX_MAX
  );
}

function explain({ rows, rowBytes, originCount, range }: RowsToCheck, row: number): StrataError {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const at = row * rowBytes;
  const id = view.getFloat64(at + ROW_ID, true);
  const used = view.getFloat64(at + ROW_USED_BYTES, true);
  const sequence = view.getFloat64(at + ROW_SEQUENCE_ID, true);
  const identity = view.getInt32(at + ROW_ORIGIN, true);
  if (!Number.isSafeInteger(id) || id < 1) return invalid(row, `container id ${id}`);
  if (!isUint48(used)) return invalid(row, `used bytes ${used}`);
  if (!isUint48(sequence)) return invalid(row, `sequence id ${sequence}`);
  if (!isSoundIdentity(identity, originCount)) {
    const origin = `origin ${identity & 0xffff} of ${originCount}`;
    return invalid(
      row,
      `${origin}, state byte ${(identity >>> 16) & 0xff}, replica index ${identity >>> 24}`,
    );
  }
  const idBefore = row === 0 ? 0 : view.getFloat64(at - rowBytes + ROW_ID, true);
  if (id <= idBefore) return new StrataError("REPORT_OUT_OF_ORDER", { row });
  return new StrataError("REPORT_RANGE", {
    reason: `id ${id} is not within ${range?.fromId} … ${range?.toId}`,
  });
}

function invalid(row: number, reason: string): StrataError {
  return new StrataError("REPORT_ROW_INVALID", { row, reason });
}

function isUint48(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < UINT48_END;
}
