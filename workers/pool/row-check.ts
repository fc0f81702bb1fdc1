import { REPLICA_STATE } from "../../engine/core/enums.js";
import { StrataError } from "../../engine/core/errors.js";
import {
  ROW_BYTES,
  ROW_BYTES_WITH_CHECKSUM,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_REPLICA_INDEX,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_STATE_MASK,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";

/** Replica tables keep these numbers in 48 bits. */
const UINT48_END = 2 ** 48;
const ID_MAX = Number.MAX_SAFE_INTEGER;
/** Data and parity of the widest EC configuration. */
const REPLICA_INDEX_MAX = 14;
const FLAG_MASK = 0x70;

/** Rows as they came, with what they must keep to. */
export interface RowsToCheck {
  readonly rows: Uint8Array;
  readonly rowBytes: number;
  readonly originCount: number;
  /** Ids must lie in this range, both ends included, and strictly ascend; undefined: any ids in any order. */
  readonly range: { readonly fromId: number; readonly toId: number } | undefined;
}

/** Looks at every row before the first one is used, so that a report with a bad row changes nothing. Allocates nothing
 * per row. Answers what is wrong, undefined when nothing is. */
export function checkRows({ rows, rowBytes, originCount, range }: RowsToCheck): StrataError | undefined {
  if (rowBytes !== ROW_BYTES && rowBytes !== ROW_BYTES_WITH_CHECKSUM) {
    return new StrataError("REPORT_ROW_INVALID", { row: 0, reason: `rows of ${rowBytes} bytes` });
  }
  if (rows.length % rowBytes !== 0) {
    const row = Math.floor(rows.length / rowBytes);
    return new StrataError("REPORT_ROW_INVALID", { row, reason: "cut off" });
  }
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const bad =
    range === undefined
      ? firstBadRow(view, rowBytes, originCount)
      : firstBadRowInOrder(view, rowBytes, originCount, range.fromId, range.toId);
  return bad < 0 ? undefined : explain(view, rowBytes, originCount, range, bad);
}

function firstBadRowInOrder(
  view: DataView,
  rowBytes: number,
  originCount: number,
  fromId: number,
  toId: number,
): number {
  let previous = fromId - 1;
  for (let at = 0; at < view.byteLength; at += rowBytes) {
    const id = view.getFloat64(at + ROW_ID, true);
    // NaN fails each comparison.
    if (!(id > previous && id <= toId) || !isSoundRow(view, at, id, originCount)) return at / rowBytes;
    previous = id;
  }
  return -1;
}

function firstBadRow(view: DataView, rowBytes: number, originCount: number): number {
  for (let at = 0; at < view.byteLength; at += rowBytes) {
    if (!isSoundRow(view, at, view.getFloat64(at + ROW_ID, true), originCount)) return at / rowBytes;
  }
  return -1;
}

function isSoundRow(view: DataView, at: number, id: number, originCount: number): boolean {
  const used = view.getFloat64(at + ROW_USED_BYTES, true);
  const sequence = view.getFloat64(at + ROW_SEQUENCE_ID, true);
  const state = view.getUint8(at + ROW_STATE);
  return (
    id >= 1 &&
    id <= ID_MAX &&
    Math.floor(id) === id &&
    used >= 0 &&
    used < UINT48_END &&
    Math.floor(used) === used &&
    sequence >= 0 &&
    sequence < UINT48_END &&
    Math.floor(sequence) === sequence &&
    view.getUint16(at + ROW_ORIGIN, true) < originCount &&
    (state & FLAG_MASK) === 0 &&
    (state & ROW_STATE_MASK) >= REPLICA_STATE.OPEN &&
    (state & ROW_STATE_MASK) <= REPLICA_STATE.DELETED &&
    view.getUint8(at + ROW_REPLICA_INDEX) <= REPLICA_INDEX_MAX
  );
}

function explain(
  view: DataView,
  rowBytes: number,
  originCount: number,
  range: RowsToCheck["range"],
  row: number,
): StrataError {
  const at = row * rowBytes;
  const id = view.getFloat64(at + ROW_ID, true);
  if (!isSoundRow(view, at, id, originCount)) {
    return new StrataError("REPORT_ROW_INVALID", { row, reason: describe(view, at, originCount) });
  }
  const previous = row === 0 ? 0 : view.getFloat64(at - rowBytes + ROW_ID, true);
  if (id <= previous) return new StrataError("REPORT_OUT_OF_ORDER", { row });
  const reason = `id ${id} is not within ${range?.fromId} … ${range?.toId}`;
  return new StrataError("REPORT_RANGE", { reason });
}

function describe(view: DataView, at: number, originCount: number): string {
  const values = [
    `id ${view.getFloat64(at + ROW_ID, true)}`,
    `used ${view.getFloat64(at + ROW_USED_BYTES, true)}`,
    `sequence ${view.getFloat64(at + ROW_SEQUENCE_ID, true)}`,
    `keys ${view.getUint32(at + ROW_KEY_COUNT, true)}`,
    `origin ${view.getUint16(at + ROW_ORIGIN, true)} of ${originCount}`,
    `state ${view.getUint8(at + ROW_STATE)}`,
    `replica index ${view.getUint8(at + ROW_REPLICA_INDEX)}`,
  ];
  return values.join(", ");
}
