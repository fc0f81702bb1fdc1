import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import { isCount, type LogIndex, logIndex, type Term, term } from "../core/ids.js";
import { crc32, crc32From } from "./crc32.js";

/** Bytes of the log store (raft.md §11). Raised when a release could not read what another one wrote. */
export const LOG_FORMAT_VERSION = 2;

/** Columns of the log store. */
export const LOG_COLUMN = "log";
export const META_COLUMN = "meta";

/** Key of a blob: epoch u32 ‖ index of its first entry u64, big-endian, so that keys sort by index. */
export const LOG_KEY_BYTES = 12;
const LOG_KEY_INDEX_AT = 4;

export function logKey(epoch: number, firstIndex: number): Uint8Array {
  assert(isCount(firstIndex), `log index out of range: ${firstIndex}`);
  const key = new Uint8Array(LOG_KEY_BYTES);
  const view = new DataView(key.buffer);
  view.setUint32(0, epoch);
  view.setUint32(4, Math.floor(firstIndex / 2 ** 32));
  view.setUint32(8, firstIndex % 2 ** 32);
  return key;
}

/** Index in a blob's key. Throws CorruptionError LOG_CORRUPT. */
export function indexOfLogKey(key: Uint8Array): LogIndex {
  if (key.length !== LOG_KEY_BYTES) throw logCorrupt("a key", `${key.length} bytes long`);
  let index = 0;
  for (let i = LOG_KEY_INDEX_AT; i < LOG_KEY_BYTES; i++) index = index * 256 + key[i]!;
  if (!isCount(index)) throw logCorrupt("a key", "index exceeds 2^53");
  return logIndex(index);
}

/** A blob holds the entries of one batch in order, each as (little-endian)
 *
 *   0       4       8        16     17      18      22
 *   │ crc32 │ chain │ term   │ type │ flags │ bytes │ payload │
 *
 * `crc32` covers everything after it. `chain` of entry i = crc32(chain of i−1 ‖ term ‖ type ‖ payload): it
 * proves that no entry before is missing or exchanged, and is equal on all replicas. */
export const ENTRY_HEADER_BYTES = 22;
const CHAIN_AT = 4;
const TERM_AT = 8;
const TYPE_AT = 16;
const FLAGS_AT = 17;
const BYTES_AT = 18;

/** chain of i−1 ‖ term ‖ type. */
const CHAIN_HEAD = new Uint8Array(13);
const CHAIN_HEAD_VIEW = new DataView(CHAIN_HEAD.buffer);

/** Where the chain of an entry begins; it goes on over the payload. */
function chainHead(previous: number, entry: { readonly term: number; readonly type: number }): number {
  CHAIN_HEAD_VIEW.setUint32(0, previous, true);
  setCount(CHAIN_HEAD_VIEW, 4, entry.term);
  CHAIN_HEAD[12] = entry.type;
  return crc32(CHAIN_HEAD, 0, CHAIN_HEAD.length);
}

/** A whole number below 2^53 as u64. */
function setCount(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

/** Numbers of a blob are read from its bytes: a view costs more than what is read of a short one. */
function getWord(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function getCount(bytes: Uint8Array, at: number): number {
  return getWord(bytes, at) + getWord(bytes, at + 4) * 2 ** 32;
}

/** An entry being appended; its payload is `bytes[start, end)`. */
export interface EntrySource {
  term: Term;
  type: number;
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** Gathers the entries of one batch in their stored form. Reused; allocates only while it grows. */
export class BlobWriter {
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  /** Where each entry starts. */
  #offsets = new Uint32Array(1024);
  #count = 0;

  /** Entries gathered. */
  get count(): number {
    return this.#count;
  }

  get length(): number {
    return this.#length;
  }

  /** View of what was gathered; valid until the next `append`. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Copies the entry in; `previousChain` is that of the entry before it. Returns its chain. */
  append(source: EntrySource, previousChain: number): number {
    const payloadBytes = source.end - source.start;
    const at = this.#length;
    const payloadAt = at + ENTRY_HEADER_BYTES;
    const end = payloadAt + payloadBytes;
    if (end > this.#bytes.length) this.#grow(end);
    if (this.#count === this.#offsets.length) this.#offsets = grown(this.#offsets);
    copy(source, this.#bytes, payloadAt);
    const head = chainHead(previousChain, source);
    const chain = crc32(this.#bytes, payloadAt, end, head);
    const view = this.#view;
    view.setUint32(at + CHAIN_AT, chain, true);
    setCount(view, at + TERM_AT, source.term);
    view.setUint8(at + TYPE_AT, source.type);
    view.setUint8(at + FLAGS_AT, 0);
    view.setUint32(at + BYTES_AT, payloadBytes, true);
    const header = crc32(this.#bytes, at + CHAIN_AT, payloadAt);
    view.setUint32(at, crc32From(header, head, chain, payloadBytes), true);
    this.#offsets[this.#count++] = at;
    this.#length = end;
    return chain;
  }

  /** Keeps the first `count` entries. */
  truncate(count: number): void {
    assert(count <= this.#count, "cannot truncate forwards");
    if (count < this.#count) this.#length = this.#offsets[count]!;
    this.#count = count;
  }

  /** Term and chain of the entry at `position`. */
  termAt(position: number): Term {
    assert(position < this.#count, "no such entry in the batch");
    return term(getCount(this.#bytes, this.#offsets[position]! + TERM_AT));
  }
  chainAt(position: number): number {
    assert(position < this.#count, "no such entry in the batch");
    return getWord(this.#bytes, this.#offsets[position]! + CHAIN_AT);
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

function copy(source: EntrySource, target: Uint8Array, offset: number): void {
  const { bytes, start, end } = source;
  // A view costs more than a short loop.
  if (end - start > 64) target.set(bytes.subarray(start, end), offset);
  else for (let i = start; i < end; i++) target[offset + i - start] = bytes[i]!;
}

function grown(offsets: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(offsets.length * 2);
  larger.set(offsets);
  return larger;
}

/** Walks over the entries of one blob and checks each. Reused. */
export class BlobReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #next = 0;
  #previousChain: number | undefined;
  /** The entry that `next` moved to. */
  index = logIndex(0);
  term = term(0);
  type = 0;
  chain = 0;
  /** The payload is `bytes[payloadStart, next start)`; `end` is also the length of the blob up to here. */
  payloadStart = 0;
  end = 0;

  /** Starts over with another blob, whose first entry has `firstIndex`. `previousChain` is that of the entry
   * before; undefined when it is not known, then the first entry's own checksum is all that is checked. */
  reset(blob: Uint8Array, firstIndex: LogIndex, previousChain: number | undefined): void {
    this.#bytes = blob;
    this.#next = 0;
    this.#previousChain = previousChain;
    this.index = logIndex(firstIndex - 1);
  }

  /** Moves to the next entry; false at the end. Throws CorruptionError LOG_CORRUPT. */
  next(): boolean {
    const at = this.#next;
    const bytes = this.#bytes;
    if (at === bytes.length) return false;
    const index = this.index + 1;
    const payloadStart = at + ENTRY_HEADER_BYTES;
    if (payloadStart > bytes.length) throw entryCorrupt(index, "cut off");
    const end = payloadStart + getWord(bytes, at + BYTES_AT);
    if (end > bytes.length) throw entryCorrupt(index, "longer than its batch");
    const header = crc32(bytes, at + CHAIN_AT, payloadStart);
    const checksum = crc32(bytes, payloadStart, end, header);
    if (getWord(bytes, at) !== checksum) throw entryCorrupt(index, "checksum mismatch");
    const entryTerm = getCount(bytes, at + TERM_AT);
    if (!isCount(entryTerm)) throw entryCorrupt(index, "term exceeds 2^53");
    if (bytes[at + FLAGS_AT]! !== 0) throw entryCorrupt(index, "unknown flags");
    this.index = logIndex(index);
    this.term = term(entryTerm);
    this.type = bytes[at + TYPE_AT]!;
    this.chain = getWord(bytes, at + CHAIN_AT);
    this.payloadStart = payloadStart;
    this.end = end;
    this.#next = end;
    this.#checkChain(header, checksum);
    return true;
  }

  /** View of the entry's payload. */
  payload(): Uint8Array {
    return this.#bytes.subarray(this.payloadStart, this.end);
  }

  /** `checksum` is the entry's, which began with `header`: the payload need not be read again. */
  #checkChain(header: number, checksum: number): void {
    if (this.#previousChain !== undefined) {
      const head = chainHead(this.#previousChain, this);
      const expected = crc32From(head, header, checksum, this.end - this.payloadStart);
      if (this.chain !== expected) throw entryCorrupt(this.index, "does not follow the entry before it");
    }
    this.#previousChain = this.chain;
  }
}

export function entryCorrupt(index: number, reason: string): StrataError {
  return logCorrupt(`entry ${index}`, reason);
}

export function logCorrupt(where: string, reason: string): StrataError {
  return new StrataError("LOG_CORRUPT", { where, reason });
}
