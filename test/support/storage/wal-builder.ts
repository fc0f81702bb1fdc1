import { crc32c } from "../../../engine/storage/crc32c.js";
import type { WalBytes } from "../../../engine/storage/wal-format.js";
import {
  maskedCrc,
  WAL_BLOCK_BYTES,
  WAL_HEADER_BYTES,
  WAL_TYPE,
} from "../../../engine/storage/wal-format.js";
import { WalScan } from "../../../engine/storage/wal-scan.js";

/** Writes a log file as RocksDB does (db/log_writer.cc). */
export class WalBuilder {
  #bytes = Buffer.alloc(0);
  /** Where each record ends; the first item is 0. */
  readonly ends: number[] = [0];

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** A batch with `sequence` that uses `count` numbers, `payload` after its head. */
  batch(sequence: number, count: number, payload: Uint8Array): this {
    const head = Buffer.alloc(12);
    head.writeBigUInt64LE(BigInt(sequence));
    head.writeUInt32LE(count, 8);
    return this.record(Buffer.concat([head, payload]));
  }

  record(record: Uint8Array): this {
    let at = 0;
    do {
      const left = WAL_BLOCK_BYTES - (this.#bytes.length % WAL_BLOCK_BYTES);
      if (left < WAL_HEADER_BYTES) this.#push(Buffer.alloc(left));
      const room = left < WAL_HEADER_BYTES ? WAL_BLOCK_BYTES : left;
      const end = Math.min(record.length, at + room - WAL_HEADER_BYTES);
      this.#push(fragment(typeOf(at === 0, end === record.length), record.subarray(at, end)));
      at = end;
    } while (at < record.length);
    this.ends.push(this.#bytes.length);
    return this;
  }

  #push(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }
}

function typeOf(isFirst: boolean, isLast: boolean): number {
  if (isFirst) return isLast ? WAL_TYPE.FULL : WAL_TYPE.FIRST;
  return isLast ? WAL_TYPE.LAST : WAL_TYPE.MIDDLE;
}

export function fragment(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(WAL_HEADER_BYTES), payload]);
  bytes.writeUInt16LE(payload.length, 4);
  bytes[6] = type;
  bytes.writeUInt32LE(maskedCrc(crc32c(bytes, 6, bytes.length)));
  return bytes;
}

/** Scans bytes as the guard scans a file. */
export function scanOf(bytes: Uint8Array, holds: "batches" | "edits" = "batches"): WalScan {
  const file: WalBytes = {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
  const scan = new WalScan(file, holds);
  while (scan.step());
  return scan;
}
