import { assert } from "../../engine/core/assert.js";
import type { ReplicaState } from "../../engine/core/enums.js";
import { nameOf, REPLICA_STATE } from "../../engine/core/enums.js";
import { StrataError } from "../../engine/core/errors.js";
import { isCount, UINT64_MAX } from "../../engine/core/ids.js";
import type { Uuid } from "../../engine/core/uuid.js";

/** The rows of full and incremental reports: fixed width, little-endian, 8-aligned, so that a shard reads
 * them where they lie (stack-limits: fixed rows are 30 times cheaper than msgpack arrays). */
export const ROW_BYTES = 32;
export const ROW_BYTES_WITH_CHECKSUM = 40;
export type RowBytes = typeof ROW_BYTES | typeof ROW_BYTES_WITH_CHECKSUM;

/** Container id, f64. */
export const ROW_ID = 0;
/** Used bytes, f64. */
export const ROW_USED_BYTES = 8;
/** Block commit sequence id, f64. */
export const ROW_SEQUENCE_ID = 16;
/** Keys, u32. */
export const ROW_KEY_COUNT = 24;
/** Index into the report's dictionary of origins, u16. */
export const ROW_ORIGIN = 28;
/** Replica state in bits 0–3, empty flag in bit 7, u8. */
export const ROW_STATE = 30;
/** 1 … n for EC, else 0, u8. */
export const ROW_REPLICA_INDEX = 31;
/** Data checksum, u64, 0 = unknown; only in rows of 40 bytes. */
export const ROW_CHECKSUM = 32;

export const ROW_STATE_MASK = 0x0f;
export const ROW_EMPTY_FLAG = 0x80;

/** Entries of an origin dictionary: its index is a u16, and 65,535 stays free for "none" on the reader's
 * side. */
export const ROW_ORIGIN_COUNT_MAX = 65_535;

const KEY_COUNT_MAX = 0xffff_ffff;

/** One replica as a datanode reports it. */
export interface ReportRow {
  /** 1 … 2^53 − 1. */
  readonly containerId: number;
  readonly usedBytes: number;
  readonly sequenceId: number;
  /** 0 … 2^32 − 1. */
  readonly keyCount: number;
  readonly originNodeId: Uuid;
  readonly state: ReplicaState;
  readonly isEmpty: boolean;
  /** 1 … n for EC, else 0. */
  readonly replicaIndex: number;
  /** 0 or absent = unknown. */
  readonly dataChecksum?: bigint;
}

/** `ascending` for full reports: ids strictly ascend. `free` for incremental ones, where the same id may come
 * twice. */
export type RowOrder = "ascending" | "free";

/** Builds report rows in one growing buffer and collects the dictionary of origins beside it. Adding a row
 * allocates nothing once the buffer has its size and the origin is known. */
export class ReportRowWriter {
  readonly rowBytes: RowBytes;
  readonly #order: RowOrder;
  #bytes: Uint8Array;
  #view: DataView;
  #rowCount = 0;
  #lastId = 0;
  readonly #origins: Uuid[] = [];
  readonly #originIndex = new Map<Uuid, number>();

  constructor(rowBytes: RowBytes, order: RowOrder, initialRowCount = 64) {
    this.rowBytes = rowBytes;
    this.#order = order;
    this.#bytes = new Uint8Array(rowBytes * initialRowCount);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get byteLength(): number {
    return this.#rowCount * this.rowBytes;
  }

  /** Dictionary in order of first use. */
  get origins(): readonly Uuid[] {
    return this.#origins;
  }

  /** Id of the last row, 0 = none. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Adds a row.
   * @throws StrataError REPORT_OUT_OF_ORDER when the order is broken, REPORT_ROW_INVALID when a value is out
   * of range */
  add(row: ReportRow): void {
    const { containerId } = row;
    this.#check(row);
    if (this.#order === "ascending" && containerId <= this.#lastId) {
      throw new StrataError("REPORT_OUT_OF_ORDER", { row: this.#rowCount });
    }
    const origin = this.#originOf(row.originNodeId);
    const at = this.#rowCount * this.rowBytes;
    if (at + this.rowBytes > this.#bytes.length) this.#grow();
    const view = this.#view;
    view.setFloat64(at + ROW_ID, containerId, true);
    view.setFloat64(at + ROW_USED_BYTES, row.usedBytes, true);
    view.setFloat64(at + ROW_SEQUENCE_ID, row.sequenceId, true);
    view.setUint32(at + ROW_KEY_COUNT, row.keyCount, true);
    view.setUint16(at + ROW_ORIGIN, origin, true);
    view.setUint8(at + ROW_STATE, REPLICA_STATE[row.state] | (row.isEmpty ? ROW_EMPTY_FLAG : 0));
    view.setUint8(at + ROW_REPLICA_INDEX, row.replicaIndex);
    if (this.rowBytes === ROW_BYTES_WITH_CHECKSUM) {
      view.setBigUint64(at + ROW_CHECKSUM, row.dataChecksum ?? 0n, true);
    }
    this.#rowCount++;
    this.#lastId = containerId;
  }

  /** View of the rows; valid until the next `add` or `clear`. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.byteLength);
  }

  /** Copy of the rows. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.byteLength);
  }

  /** Starts over with no rows and an empty dictionary; keeps the buffer. */
  clear(): void {
    this.#rowCount = 0;
    this.#lastId = 0;
    this.#origins.length = 0;
    this.#originIndex.clear();
  }

  #check(row: ReportRow): void {
    if (!isCount(row.containerId) || row.containerId === 0) throw this.#invalid("container id");
    if (!isCount(row.usedBytes)) throw this.#invalid("used bytes");
    if (!isCount(row.sequenceId)) throw this.#invalid("sequence id");
    if (!isCount(row.keyCount) || row.keyCount > KEY_COUNT_MAX) throw this.#invalid("key count");
    if (!isCount(row.replicaIndex) || row.replicaIndex > 255) throw this.#invalid("replica index");
    const checksum = row.dataChecksum ?? 0n;
    if (checksum < 0n || checksum > UINT64_MAX) throw this.#invalid("data checksum");
  }

  #originOf(uuid: Uuid): number {
    const known = this.#originIndex.get(uuid);
    if (known !== undefined) return known;
    const index = this.#origins.length;
    if (index >= ROW_ORIGIN_COUNT_MAX) throw this.#invalid("too many origins");
    this.#origins.push(uuid);
    this.#originIndex.set(uuid, index);
    return index;
  }

  #grow(): void {
    const grown = new Uint8Array(Math.max(this.rowBytes, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  #invalid(reason: string): StrataError {
    return new StrataError("REPORT_ROW_INVALID", { row: this.#rowCount, reason });
  }
}

/** Reads rows into objects, for tests and tools; the shards read them in place.
 * @throws StrataError REPORT_ROW_INVALID when the bytes do not divide into rows, or a state or origin is
 * unknown */
export function* readReportRows(
  rows: Uint8Array,
  rowBytes: number,
  origins: readonly Uuid[],
): Generator<Required<ReportRow>, void> {
  assert(rowBytes === ROW_BYTES || rowBytes === ROW_BYTES_WITH_CHECKSUM, `no such row size: ${rowBytes}`);
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  if (rows.length % rowBytes !== 0) throw rowInvalid(Math.floor(rows.length / rowBytes), "cut off");
  for (let row = 0; row * rowBytes < rows.length; row++) {
    const at = row * rowBytes;
    const stateByte = view.getUint8(at + ROW_STATE);
    const state = nameOf(REPLICA_STATE, stateByte & ROW_STATE_MASK);
    if (state === undefined) throw rowInvalid(row, `state ${stateByte & ROW_STATE_MASK}`);
    const originNodeId = origins[view.getUint16(at + ROW_ORIGIN, true)];
    if (originNodeId === undefined) throw rowInvalid(row, "origin is not in the dictionary");
    yield {
      containerId: view.getFloat64(at + ROW_ID, true),
      usedBytes: view.getFloat64(at + ROW_USED_BYTES, true),
      sequenceId: view.getFloat64(at + ROW_SEQUENCE_ID, true),
      keyCount: view.getUint32(at + ROW_KEY_COUNT, true),
      originNodeId,
      state,
      isEmpty: (stateByte & ROW_EMPTY_FLAG) !== 0,
      replicaIndex: view.getUint8(at + ROW_REPLICA_INDEX),
      dataChecksum: rowBytes === ROW_BYTES ? 0n : view.getBigUint64(at + ROW_CHECKSUM, true),
    };
  }
}

function rowInvalid(row: number, reason: string): StrataError {
  return new StrataError("REPORT_ROW_INVALID", { row, reason });
}
