import { assert } from "../../engine/core/assert.js";
import { type LogIndex, logIndex } from "../../engine/core/ids.js";
import type { ChannelSender } from "../../engine/core/shared-channel.js";

/** Records between main and the state thread.
 *
 *   main ─► PUT and DELETE of one flush, then COMMIT  ─► state thread
 *   main ◄─ FLUSHED for each COMMIT                   ◄─ state thread
 *
 * Nothing of a flush is visible before its COMMIT: all of it becomes one atomic batch. */
export const STATE_RECORD = { PUT: 1, DELETE: 2, COMMIT: 3, FLUSHED: 4 } as const;

/** PUT, DELETE: valueBytes u32, keyBytes u16 (with the table), table u8, then padding so that the key ends
 * where the value starts 8-aligned, and room for a checksum behind the value:
 *
 *   0            4          6      7 … keyEnd − keyBytes       keyEnd (8-aligned)
 *   │ valueBytes │ keyBytes │ pad  │ table u8 ‖ key            │ value │ 4 bytes for the state thread │ */
const ROW_HEADER_BYTES = 6;
/** The state thread puts the row's checksum here, in place, so that no row is copied for it. */
export const STATE_ROW_CHECKSUM_BYTES = 4;
/** COMMIT: appliedIndex f64, flags u32, padding u32. */
const COMMIT_BYTES = 16;
const COMMIT_DURABLE = 1;
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
    return this.#row(STATE_RECORD.PUT, table, key, value);
  }

  delete(table: number, key: Uint8Array): boolean {
    return this.#row(STATE_RECORD.DELETE, table, key, NO_BYTES);
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

  #row(kind: number, table: number, key: Uint8Array, value: Uint8Array): boolean {
    assert(table >= 1, "table 0 belongs to the store itself");
    assert(table <= 255, "table number exceeds a byte");
    const keyBytes = key.length + 1;
    const valueStart = valueOffset(keyBytes);
    const bytes = valueStart + value.length + STATE_ROW_CHECKSUM_BYTES;
    assert(bytes <= this.#sender.payloadBytesMax, "row exceeds the state channel's record size");
    const offset = this.#sender.reserve(kind, bytes);
    if (offset < 0) return false;
    this.#sender.view.setUint32(offset, value.length, true);
    this.#sender.view.setUint16(offset + 4, keyBytes, true);
    this.#sender.bytes[offset + valueStart - keyBytes] = table;
    this.#sender.bytes.set(key, offset + valueStart - key.length);
    this.#sender.bytes.set(value, offset + valueStart);
    this.#sender.commit();
    return true;
  }
}

const NO_BYTES = new Uint8Array(0);

function valueOffset(keyBytes: number): number {
  return (ROW_HEADER_BYTES + keyBytes + 7) & ~7;
}

/** Where a PUT's or DELETE's parts lie. The key is table u8 ‖ key, as it is stored. */
export interface StateRow {
  keyStart: number;
  /** Where the key ends, too. */
  valueStart: number;
  valueEnd: number;
}

/** Reads the PUT or DELETE at `offset` into `into`, which can be reused. */
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
