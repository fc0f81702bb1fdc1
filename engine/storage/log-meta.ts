import type { ByteReader } from "../core/byte-reader.js";
import type { Store, StoreOptions } from "../core/disk.js";
import type { StrataError } from "../core/errors.js";
import { logIndex, term } from "../core/ids.js";
import { readConfState, writeConfState } from "../raft/conf-state-codec.js";
import { type ConfState, type HardState, nodeId } from "../raft/types.js";
import { readIdentity, writeIdentity } from "./identity.js";
import { LOG_COLUMN, LOG_FORMAT_VERSION, logCorrupt, META_COLUMN } from "./log-format.js";
import type { Floors, LogPoint, StorageIdentity } from "./recovered.js";
import { seal, unseal } from "./sealed-row.js";

/** Bounds memory and the store's write-ahead log: RocksDB keeps up to about 6 × the sum over its columns,
 * here some 100 MB, which a start has to read again after a crash. */
const LOG_MEMTABLE_BYTES = 16 * 1024 * 1024;

export const LOG_STORE_OPTIONS: StoreOptions = {
  kind: "log",
  columns: [LOG_COLUMN, META_COLUMN],
  memtableBytes: LOG_MEMTABLE_BYTES,
};

/** Keys of the column `meta` (raft.md §11). */
export const META_KEY = { IDENTITY: textKey("id"), HARD_STATE: textKey("hs"), TRUNCATION: textKey("tr") };

function textKey(name: string): Uint8Array {
  return new TextEncoder().encode(name);
}

/** Row `id`: whose log this is, and what `--init` fixed for good. */
export interface LogIdentity extends StorageIdentity, Floors {
  /** Wall time of `--init`, epoch ms (`cTime` of VERSION). */
  readonly createdMs: number;
}

/** Row `tr`: what was there before the first entry. */
export interface Truncation {
  readonly epoch: number;
  readonly truncated: LogPoint;
  /** The members when the state store was made, by --init or of a snapshot. Later ones stand in the meta row
   * of the state. */
  readonly confState: ConfState;
  readonly stateDirectory: string;
}

export interface LogMeta {
  readonly identity: LogIdentity;
  readonly hardState: HardState;
  readonly truncation: Truncation;
}

export function encodeLogIdentity(identity: LogIdentity): Uint8Array {
  return seal((writer) => {
    writeIdentity(writer, LOG_FORMAT_VERSION, identity);
    writer.u64(identity.localIdFloor);
    writer.f64(identity.termFloor);
    writer.u8(identity.given ? 1 : 0);
    writer.f64(identity.createdMs);
  });
}

function readLogIdentity(reader: ByteReader, path: string): LogIdentity {
  return {
    ...readIdentity(reader, LOG_FORMAT_VERSION, path),
    localIdFloor: reader.u64(),
    termFloor: term(reader.f64()),
    given: reader.u8() !== 0,
    createdMs: reader.f64(),
  };
}

export function encodeHardState(hardState: HardState): Uint8Array {
  return seal((writer) => {
    writer.f64(hardState.term);
    writer.f64(hardState.vote);
    writer.f64(hardState.commit);
  });
}

function readHardState(reader: ByteReader): HardState {
  return { term: term(reader.f64()), vote: nodeId(reader.f64()), commit: logIndex(reader.f64()) };
}

export function encodeTruncation(truncation: Truncation): Uint8Array {
  const { epoch, truncated, confState, stateDirectory } = truncation;
  return seal((writer) => {
    writer.u32(epoch);
    writer.f64(truncated.index);
    writer.f64(truncated.term);
    writer.u32(truncated.chain);
    writeConfState(writer, confState);
    writer.text(stateDirectory);
  });
}

function readTruncation(reader: ByteReader): Truncation {
  const epoch = reader.u32();
  const truncated = { index: logIndex(reader.f64()), term: term(reader.f64()), chain: reader.u32() };
  const confState = readConfState(reader);
  return { epoch, truncated, confState, stateDirectory: reader.text() };
}

/** Reads the three rows. Throws StorageError STORAGE_FORMAT, CorruptionError LOG_CORRUPT. */
export function readLogMeta(store: Store, path: string): LogMeta {
  const id = metaRow(store, "IDENTITY", "id");
  const identity = unseal(id, (reader) => readLogIdentity(reader, path), rowCorrupt("id"));
  const hardState = unseal(metaRow(store, "HARD_STATE", "hs"), readHardState, rowCorrupt("hs"));
  const truncation = unseal(metaRow(store, "TRUNCATION", "tr"), readTruncation, rowCorrupt("tr"));
  return { identity, hardState, truncation };
}

function metaRow(store: Store, key: keyof typeof META_KEY, name: string): Uint8Array {
  const row = store.get(META_COLUMN, META_KEY[key]);
  if (row === undefined) throw rowCorrupt(name)("missing");
  return row;
}

function rowCorrupt(name: string): (reason: string) => StrataError {
  return (reason) => logCorrupt(`row ${name}`, reason);
}
