import type { StrataError } from "../../engine/core/errors.js";
import type { ChannelSender } from "../../engine/core/shared-channel.js";
import { decodeError, encodeError } from "./error-json.js";

/** Records between main and the state thread that concern snapshots (raft.md §9). Each request has one
 * answer, in their order; a FAILED may stand in the place of any.
 *
 *   main ─► OPEN                       ─► state thread      holds a state open as it is now
 *   main ◄─ OPENED with one row        ◄─ state thread
 *   main ─► READ                       ─► state thread      the next rows of an open one
 *   main ◄─ CHUNK                      ◄─ state thread
 *   main ─► CLOSE                      ─► state thread
 *   main ─► RECEIVE                    ─► state thread      makes a store for a snapshot that arrives
 *   main ─► WRITE, WRITE … FINISH      ─► state thread      its rows; FINISH makes it durable
 *   main ─► DISCARD                    ─► state thread      ends and removes it
 *   main ─► SWITCH                     ─► state thread      it is the state store now; the other goes
 *   main ◄─ DONE for each of these     ◄─ state thread
 */
export const SNAPSHOT_RECORD = {
  OPEN: 32,
  READ: 33,
  CLOSE: 34,
  RECEIVE: 35,
  WRITE: 36,
  FINISH: 37,
  DISCARD: 38,
  SWITCH: 39,
  OPENED: 48,
  CHUNK: 49,
  DONE: 50,
  FAILED: 51,
} as const;
const FIRST_KIND = SNAPSHOT_RECORD.OPEN;

/** Whether a record of the state thread concerns snapshots. */
export function isSnapshotRecord(kind: number): boolean {
  return kind >= FIRST_KIND;
}

/** OPEN: reader u32, flags u32, bytes u32 of the wanted row's key, then it. */
const OPEN_HEADER_BYTES = 12;
const OPEN_RECEIVED = 1;
const OPEN_ALL_TABLES = 2;
/** READ: reader u32, total u32, bytesMax u32, bytes u32 of the last key, then it. */
const READ_HEADER_BYTES = 16;
/** CLOSE: reader u32, padding u32. */
const CLOSE_BYTES = 8;
/** RECEIVE: bytes u32 of the directory's name, then it. OPENED: bytes u32 of the value, then it, or NO_VALUE.
 * FAILED: bytes u32 of the error (error-json.ts), then it. */
const TEXT_HEADER_BYTES = 4;
const NO_VALUE = 0xffff_ffff;
/** WRITE: number f64, rowCount u32, crc u32, bytes u32 of the rows, padding u32, then the rows. */
const WRITE_HEADER_BYTES = 24;
/** FINISH: rowCount f64, total u32, padding u32. */
const FINISH_BYTES = 16;
/** DISCARD, SWITCH, DONE: padding. */
const EMPTY_BYTES = 8;
/** CHUNK: rowCount u32, crc u32, total u32, flags u32, bytes u32 of the last key, bytes u32 of the rows, then
 * both. */
const CHUNK_HEADER_BYTES = 24;
const CHUNK_LAST = 1;
/** What a CHUNK or WRITE holds besides the rows, at most: keys are short. */
export const CHUNK_OVERHEAD_BYTES = 1024;

export interface OpenRequest {
  /** Number of main's choice. */
  readonly reader: number;
  /** The present state, or the snapshot that has arrived. */
  readonly source: "present" | "received";
  /** With `memory` disk-resident tables are left out. */
  readonly tables: "memory" | "all";
  /** Of a row whose value the answer brings, as it was in that state. */
  readonly rowKey: Uint8Array;
}

export interface ReadRequest {
  readonly reader: number;
  /** Key of the last row that was read, with its table; empty at the beginning. */
  readonly after: Uint8Array;
  /** Checksum of all rows up to there. */
  readonly total: number;
  readonly bytesMax: number;
}

export interface WriteRequest {
  readonly number: number;
  readonly rowCount: number;
  readonly crc: number;
  readonly rows: Uint8Array;
}

/** Answer to a READ; see StateChunk of engine/storage. */
export interface ChunkFields {
  readonly rows: Uint8Array;
  readonly rowCount: number;
  readonly crc: number;
  readonly lastKey: Uint8Array;
  readonly total: number;
  readonly isLast: boolean;
}

/** What a FINISH requires to have been written. */
export interface SnapshotSum {
  readonly rowCount: number;
  readonly total: number;
}

/** All `write…` answer false when the channel has no room now; nothing is written then. */
export function writeOpen(sender: ChannelSender, { reader, source, tables, rowKey }: OpenRequest): boolean {
  const offset = sender.reserve(SNAPSHOT_RECORD.OPEN, OPEN_HEADER_BYTES + rowKey.length);
  if (offset < 0) return false;
  const flags = (source === "received" ? OPEN_RECEIVED : 0) | (tables === "all" ? OPEN_ALL_TABLES : 0);
  sender.view.setUint32(offset, reader, true);
  sender.view.setUint32(offset + 4, flags, true);
  sender.view.setUint32(offset + 8, rowKey.length, true);
  sender.bytes.set(rowKey, offset + OPEN_HEADER_BYTES);
  sender.commit();
  return true;
}

export function readOpen(bytes: Uint8Array, view: DataView, offset: number): OpenRequest {
  const flags = view.getUint32(offset + 4, true);
  const start = offset + OPEN_HEADER_BYTES;
  return {
    reader: view.getUint32(offset, true),
    source: (flags & OPEN_RECEIVED) !== 0 ? "received" : "present",
    tables: (flags & OPEN_ALL_TABLES) !== 0 ? "all" : "memory",
    rowKey: bytes.slice(start, start + view.getUint32(offset + 8, true)),
  };
}

export function writeRead(sender: ChannelSender, { reader, after, total, bytesMax }: ReadRequest): boolean {
  const offset = sender.reserve(SNAPSHOT_RECORD.READ, READ_HEADER_BYTES + after.length);
  if (offset < 0) return false;
  sender.view.setUint32(offset, reader, true);
  sender.view.setUint32(offset + 4, total, true);
  sender.view.setUint32(offset + 8, bytesMax, true);
  sender.view.setUint32(offset + 12, after.length, true);
  sender.bytes.set(after, offset + READ_HEADER_BYTES);
  sender.commit();
  return true;
}

export function readRead(bytes: Uint8Array, view: DataView, offset: number): ReadRequest {
  const start = offset + READ_HEADER_BYTES;
  return {
    reader: view.getUint32(offset, true),
    total: view.getUint32(offset + 4, true),
    bytesMax: view.getUint32(offset + 8, true),
    after: bytes.slice(start, start + view.getUint32(offset + 12, true)),
  };
}

export function writeClose(sender: ChannelSender, reader: number): boolean {
  const offset = sender.reserve(SNAPSHOT_RECORD.CLOSE, CLOSE_BYTES);
  if (offset < 0) return false;
  sender.view.setUint32(offset, reader, true);
  sender.view.setUint32(offset + 4, 0, true);
  sender.commit();
  return true;
}

export function readClose(view: DataView, offset: number): number {
  return view.getUint32(offset, true);
}

export function writeReceive(sender: ChannelSender, directory: string): boolean {
  return writeBytes(sender, SNAPSHOT_RECORD.RECEIVE, Buffer.from(directory));
}

export function readReceive(bytes: Uint8Array, view: DataView, offset: number): string {
  return Buffer.from(readBytes(bytes, view, offset)).toString();
}

export function writeChunkWrite(
  sender: ChannelSender,
  { number, rowCount, crc, rows }: WriteRequest,
): boolean {
  const offset = sender.reserve(SNAPSHOT_RECORD.WRITE, WRITE_HEADER_BYTES + rows.length);
  if (offset < 0) return false;
  const { view } = sender;
  view.setFloat64(offset, number, true);
  view.setUint32(offset + 8, rowCount, true);
  view.setUint32(offset + 12, crc, true);
  view.setUint32(offset + 16, rows.length, true);
  view.setUint32(offset + 20, 0, true);
  sender.bytes.set(rows, offset + WRITE_HEADER_BYTES);
  sender.commit();
  return true;
}

/** `rows` are a view of the channel. */
export function readChunkWrite(bytes: Uint8Array, view: DataView, offset: number): WriteRequest {
  const start = offset + WRITE_HEADER_BYTES;
  return {
    number: view.getFloat64(offset, true),
    rowCount: view.getUint32(offset + 8, true),
    crc: view.getUint32(offset + 12, true),
    rows: bytes.subarray(start, start + view.getUint32(offset + 16, true)),
  };
}

export function writeFinish(sender: ChannelSender, { rowCount, total }: SnapshotSum): boolean {
  const offset = sender.reserve(SNAPSHOT_RECORD.FINISH, FINISH_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, rowCount, true);
  sender.view.setUint32(offset + 8, total, true);
  sender.view.setUint32(offset + 12, 0, true);
  sender.commit();
  return true;
}

export function readFinish(view: DataView, offset: number): SnapshotSum {
  return { rowCount: view.getFloat64(offset, true), total: view.getUint32(offset + 8, true) };
}

/** DISCARD, SWITCH and, on the state thread's side, DONE. */
export function writeEmpty(
  sender: ChannelSender,
  kind: typeof SNAPSHOT_RECORD.DISCARD | typeof SNAPSHOT_RECORD.SWITCH | typeof SNAPSHOT_RECORD.DONE,
): boolean {
  const offset = sender.reserve(kind, EMPTY_BYTES);
  if (offset < 0) return false;
  sender.view.setFloat64(offset, 0, true);
  sender.commit();
  return true;
}

/** The state thread's side. */
export function writeOpened(sender: ChannelSender, value: Uint8Array | undefined): boolean {
  return writeBytes(sender, SNAPSHOT_RECORD.OPENED, value);
}

/** A copy of the value; undefined when there is no such row. */
export function readOpened(bytes: Uint8Array, view: DataView, offset: number): Uint8Array | undefined {
  return view.getUint32(offset, true) === NO_VALUE ? undefined : readBytes(bytes, view, offset);
}

/** The state thread's side. */
export function writeChunk(sender: ChannelSender, chunk: ChunkFields): boolean {
  const { rows, lastKey } = chunk;
  const offset = sender.reserve(SNAPSHOT_RECORD.CHUNK, CHUNK_HEADER_BYTES + lastKey.length + rows.length);
  if (offset < 0) return false;
  const { view } = sender;
  view.setUint32(offset, chunk.rowCount, true);
  view.setUint32(offset + 4, chunk.crc, true);
  view.setUint32(offset + 8, chunk.total, true);
  view.setUint32(offset + 12, chunk.isLast ? CHUNK_LAST : 0, true);
  view.setUint32(offset + 16, lastKey.length, true);
  view.setUint32(offset + 20, rows.length, true);
  sender.bytes.set(lastKey, offset + CHUNK_HEADER_BYTES);
  sender.bytes.set(rows, offset + CHUNK_HEADER_BYTES + lastKey.length);
  sender.commit();
  return true;
}

/** `rows` are a view of the channel: a copy of each chunk, in memory that the collector of garbage counts but
 * does not hold, had it look through all of main's heap some twelve times a second. */
export function readChunk(bytes: Uint8Array, view: DataView, offset: number): ChunkFields {
  const keyStart = offset + CHUNK_HEADER_BYTES;
  const rowsStart = keyStart + view.getUint32(offset + 16, true);
  return {
    rowCount: view.getUint32(offset, true),
    crc: view.getUint32(offset + 4, true),
    total: view.getUint32(offset + 8, true),
    isLast: (view.getUint32(offset + 12, true) & CHUNK_LAST) !== 0,
    lastKey: bytes.slice(keyStart, rowsStart),
    rows: bytes.subarray(rowsStart, rowsStart + view.getUint32(offset + 20, true)),
  };
}

/** The state thread's side. */
export function writeFailed(sender: ChannelSender, error: StrataError): boolean {
  return writeBytes(sender, SNAPSHOT_RECORD.FAILED, encodeError(error));
}

export function readFailed(bytes: Uint8Array, view: DataView, offset: number): StrataError {
  return decodeError(readBytes(bytes, view, offset));
}

function writeBytes(sender: ChannelSender, kind: number, value: Uint8Array | undefined): boolean {
  const offset = sender.reserve(kind, TEXT_HEADER_BYTES + (value?.length ?? 0));
  if (offset < 0) return false;
  sender.view.setUint32(offset, value?.length ?? NO_VALUE, true);
  if (value !== undefined) sender.bytes.set(value, offset + TEXT_HEADER_BYTES);
  sender.commit();
  return true;
}

function readBytes(bytes: Uint8Array, view: DataView, offset: number): Uint8Array {
  const start = offset + TEXT_HEADER_BYTES;
  return bytes.slice(start, start + view.getUint32(offset, true));
}
