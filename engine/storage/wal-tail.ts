import { crc32c, isOneBitOff } from "./crc32c.js";
import {
  fragmentChecksum,
  fragmentEnd,
  fragmentType,
  isFragment,
  maskedCrc,
  WAL_BLOCK_BYTES,
  WAL_HEADER_BYTES,
  WAL_TYPE,
  WAL_TYPE_AT,
  type WalBytes,
  walSequence,
} from "./wal-format.js";
import type { WalScan } from "./wal-scan.js";

/** What follows the last whole record of a log file. */
export type WalTail =
  /** Nothing, or zeros: space that was reserved and not written. */
  | { readonly kind: "none" }
  /** A record whose write did not end: the process or the power went. Nobody was told that it is there. */
  | { readonly kind: "torn" }
  /** Bytes that were never a record. */
  | { readonly kind: "garbage" }
  /** A record that had been written whole, and is not intact. */
  | { readonly kind: "damaged"; readonly offset: number; readonly reason: string };

const SECTOR_BYTES = 512;
/** Zeros at an end of a sector that count as a sector that was not written; fewer may belong to a payload. */
const MISSING_BYTES_MIN = 64;
/** A sequence that is this far ahead is none. */
const SEQUENCE_DISTANCE_MAX = 2 ** 40;

/** Judges what follows the last whole record of a log of which every record was synced before the next one
 * was begun, as is so in the store of the Raft log and in a MANIFEST. So only the last record may be torn,
 * and a write that did not end leaves bytes out: the file is cut off, or sectors are still zeros. It never
 * leaves a wrong byte. Therefore, in this order:
 *
 * 1. Only zeros: `none`.
 * 2. A record begins further on: the one here was durable before, `damaged`. It is looked for at every byte,
 *    since the length that would lead to it may be what is damaged.
 * 3. Another length, type or byte of the checksum, or another bit in the payload, would make the fragment
 *    intact: `damaged`. A length that became larger looks like a record that was cut off, a payload may have
 *    zeros for a sector.
 * 4. The header is possible, but the file ends before its record does, or has zeros where the next
 *    fragment of the record has its header: `torn`.
 * 5. Sectors of the record are zeros, and nothing follows where it would end: `torn`.
 * 6. The record's first fragments are intact or later ones are, the header is possible and its record ends
 *    where the file or block does, or the number of the next batch stands where it belongs: this was a
 *    record, `damaged`.
 * 7. Else `garbage`.
 *
 * Acknowledged bytes are taken for garbage or torn only when damage has the very shape of it: it begins
 * at a record and leaves nothing to recognise it by, or ends the file early, or puts zeros for a sector, and
 * all that in the last record. Then the watermark decides (raft.md §12.3).
 *
 * What is not synced before the next record is the deletion of a range after a truncation. Where a loss of
 * power leaves it out and the record after it in, nobody can tell that from damage, and it is refused.
 *
 * @param nextSequence number of the batch that would follow; undefined when it is not known. */
export function judgeTail(scan: WalScan, nextSequence: number | undefined): WalTail {
  const { file, end, badOffset } = scan;
  if (badOffset === undefined || isZero(file, end)) return { kind: "none" };
  const later = laterFragments(file, badOffset, nextSequence);
  if (later.recordOffset !== undefined) {
    const reason = `no intact record, though one begins at ${later.recordOffset}`;
    return { kind: "damaged", offset: badOffset, reason };
  }
  const block = new BadBlock(file, badOffset);
  if (block.hasOtherHeader() || block.hasFlippedBit()) {
    return { kind: "damaged", offset: badOffset, reason: "a byte of the last record is wrong" };
  }
  if (block.isCutOff() || block.hasNoContinuation(file)) return { kind: "torn" };
  if (block.hasMissingSector() && !block.isFollowed()) return { kind: "torn" };
  const isRecord = badOffset > end || later.hasContinuation || block.looksLikeRecord(nextSequence);
  if (isRecord) {
    return { kind: "damaged", offset: badOffset, reason: "the last record fails its checksum" };
  }
  return { kind: "garbage" };
}

const ZEROS = new Uint8Array(WAL_BLOCK_BYTES);

/** From `from` to its end. */
export function isZero(file: WalBytes, from: number): boolean {
  for (let offset = from; offset < file.size; offset += WAL_BLOCK_BYTES) {
    const bytes = file.read(offset, WAL_BLOCK_BYTES);
    if (Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) !== 0) return false;
  }
  return true;
}

/** What is intact after the bad place. MIDDLE and LAST begin only where a block does. */
function laterFragments(
  file: WalBytes,
  badOffset: number,
  nextSequence: number | undefined,
): { readonly recordOffset?: number; readonly hasContinuation: boolean } {
  let hasContinuation = false;
  const firstBlock = badOffset - (badOffset % WAL_BLOCK_BYTES);
  for (let offset = firstBlock; offset < file.size; offset += WAL_BLOCK_BYTES) {
    const block = file.read(offset, WAL_BLOCK_BYTES);
    const isFirst = offset === firstBlock;
    const at = recordIn(block, isFirst ? badOffset + 1 - offset : 0, nextSequence);
    if (at !== undefined) return { recordOffset: offset + at, hasContinuation };
    if (!isFirst && isFragment(block, 0, block.length)) hasContinuation = true;
  }
  return { hasContinuation };
}

/** Where an intact FULL or FIRST fragment begins in the block, from `from` on. */
function recordIn(block: Uint8Array, from: number, nextSequence: number | undefined): number | undefined {
  for (let at = from; at + WAL_HEADER_BYTES <= block.length; at++) {
    const type = fragmentType(block, at);
    if (type !== WAL_TYPE.FULL && type !== WAL_TYPE.FIRST) continue;
    const end = fragmentEnd(block, at);
    if (end > block.length) continue;
    // The number tells cheaply that this is none; checksums of all that is possible would take long.
    const hasNumber = end - at >= WAL_HEADER_BYTES + 8;
    if (hasNumber && !isAhead(block, at, nextSequence)) continue;
    if (isFragment(block, at, block.length)) return at;
  }
  return undefined;
}

function isAhead(block: Uint8Array, at: number, nextSequence: number | undefined): boolean {
  return nextSequence === undefined || isNear(walSequence(block, at + WAL_HEADER_BYTES), nextSequence);
}

function isNear(sequence: number, nextSequence: number): boolean {
  return sequence >= nextSequence && sequence - nextSequence < SEQUENCE_DISTANCE_MAX;
}

/** The block with the bad fragment, as far as the file goes. */
class BadBlock {
  readonly #bytes: Uint8Array;
  readonly #at: number;
  /** Of the block in the file. */
  readonly #offset: number;
  readonly #isLast: boolean;

  constructor(file: WalBytes, badOffset: number) {
    this.#at = badOffset % WAL_BLOCK_BYTES;
    this.#offset = badOffset - this.#at;
    this.#bytes = file.read(this.#offset, WAL_BLOCK_BYTES).slice();
    this.#isLast = this.#offset + this.#bytes.length === file.size;
  }

  get #hasHeader(): boolean {
    return this.#bytes.length - this.#at >= WAL_HEADER_BYTES;
  }

  /** The type is known, and the fragment ends within the block or, where it is one of several, with it. */
  get #hasPossibleHeader(): boolean {
    if (!this.#hasHeader) return false;
    const type = fragmentType(this.#bytes, this.#at);
    const end = fragmentEnd(this.#bytes, this.#at);
    const goesOn = type === WAL_TYPE.FIRST || type === WAL_TYPE.MIDDLE;
    if (goesOn) return end === WAL_BLOCK_BYTES;
    return (type === WAL_TYPE.FULL || type === WAL_TYPE.LAST) && end <= WAL_BLOCK_BYTES;
  }

  /** The file ends within the header or within the record that it announces. */
  isCutOff(): boolean {
    if (!this.#hasHeader) return this.#bytes.length < WAL_BLOCK_BYTES;
    return this.#hasPossibleHeader && fragmentEnd(this.#bytes, this.#at) > this.#bytes.length;
  }

  /** Another fragment has to follow in the next block, and zeros are there. */
  hasNoContinuation(file: WalBytes): boolean {
    if (!this.#hasPossibleHeader || this.#isLast) return false;
    const type = fragmentType(this.#bytes, this.#at);
    if (type !== WAL_TYPE.FIRST && type !== WAL_TYPE.MIDDLE) return false;
    return file.read(this.#offset + WAL_BLOCK_BYTES, WAL_HEADER_BYTES).every((byte) => byte === 0);
  }

  /** The checksum in the header is right for some type and length. */
  hasOtherHeader(): boolean {
    if (!this.#hasHeader) return false;
    const bytes = this.#bytes;
    const wanted = fragmentChecksum(bytes, this.#at);
    const payloadAt = this.#at + WAL_HEADER_BYTES;
    const typeByte = new Uint8Array(1);
    for (let type = WAL_TYPE.FULL as number; type <= WAL_TYPE.LAST; type++) {
      typeByte[0] = type;
      let checksum = crc32c(typeByte, 0, 1);
      for (let i = payloadAt; i < bytes.length; i++) {
        checksum = crc32c(bytes, i, i + 1, checksum);
        if (checksum === wanted) return true;
      }
    }
    return false;
  }

  /** A bit of type or payload, or a byte of the checksum, stands between the fragment and its checksum. */
  hasFlippedBit(): boolean {
    if (!this.#hasPossibleHeader) return false;
    const end = fragmentEnd(this.#bytes, this.#at);
    if (end > this.#bytes.length) return false;
    const from = this.#at + WAL_TYPE_AT;
    const found = crc32c(this.#bytes, from, end);
    const wanted = fragmentChecksum(this.#bytes, this.#at);
    return isOneBitOff(found, wanted, end - from) || isOneByteApart(maskedCrc(found), maskedCrc(wanted));
  }

  /** A sector of the record, or a good part of one, is zeros, though others were written. */
  hasMissingSector(): boolean {
    const bytes = this.#bytes;
    const stop = this.#hasPossibleHeader ? fragmentEnd(bytes, this.#at) : bytes.length;
    for (let from = this.#at; from < stop; ) {
      const to = Math.min(stop, from - ((this.#offset + from) % SECTOR_BYTES) + SECTOR_BYTES);
      const isLong = to - from >= MISSING_BYTES_MIN;
      if (isLong && bytes.subarray(from, to).every((byte) => byte === 0)) return true;
      from = to;
    }
    return false;
  }

  /** There is something after the place where the record would end. */
  isFollowed(): boolean {
    if (!this.#hasPossibleHeader) return false;
    const end = fragmentEnd(this.#bytes, this.#at);
    const goesOn = end === WAL_BLOCK_BYTES;
    return !goesOn && !(this.#isLast && this.#isZeroFrom(end));
  }

  #isZeroFrom(at: number): boolean {
    return this.#bytes.subarray(at).every((byte) => byte === 0);
  }

  /** The header fits what follows: its record is the last thing in the file, fills the block, or is followed
   * by another one; or the number fits. */
  looksLikeRecord(nextSequence: number | undefined): boolean {
    const bytes = this.#bytes;
    if (this.#numberAt(this.#at) === (nextSequence ?? Number.NaN)) return true;
    if (!this.#hasPossibleHeader) return false;
    const end = fragmentEnd(bytes, this.#at);
    if (end === WAL_BLOCK_BYTES) return true;
    if (this.#isLast && this.#isZeroFrom(end)) return true;
    return nextSequence !== undefined && isNear(this.#numberAt(end), nextSequence);
  }

  /** Of the batch whose header is at `at`; NaN when it is not in this block. */
  #numberAt(at: number): number {
    const numberAt = at + WAL_HEADER_BYTES;
    return numberAt + 8 <= this.#bytes.length ? walSequence(this.#bytes, numberAt) : Number.NaN;
  }
}

function isOneByteApart(a: number, b: number): boolean {
  const difference = a ^ b;
  return [0xff, 0xff00, 0xff0000, 0xff000000].some((mask) => (difference & ~mask) === 0);
}
