import { ByteReader } from "../core/byte-reader.js";
import { ByteWriter } from "../core/byte-writer.js";
import type { Disk, DiskFile } from "../core/disk.js";
import { type LogIndex, logIndex, term } from "../core/ids.js";
import { crc32 } from "./crc32.js";
import { logCorrupt } from "./log-format.js";
import type { LogPoint } from "./recovered.js";

/** The watermark: a file beside the log store that says how far the log was durable, written on its own path.
 * RocksDB opens without a word when a damaged write-ahead log made it lose acknowledged entries; then the log
 * ends before the mark (raft.md §11, §12.3).
 *
 * Two slots of 64 bytes are written in turn, so that a torn write leaves the older one:
 *
 *   0       4  8          16          24         32      36 … 59  60
 *   │ magic │  │ sequence │ lastIndex │ lastTerm │ chain │ zeros  │ crc32 │ */
export const MARK_FILE = "durable.mark";

const SLOT_BYTES = 64;
const CHECKSUM_AT = 60;
const MAGIC = 0x4b524d53;

/** The newest intact slot. */
export interface DurableMark {
  readonly sequence: number;
  readonly last: LogPoint;
  /** Slots that are not intact: 0, or 1 after a write was torn by a loss of power (or one was damaged). */
  readonly damagedSlots: number;
}

/** Creates the file with both slots at `last`, durably. */
export function createMark(disk: Disk, path: string, last: LogPoint): void {
  const bytes = new Uint8Array(2 * SLOT_BYTES);
  for (const sequence of [1, 2]) bytes.set(encodeSlot(sequence, last), (sequence % 2) * SLOT_BYTES);
  disk.writeFile(path, bytes);
}

/** Throws CorruptionError LOG_CORRUPT when there is no file or no intact slot: without a watermark nobody can
 * say whether the log is whole. */
export function readMark(disk: Disk, path: string): DurableMark {
  const bytes = disk.readFile(path);
  if (bytes === undefined) throw logCorrupt(MARK_FILE, "missing");
  if (bytes.length !== 2 * SLOT_BYTES) throw logCorrupt(MARK_FILE, `${bytes.length} bytes long`);
  const slots = [decodeSlot(bytes, 0), decodeSlot(bytes, SLOT_BYTES)].filter((slot) => slot !== undefined);
  const newest = slots.reduce<Slot | undefined>(
    (best, slot) => (best === undefined || slot.sequence > best.sequence ? slot : best),
    undefined,
  );
  if (newest === undefined) throw logCorrupt(MARK_FILE, "both slots fail their checksum");
  return { ...newest, damagedSlots: 2 - slots.length };
}

interface Slot {
  readonly sequence: number;
  readonly last: LogPoint;
}

function decodeSlot(bytes: Uint8Array, offset: number): Slot | undefined {
  const reader = new ByteReader(bytes.subarray(offset, offset + SLOT_BYTES));
  if (reader.u32() !== MAGIC) return undefined;
  const checksum = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(CHECKSUM_AT, true);
  if (checksum !== crc32(bytes, offset, offset + CHECKSUM_AT)) return undefined;
  reader.u32();
  const sequence = reader.f64();
  const last = { index: logIndex(reader.f64()), term: term(reader.f64()), chain: reader.u32() };
  return { sequence, last };
}

function encodeSlot(sequence: number, last: LogPoint): Uint8Array {
  const writer = new ByteWriter(SLOT_BYTES);
  writer.u32(MAGIC);
  writer.u32(0);
  writer.f64(sequence);
  writer.f64(last.index);
  writer.f64(last.term);
  writer.u32(last.chain);
  while (writer.length < CHECKSUM_AT) writer.u32(0);
  writer.u32(crc32(writer.view(), 0, CHECKSUM_AT));
  return writer.take();
}

/** Writes the mark. Belongs to the log thread. */
export class DurableMarkWriter {
  readonly #file: DiskFile;
  #sequence: number;
  #lastIndex: LogIndex;

  /** `mark` is what the file holds. */
  constructor(disk: Disk, path: string, mark: { readonly sequence: number; readonly lastIndex: LogIndex }) {
    this.#file = disk.openFile(path);
    this.#sequence = mark.sequence;
    this.#lastIndex = mark.lastIndex;
  }

  /** Index that is promised to be there after any crash. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  /** Durable on return. Everything up to `last` must be durable already; a lower mark than before is written
   * before the entries above it are overwritten. */
  write(last: LogPoint): void {
    this.#sequence++;
    this.#file.write((this.#sequence % 2) * SLOT_BYTES, encodeSlot(this.#sequence, last));
    this.#file.sync();
    this.#lastIndex = last.index;
  }

  close(): void {
    this.#file.close();
  }
}
