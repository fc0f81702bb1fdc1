import { REPLICA_STATE } from "../../engine/core/enums.js";
import { StrataError } from "../../engine/core/errors.js";
import {
  ROW_BYTES,
  ROW_BYTES_WITH_CHECKSUM,
  ROW_EMPTY_FLAG,
  ROW_ORIGIN,
  ROW_STATE_MASK,
} from "../../protocol/codec/report-rows.js";
import { REPORT_CHUNK_BYTES_MAX } from "../../protocol/schema/datanode-messages.js";
import { copyFromShared } from "../shared/shared-copy.js";

/** Replica tables keep these numbers in 48 bits. */
const UINT48_END = 2 ** 48;
/** Data and parity of the widest EC configuration. */
const REPLICA_INDEX_MAX = 14;
/** Bits of the state byte that mean nothing yet. */
const STATE_BITS_FREE = 0xff & ~(ROW_STATE_MASK | ROW_EMPTY_FLAG);
/** Places in a row: id, used bytes and sequence id are the numbers 0, 1, 2. */
const IDENTITY_WORD = ROW_ORIGIN / 4;
const ORIGIN_HALF = ROW_ORIGIN / 2;

/** Rows as they came, with what they must keep to. */
export interface RowsToCheck {
  readonly rows: Uint8Array;
  readonly rowBytes: number;
  /** Process-wide numbers of the report's dictionary. */
  readonly origins: Uint16Array;
  /** Ids must lie in this range, both ends included, and strictly ascend; undefined: any ids in any order. */
  readonly range: { readonly fromId: number; readonly toId: number } | undefined;
}

/** Looks at every row before the first one is used, so that a report with a bad row changes nothing,
 * whatever shards its rows go to. Works on a copy: frames lie at any address, and from unaligned memory
 * both reading numbers and copying to a ring cost five times as much as this copy. */
export class RowChecker {
  readonly #bytes = new Uint8Array(REPORT_CHUNK_BYTES_MAX);
  readonly #numbers = new Float64Array(this.#bytes.buffer);
  readonly #words = new Int32Array(this.#bytes.buffer);
  readonly #halves = new Uint16Array(this.#bytes.buffer);

  /** The rows with process-wide numbers in the place of the dictionary's indexes, valid until the next
   * call; or what is wrong with them: REPORT_ROW_INVALID, REPORT_OUT_OF_ORDER or REPORT_RANGE. Allocates
   * nothing per row. */
  check(check: RowsToCheck): Uint8Array | StrataError {
    const { rows, rowBytes } = check;
    if (rowBytes !== ROW_BYTES && rowBytes !== ROW_BYTES_WITH_CHECKSUM) {
      return invalid(0, `rows of ${rowBytes} bytes`);
    }
    if (rows.length % rowBytes !== 0) return invalid(Math.floor(rows.length / rowBytes), "cut off");
    const rowCount = rows.length / rowBytes;
    if (rows.length > REPORT_CHUNK_BYTES_MAX) return invalid(rowCount, `${rows.length} bytes of rows`);
    copyFromShared(this.#bytes, rows);
    const bad = firstBadRow(this.#numbers, this.#words, check);
    if (bad < rowCount) return this.#explain(check, bad);
    numberOrigins(this.#halves, rowCount, check);
    return this.#bytes.subarray(0, rows.length);
  }

  #explain({ rowBytes, origins, range }: RowsToCheck, row: number): StrataError {
    const at = (row * rowBytes) / 8;
    const id = this.#numbers[at] as number;
    const used = this.#numbers[at + 1] as number;
    const sequence = this.#numbers[at + 2] as number;
    const identity = this.#words[at * 2 + IDENTITY_WORD] as number;
    if (!Number.isSafeInteger(id) || id < 1) return invalid(row, `container id ${id}`);
    if (!isUint48(used)) return invalid(row, `used bytes ${used}`);
    if (!isUint48(sequence)) return invalid(row, `sequence id ${sequence}`);
    if (!isSoundIdentity(identity, origins.length)) {
      const origin = `origin ${identity & 0xffff} of ${origins.length}`;
      return invalid(
        row,
        `${origin}, state byte ${(identity >>> 16) & 0xff}, replica index ${identity >>> 24}`,
      );
    }
    const idBefore = row === 0 ? 0 : (this.#numbers[at - rowBytes / 8] as number);
    if (id <= idBefore) return new StrataError("REPORT_OUT_OF_ORDER", { row });
    return new StrataError("REPORT_RANGE", {
      reason: `id ${id} is not within ${range?.fromId} … ${range?.toId}`,
    });
  }
}

/** Index of the first row that is not sound; the number of rows when all are. */
function firstBadRow(numbers: Float64Array, words: Int32Array, check: RowsToCheck): number {
  const { rows, rowBytes, range } = check;
  const originCount = check.origins.length;
  const isAscending = range !== undefined;
  const toId = range?.toId ?? Number.MAX_SAFE_INTEGER;
  const step = rowBytes / 8;
  const end = rows.length / 8;
  // An id must exceed this: the end of what lies before the range, then the row before.
  let idBefore = Math.max(range?.fromId ?? 1, 1) - 1;
  let at = 0;
  for (; at < end; at += step) {
    const id = numbers[at] as number;
    const used = numbers[at + 1] as number;
    const sequence = numbers[at + 2] as number;
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
      isSoundIdentity(words[at * 2 + IDENTITY_WORD] as number, originCount);
    if (!isSound) break;
    if (isAscending) idBefore = id;
  }
  return at / step;
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

function numberOrigins(halves: Uint16Array, rowCount: number, { rowBytes, origins }: RowsToCheck): void {
  const step = rowBytes / 2;
  for (let row = 0, at = ORIGIN_HALF; row < rowCount; row++, at += step) {
    halves[at] = origins[halves[at] as number] as number;
  }
}

function invalid(row: number, reason: string): StrataError {
  return new StrataError("REPORT_ROW_INVALID", { row, reason });
}

function isUint48(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < UINT48_END;
}
