import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What a file of a RocksDB store is. */
export type FileType = "wal" | "sst" | "manifest" | "current" | "options" | "identity";

const NAMES: Readonly<Record<FileType, RegExp>> = {
  wal: /^\d+\.log$/,
  sst: /^\d+\.sst$/,
  manifest: /^MANIFEST-\d+$/,
  current: /^CURRENT$/,
  options: /^OPTIONS-\d+$/,
  identity: /^IDENTITY$/,
};

/** Paths of a store's files of one type that are not empty, oldest first. */
export function filesOf(store: string, type: FileType): string[] {
  return readdirSync(store)
    .filter((name) => NAMES[type].test(name))
    .sort()
    .map((name) => join(store, name))
    .filter((path) => statSync(path).size > 0);
}

/** The newest one. Throws when there is none. */
export function newestOf(store: string, type: FileType): string {
  const path = filesOf(store, type).at(-1);
  if (path === undefined) throw new Error(`${store} has no ${type}`);
  return path;
}

/** Blocks of the format that write-ahead log and MANIFEST share. */
export const WAL_BLOCK_BYTES = 32 * 1024;

const HEADER_BYTES = 7;
const RECYCLED_HEADER_BYTES = 11;
/** Types whose header also names the file, for files that are used again. */
const RECYCLED_TYPES = new Set([5, 6, 7, 8, 11]);

/** A record, or the part of one that lies in a block. */
export interface WalRecord {
  readonly start: number;
  readonly payloadStart: number;
  readonly end: number;
  readonly type: number;
}

/** The records of a write-ahead log or MANIFEST, none of which crosses the border of a block:
 * `crc u32 ‖ payload bytes u16 ‖ type u8 ‖ [file number u32] ‖ payload`. */
export function walRecords(path: string): WalRecord[] {
  const bytes = readFileSync(path);
  const records: WalRecord[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const left = WAL_BLOCK_BYTES - (at % WAL_BLOCK_BYTES);
    const type = bytes[at + 6] as number;
    if (left < HEADER_BYTES || type === 0) {
      at += left;
      continue;
    }
    const payloadStart = at + (RECYCLED_TYPES.has(type) ? RECYCLED_HEADER_BYTES : HEADER_BYTES);
    const end = payloadStart + bytes.readUInt16LE(at + 4);
    if (end > bytes.length) break;
    records.push({ start: at, payloadStart, end, type });
    at = end;
  }
  return records;
}

/** Offsets of interest in a write-ahead log or MANIFEST: the fields of each record and the borders of its
 * payload. */
export function recordPlaces(path: string): number[] {
  const places = walRecords(path).flatMap(({ start, payloadStart, end }) => [
    start,
    start + 4,
    start + 6,
    payloadStart,
    Math.floor((payloadStart + end) / 2),
    end - 1,
  ]);
  return [...new Set(places)].sort((a, b) => a - b);
}

/** `count` of `places`, evenly spread; the first and the last are among them. */
export function spread<T>(places: readonly T[], count: number): T[] {
  if (places.length <= count) return [...places];
  if (count === 1) return [places[Math.floor(places.length / 2)] as T];
  const step = (places.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => places[Math.round(i * step)] as T);
}
