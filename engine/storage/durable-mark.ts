import { ByteReader } from "../core/byte-reader.js";
import type { Disk, DiskFile } from "../core/disk.js";
import { type LogIndex, logIndex, type Term, term } from "../core/ids.js";
import { type NodeId, nodeId } from "../raft/types.js";
import { crc32 } from "./crc32.js";
import { logCorrupt } from "./log-format.js";
import type { LogPoint, MarkPosition } from "./recovered.js";

/** The watermark: a file beside the log store that says how far the log was durable, written on its own path.
 * RocksDB opens without a word when a lost or damaged write-ahead log made it lose acknowledged entries; then
 * the log ends before the mark (raft.md §11, §12.3). The same holds for a vote that is forgotten.
 *
 * Slots of 64 bytes; the newest intact one counts:
 *
 *   0       4  8          16          24         32      36         44      52   60
 *   │ magic │  │ sequence │ lastIndex │ lastTerm │ chain │ hardTerm │ vote  │ 0 0 │ crc32 │
 *
 * Two are written in turn and synced, so that a torn write leaves the older one. The third, in a page of its
 * own, follows every batch without a sync: after the death of the process it is exact, after a loss of power
 * it is the last one that reached the disk. */
export const MARK_FILE = "durable.mark";

const SLOT_BYTES = 64;
const SYNCED_SLOTS: readonly number[] = [0, SLOT_BYTES];
const RECENT_SLOT = 4096;
const FILE_BYTES = RECENT_SLOT + SLOT_BYTES;
const CHECKSUM_AT = 60;
const MAGIC = 0x4b524d53;

/** What was durable. */
export interface Mark {
  readonly last: LogPoint;
  readonly term: Term;
  readonly vote: NodeId;
}

/** The newest intact slot. */
export interface DurableMark extends Mark {
  readonly sequence: number;
  /** Which of the synced slots is to be written next: the older one. */
  readonly nextSlot: number;
  /** Synced slots that are not intact: 1 after a write was torn by a loss of power, or damage. */
  readonly damagedSlots: number;
}

/** Creates the file with all slots at `mark`, durably. */
export function createMark(disk: Disk, path: string, mark: Mark): void {
  const bytes = new Uint8Array(FILE_BYTES);
  for (const offset of [...SYNCED_SLOTS, RECENT_SLOT]) bytes.set(encodeSlot(1, mark), offset);
  disk.writeFile(path, bytes);
}

/** Throws CorruptionError LOG_CORRUPT when there is no file or no intact slot: without a watermark nobody can
 * say whether the log is whole. */
export function readMark(disk: Disk, path: string): DurableMark {
  const bytes = disk.readFile(path);
  if (bytes === undefined) throw logCorrupt(MARK_FILE, "missing");
  if (bytes.length !== FILE_BYTES) throw logCorrupt(MARK_FILE, `${bytes.length} bytes long`);
  const synced = SYNCED_SLOTS.map((offset) => decodeSlot(bytes, offset));
  const intact = [...synced, decodeSlot(bytes, RECENT_SLOT)].filter((slot) => slot !== undefined);
  const newest = intact.reduce<Slot | undefined>(
    (best, slot) => (best === undefined || slot.sequence > best.sequence ? slot : best),
    undefined,
  );
  if (newest === undefined) throw logCorrupt(MARK_FILE, "all slots fail their checksum");
  const [first, second] = synced.map((slot) => slot?.sequence ?? 0);
  const nextSlot = (first as number) <= (second as number) ? 0 : 1;
  return { ...newest, nextSlot, damagedSlots: synced.filter((slot) => slot === undefined).length };
}

interface Slot extends Mark {
  readonly sequence: number;
}

function decodeSlot(bytes: Uint8Array, offset: number): Slot | undefined {
  const reader = new ByteReader(bytes.subarray(offset, offset + SLOT_BYTES));
  if (reader.u32() !== MAGIC) return undefined;
  const checksum = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(CHECKSUM_AT, true);
  if (checksum !== crc32(bytes, offset, offset + CHECKSUM_AT)) return undefined;
  reader.u32();
  const sequence = reader.f64();
  const last = { index: logIndex(reader.f64()), term: term(reader.f64()), chain: reader.u32() };
  return { sequence, last, term: term(reader.f64()), vote: nodeId(reader.f64()) };
}

/** Overwritten by each call. */
const SLOT = new Uint8Array(SLOT_BYTES);
const SLOT_VIEW = new DataView(SLOT.buffer);

function encodeSlot(sequence: number, { last, term: hardTerm, vote }: Mark): Uint8Array {
  const view = SLOT_VIEW;
  view.setUint32(0, MAGIC, true);
  view.setFloat64(8, sequence, true);
  view.setFloat64(16, last.index, true);
  view.setFloat64(24, last.term, true);
  view.setUint32(32, last.chain, true);
  view.setFloat64(36, hardTerm, true);
  view.setFloat64(44, vote, true);
  view.setUint32(CHECKSUM_AT, crc32(SLOT, 0, CHECKSUM_AT), true);
  return SLOT;
}

/** Writes the mark. Belongs to the log thread. Everything up to what is written must be durable already. */
export class DurableMarkWriter {
  readonly #file: DiskFile;
  #sequence: number;
  #nextSlot: number;
  #lastIndex: LogIndex;
  #synced: Mark | undefined;

  /** `mark` is what the file holds. */
  constructor(disk: Disk, path: string, mark: MarkPosition) {
    this.#file = disk.openFile(path);
    this.#sequence = mark.sequence;
    this.#nextSlot = mark.nextSlot;
    this.#lastIndex = mark.lastIndex;
  }

  /** Index that is promised to be there after any crash. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  /** True when this process has written `mark` last, and synced it. */
  isSynced({ last, term: hardTerm, vote }: Mark): boolean {
    const synced = this.#synced;
    return synced?.last.index === last.index && synced.term === hardTerm && synced.vote === vote;
  }

  /** Follows a batch, without a sync. */
  follow(mark: Mark): void {
    this.#sequence++;
    this.#file.write(RECENT_SLOT, encodeSlot(this.#sequence, mark));
    this.#lastIndex = mark.last.index;
  }

  /** Durable on return. A lower mark than before is written before the entries above it are overwritten. */
  write(mark: Mark): void {
    this.follow(mark);
    this.#file.write(SYNCED_SLOTS[this.#nextSlot]!, encodeSlot(this.#sequence, mark));
    this.#file.sync();
    this.#nextSlot = 1 - this.#nextSlot;
    this.#synced = mark;
  }

  close(): void {
    this.#file.close();
  }
}
