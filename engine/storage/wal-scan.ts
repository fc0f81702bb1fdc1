import {
  fragmentEnd,
  fragmentType,
  isFragment,
  WAL_BATCH_HEAD_BYTES,
  WAL_BLOCK_BYTES,
  WAL_HEADER_BYTES,
  WAL_TYPE,
  type WalBytes,
  walSequence,
} from "./wal-format.js";

/** Read in one step: some milliseconds. */
const STEP_BYTES = 128 * WAL_BLOCK_BYTES;

/** Reads one log file from its start to the first place where no whole record is. */
export class WalScan {
  readonly file: WalBytes;
  readonly #holdsBatches: boolean;
  #offset = 0;
  /** A record that began and is not complete. */
  #isWithinRecord = false;
  /** First bytes of the record. */
  readonly #head = new Uint8Array(WAL_BATCH_HEAD_BYTES);
  #headBytes = 0;
  #end = 0;
  #badOffset: number | undefined;
  #firstSequence: number | undefined;
  #nextSequence: number | undefined;

  /** `holds`: batches are numbered, edits (of a MANIFEST) are not. */
  constructor(file: WalBytes, holds: "batches" | "edits") {
    this.file = file;
    this.#holdsBatches = holds === "batches";
  }

  /** Where the last whole record ends. */
  get end(): number {
    return this.#end;
  }

  /** The fragment that is missing or not intact, from `end` on; undefined when the file ends with a record.
   * It lies beyond `end` when fragments of the same record before it are intact. */
  get badOffset(): number | undefined {
    return this.#badOffset;
  }

  /** Of the first batch; undefined when there is none. */
  get firstSequence(): number | undefined {
    return this.#firstSequence;
  }

  /** That the batch after the last one has. */
  get nextSequence(): number | undefined {
    return this.#nextSequence;
  }

  /** Reads on; false at the end, or at the bad place. */
  step(): boolean {
    const bytes = this.file.read(this.#offset, STEP_BYTES);
    for (let start = 0; start < bytes.length; start += WAL_BLOCK_BYTES) {
      const stop = Math.min(start + WAL_BLOCK_BYTES, bytes.length);
      const badAt = this.#readBlock(bytes, start, stop);
      if (badAt === undefined) continue;
      this.#badOffset = this.#offset + badAt;
      return false;
    }
    this.#offset += bytes.length;
    if (this.#offset < this.file.size) return true;
    if (this.#isWithinRecord) this.#badOffset = this.file.size;
    return false;
  }

  /** Reads the fragments of one block; returns where the first bad one is. */
  #readBlock(bytes: Uint8Array, start: number, stop: number): number | undefined {
    let at = start;
    while (at < stop) {
      const isTrailer = stop - at < WAL_HEADER_BYTES;
      if (isTrailer && stop - start === WAL_BLOCK_BYTES) return undefined;
      if (!isFragment(bytes, at, stop)) return at;
      const end = fragmentEnd(bytes, at);
      if (!this.#take(bytes, at, end)) return at;
      at = end;
    }
    return undefined;
  }

  /** False when the fragment does not belong where it is. */
  #take(bytes: Uint8Array, at: number, end: number): boolean {
    const type = fragmentType(bytes, at);
    const begins = type === WAL_TYPE.FULL || type === WAL_TYPE.FIRST;
    if (begins === this.#isWithinRecord) return false;
    if (begins) this.#headBytes = 0;
    for (let i = at + WAL_HEADER_BYTES; i < end && this.#headBytes < WAL_BATCH_HEAD_BYTES; i++) {
      this.#head[this.#headBytes++] = bytes[i]!;
    }
    this.#isWithinRecord = type === WAL_TYPE.FIRST || type === WAL_TYPE.MIDDLE;
    if (this.#isWithinRecord) return true;
    if (this.#holdsBatches && !this.#takeBatch()) return false;
    this.#end = this.#offset + end;
    return true;
  }

  /** False when the batch is not the one that follows. */
  #takeBatch(): boolean {
    if (this.#headBytes < WAL_BATCH_HEAD_BYTES) return false;
    const sequence = walSequence(this.#head, 0);
    const count = new DataView(this.#head.buffer).getUint32(8, true);
    if (sequence !== (this.#nextSequence ?? sequence) || !Number.isFinite(sequence)) return false;
    this.#firstSequence ??= sequence;
    this.#nextSequence = sequence + count;
    return true;
  }
}
