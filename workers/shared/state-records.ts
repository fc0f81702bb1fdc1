import { assert } from "../../engine/core/assert.js";
import type { StrataError } from "../../engine/core/errors.js";
import { type LogIndex, logIndex } from "../../engine/core/ids.js";
import type { ChannelSender } from "../../engine/core/shared-channel.js";
import { decodeError, encodeError } from "./error-json.js";

/** Records between main and the state thread.
 *
 *   main ─► PUT, DELETE and DELETE_BELOW of one flush, then COMMIT ─► state thread
 *   main ◄─ FLUSHED for each COMMIT                                ◄─ state thread
 *   main ─► SCAN                                                   ─► state thread
 *   main ◄─ ROW for each row of the page, then SCANNED or UNREAD   ◄─ state thread
 *
 * Nothing of a flush is visible before its COMMIT: all of it becomes one atomic batch. A SCAN sees exactly
 * the flushes whose COMMIT was sent before it, also between two rows of a later one. */
export const STATE_RECORD = {
  PUT: 1,
  DELETE: 2,
  COMMIT: 3,
  FLUSHED: 4,
  DELETE_BELOW: 5,
  SCAN: 6,
  ROW: 7,
  SCANNED: 8,
  UNREAD: 9,
} as const;

/** PUT, DELETE, DELETE_BELOW, ROW: valueBytes u32, keyBytes u16 (with the table), table u8, then padding so
 * that the key ends where the value starts 8-aligned, and room for a checksum behind the value:
 *
 *   0            4          6      7 … keyEnd − keyBytes       keyEnd (8-aligned)
 *   │ valueBytes │ keyBytes │ pad  │ table u8 ‖ key            │ value │ 4 bytes for the state thread │ */
const ROW_HEADER_BYTES = 6;
/** The state thread puts the row's checksum here, in place, so that no row is copied for it. */
export const STATE_ROW_CHECKSUM_BYTES = 4;
/** COMMIT: appliedIndex f64, flags u32, padding u32. */
const COMMIT_BYTES = 16;
const COMMIT_DURABLE = 1;
/** SCAN: rowCountMax u32, bytesMax u32, bytes u16 of the first key, bytes u16 of the key after the last, then
 * both keys, with the table. */
const SCAN_HEADER_BYTES = 12;
/** SCANNED: flags u32, padding u32. */
const SCANNED_BYTES = 8;
const SCAN_COMPLETE = 1;
/** UNREAD: bytes u32 of the error (error-json.ts), then it. */
const UNREAD_HEADER_BYTES = 4;
/** FLUSHED: appliedIndex f64, bytes f64, flags u32, rowCount u32, writeUs f64. */
const FLUSHED_BYTES = 32;

/** Answer to one COMMIT. */
export interface StateFlushed {
  appliedIndex: LogIndex;
  /** Bytes of keys and values. */
  bytes: number;
  rowCount: number;
  /** True when this flush and all before it survive a loss of power: the log may be truncated up to
   * `appliedIndex`. */
  durable: boolean;
  /** Time of the write in µs. */
  writeUs: number;
}

/** Main's side; a FlushSink (engine/cluster/state-machine.ts). Each method answers false when the channel
 * has no room now; nothing is written then. */
export class StateRecordWriter {
  readonly #sender: ChannelSender;

  constructor(sender: ChannelSender) {
    this.#sender = sender;
  }

  put(table: number, key: Uint8Array, value: Uint8Array): boolean {
    return writeRow(this.#sender, STATE_RECORD.PUT, { table, key, value });
  }

  delete(table: number, key: Uint8Array): boolean {
    return writeRow(this.#sender, STATE_RECORD.DELETE, { table, key, value: NO_BYTES });
  }

  deleteBelow(table: number, key: Uint8Array): boolean {
    return writeRow(this.#sender, STATE_RECORD.DELETE_BELOW, { table, key, value: NO_BYTES });
  }

  /** Asks for a page of rows. The state thread answers in the order of the requests. */
  scan({ table, from, to, rowCountMax, bytesMax }: StateScanRequest): boolean {
    const end = to === undefined ? tableEnd(table) : storedKey(table, to);
    const start = storedKey(table, from);
    const offset = this.#sender.reserve(STATE_RECORD.SCAN, SCAN_HEADER_BYTES + start.length + end.length);
    if (offset < 0) return false;
    const { bytes, view } = this.#sender;
    view.setUint32(offset, rowCountMax, true);
    view.setUint32(offset + 4, bytesMax, true);
    view.setUint16(offset + 8, start.length, true);
    view.setUint16(offset + 10, end.length, true);
    bytes.set(start, offset + SCAN_HEADER_BYTES);
    bytes.set(end, offset + SCAN_HEADER_BYTES + start.length);
    this.#sender.commit();
    return true;
  }

  /** Ends the flush, which shows the state as of `appliedIndex`. With `durable` the answer comes when it
   * survives a loss of power; needed before the log is truncated up to there. */
  commit(appliedIndex: LogIndex, durable: boolean): boolean {
    const offset = this.#sender.reserve(STATE_RECORD.COMMIT, COMMIT_BYTES);
    if (offset < 0) return false;
    this.#sender.view.setFloat64(offset, appliedIndex, true);
    this.#sender.view.setUint32(offset + 8, durable ? COMMIT_DURABLE : 0, true);
    this.#sender.view.setUint32(offset + 12, 0, true);
    this.#sender.commit();
    return true;
  }
}

const NO_BYTES = new Uint8Array(0);

interface TableRow {
  readonly table: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

function writeRow(sender: ChannelSender, kind: number, { table, key, value }: TableRow): boolean {
  checkTable(table);
  const keyBytes = key.length + 1;
  const valueStart = valueOffset(keyBytes);
  const payloadBytes = valueStart + value.length + STATE_ROW_CHECKSUM_BYTES;
  assert(payloadBytes <= sender.payloadBytesMax, "row exceeds the state channel's record size");
  const offset = sender.reserve(kind, payloadBytes);
  if (offset < 0) return false;
  sender.view.setUint32(offset, value.length, true);
  sender.view.setUint16(offset + 4, keyBytes, true);
  sender.bytes[offset + valueStart - keyBytes] = table;
  sender.bytes.set(key, offset + valueStart - key.length);
  sender.bytes.set(value, offset + valueStart);
  sender.commit();
  return true;
}

function checkTable(table: number): void {
  assert(table >= 1, "table 0 belongs to the store itself");
  assert(table < 255, "table number exceeds a byte, or leaves no key after its rows");
}

function storedKey(table: number, key: Uint8Array): Uint8Array {
  checkTable(table);
  const stored = new Uint8Array(key.length + 1);
  stored[0] = table;
  stored.set(key, 1);
  return stored;
}

function tableEnd(table: number): Uint8Array {
  return Uint8Array.of(table + 1);
}

/** A page of rows of `table` with `from` ≤ key < `to`; without `to` up to the end of the table. It ends when
 * either limit is reached. */
export interface StateScanRequest {
  readonly table: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly rowCountMax: number;
  readonly bytesMax: number;
}

function valueOffset(keyBytes: number): number {
  return (ROW_HEADER_BYTES + keyBytes + 7) & ~7;
}

/** Where the parts of a PUT, DELETE, DELETE_BELOW or ROW lie. The key is table u8 ‖ key, as it is stored. */
export interface StateRow {
  keyStart: number;
  /** Where the key ends, too. */
  valueStart: number;
  valueEnd: number;
}

/** Reads such a record at `offset` into `into`, which can be reused. */
export function readStateRow(view: DataView, offset: number, into: StateRow): void {
  const keyBytes = view.getUint16(offset + 4, true);
  into.valueStart = offset + valueOffset(keyBytes);
  into.valueEnd = into.valueStart + view.getUint32(offset, true);
  into.keyStart = into.valueStart - keyBytes;
}

export function readCommitIndex(view: DataView, offset: number): LogIndex {
  return logIndex(view.getFloat64(offset, true));
}
export function readCommitDurable(view: DataView, offset: number): boolean {
  return (view.getUint32(offset + 8, true) & COMMIT_DURABLE) !== 0;
}

export interface StateScanRange {
  /** Keys as they are stored, with the table. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly rowCountMax: number;
  readonly bytesMax: number;
}

/** Copies the SCAN at `offset` out. */
export function readStateScan(bytes: Uint8Array, view: DataView, offset: number): StateScanRange {
  const keyStart = offset + SCAN_HEADER_BYTES;
  const keyEnd = keyStart + view.getUint16(offset + 8, true);
  return {
    from: bytes.slice(keyStart, keyEnd),
    to: bytes.slice(keyEnd, keyEnd + view.getUint16(offset + 10, true)),
    rowCountMax: view.getUint32(offset, true),
    bytesMax: view.getUint32(offset + 4, true),
  };
}

/** The state thread's side: a row of the page. False when the channel has no room now. */
export function writeScannedRow(sender: ChannelSender, row: TableRow): boolean {
  return writeRow(sender, STATE_RECORD.ROW, row);
}

/** The state thread's side: the page has no more rows; `isComplete` when the range has none either. */
export function writeScanned(sender: ChannelSender, isComplete: boolean): boolean {
  const offset = sender.reserve(STATE_RECORD.SCANNED, SCANNED_BYTES);
  if (offset < 0) return false;
  sender.view.setUint32(offset, isComplete ? SCAN_COMPLETE : 0, true);
  sender.view.setUint32(offset + 4, 0, true);
  sender.commit();
  return true;
}

export function readScannedComplete(view: DataView, offset: number): boolean {
  return (view.getUint32(offset, true) & SCAN_COMPLETE) !== 0;
}

/** The state thread's side: the page cannot be read. */
export function writeUnread(sender: ChannelSender, error: StrataError): boolean {
  const json = encodeError(error);
  const offset = sender.reserve(STATE_RECORD.UNREAD, UNREAD_HEADER_BYTES + json.length);
  if (offset < 0) return false;
  sender.view.setUint32(offset, json.length, true);
  sender.bytes.set(json, offset + UNREAD_HEADER_BYTES);
  sender.commit();
  return true;
}

/** Why the page of the UNREAD at `offset` cannot be read. */
export function readUnread(bytes: Uint8Array, view: DataView, offset: number): StrataError {
  const start = offset + UNREAD_HEADER_BYTES;
  return decodeError(bytes.slice(start, start + view.getUint32(offset, true)));
}

export function newStateFlushed(): StateFlushed {
  return { appliedIndex: logIndex(0), bytes: 0, rowCount: 0, durable: false, writeUs: 0 };
}

/** The state thread's side. False when the channel has no room now. */
export function writeStateFlushed(sender: ChannelSender, flushed: Readonly<StateFlushed>): boolean {
  const offset = sender.reserve(STATE_RECORD.FLUSHED, FLUSHED_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, flushed.appliedIndex, true);
  sender.view.setFloat64(offset + 8, flushed.bytes, true);
  sender.view.setUint32(offset + 16, flushed.durable ? COMMIT_DURABLE : 0, true);
  sender.view.setUint32(offset + 20, flushed.rowCount, true);
  sender.view.setFloat64(offset + 24, flushed.writeUs, true);
  sender.commit();
  return true;
}

/** Reads the FLUSHED at `offset` into `into`, which can be reused. */
export function readStateFlushed(view: DataView, offset: number, into: StateFlushed): void {
  into.appliedIndex = logIndex(view.getFloat64(offset, true));
  into.bytes = view.getFloat64(offset + 8, true);
  into.durable = (view.getUint32(offset + 16, true) & COMMIT_DURABLE) !== 0;
  into.rowCount = view.getUint32(offset + 20, true);
  into.writeUs = view.getFloat64(offset + 24, true);
}
