import type { BudgetHolder, ByteBudget } from "./byte-budget.js";

const LENGTH_BYTES = 4;
/** Frames up to here come in buffers that are used again. */
const POOLED_BYTES = 64 * 1024;
const POOLED_COUNT_MAX = 64;
/** Longer frames get so much at once, which is a full report of 40,000 replicas; what is still longer grows
 * by doubling: a length alone, with nothing behind it, should not cost 128 MiB. */
const FIRST_BYTES_MAX = 4 * 1024 * 1024;

export interface FrameSink extends BudgetHolder {
  /** A whole frame without its length, valid during the call. False: nothing after it is wanted. */
  onFrame(bytes: Uint8Array, start: number, end: number): boolean;
}

const POOL: Uint8Array[] = [];

/** Cuts the bytes of one connection into frames (spec 12 §2.3). What lies whole in a chunk is handed on where
 * it lies; a frame that is cut off is gathered in a buffer of its own, which is made by its length. */
export class FrameAssembler {
  readonly #sink: FrameSink;
  readonly #budget: ByteBudget;
  readonly #frameBytesMax: number;
  /** The bytes of a length that is cut off. */
  #head = 0;
  #headBytes = 0;
  /** A frame that is cut off: what has come of it, in a buffer that may be smaller than the whole. */
  #frame: Uint8Array | undefined;
  #frameBytes = 0;
  #frameLength = 0;

  constructor(sink: FrameSink, budget: ByteBudget, frameBytesMax: number) {
    this.#sink = sink;
    this.#budget = budget;
    this.#frameBytesMax = frameBytesMax;
  }

  /** A frame has begun and is not whole, be it a part of its length. */
  get isWaiting(): boolean {
    return this.#frame !== undefined || this.#headBytes > 0;
  }

  /** What has come of a frame that is not whole; undefined when there is none. */
  get partial(): Uint8Array | undefined {
    return this.#frame?.subarray(0, this.#frameBytes);
  }

  /** Takes `chunk` from `from` on. "wait" when the connection must read no more until the budget calls;
   * "invalid" when a length cannot be. */
  push(chunk: Uint8Array, from: number): "ok" | "wait" | "invalid" {
    let at = from;
    const end = chunk.length;
    if (this.#frame !== undefined) {
      at = this.#fill(chunk, at);
      if (this.#frameBytes < this.#frameLength) return this.#hasRoom() ? "ok" : "wait";
      if (!this.#handOver()) return "ok";
    }
    while (at < end) {
      const isInOnePiece = this.#headBytes === 0 && end - at >= LENGTH_BYTES;
      const length = isInOnePiece ? lengthAt(chunk, at) : this.#length(chunk, at);
      if (length === undefined) return "ok";
      at = isInOnePiece ? at + LENGTH_BYTES : this.#lengthEnd;
      if (length < 0 || length > this.#frameBytesMax) return "invalid";
      if (end - at < length) return this.#begin(chunk, at, length);
      if (!this.#sink.onFrame(chunk, at, at + length)) return "ok";
      at += length;
    }
    return "ok";
  }

  /** The connection has closed. */
  drop(): void {
    if (this.#frame !== undefined) this.#free(this.#frame);
    this.#frame = undefined;
  }

  #lengthEnd = 0;

  /** The length that begins in an earlier chunk, or is cut off by the end of this one: then undefined. */
  #length(chunk: Uint8Array, from: number): number | undefined {
    let at = from;
    while (at < chunk.length && this.#headBytes < LENGTH_BYTES) {
      this.#head = (this.#head << 8) | (chunk[at++] as number);
      this.#headBytes++;
    }
    if (this.#headBytes < LENGTH_BYTES) return undefined;
    this.#headBytes = 0;
    this.#lengthEnd = at;
    return this.#head;
  }

  #begin(chunk: Uint8Array, at: number, length: number): "ok" | "wait" {
    this.#frameLength = length;
    this.#frameBytes = 0;
    this.#frame = EMPTY;
    this.#fill(chunk, at);
    return this.#hasRoom() ? "ok" : "wait";
  }

  /** Copies what belongs to the frame; returns where that ends. */
  #fill(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#frameLength - this.#frameBytes);
    const frame = this.#ensure(this.#frameBytes + end - at);
    frame.set(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end), this.#frameBytes);
    this.#frameBytes += end - at;
    return end;
  }

  /** A buffer with room for `bytes` of the frame. */
  #ensure(bytes: number): Uint8Array {
    const frame = this.#frame ?? EMPTY;
    if (frame.length >= bytes) return frame;
    const capacity = this.#capacityFor(bytes);
    const taken = capacity - frame.length;
    if (this.#budget.take(this.#sink, taken)) return this.#grow(frame, capacity);
    // These bytes have come: they are kept, and no more are read.
    this.#budget.force(bytes - frame.length);
    return this.#grow(frame, bytes);
  }

  #capacityFor(bytes: number): number {
    if (this.#frameLength <= POOLED_BYTES) return POOLED_BYTES;
    return Math.min(this.#frameLength, Math.max(FIRST_BYTES_MAX, 2 * bytes));
  }

  #grow(frame: Uint8Array, capacity: number): Uint8Array {
    const pooled = capacity === POOLED_BYTES ? POOL.pop() : undefined;
    const grown = pooled ?? Buffer.allocUnsafeSlow(capacity);
    grown.set(frame.subarray(0, this.#frameBytes));
    recycle(frame);
    this.#frame = grown;
    return grown;
  }

  /** Whether the next chunk may come. */
  #hasRoom(): boolean {
    const frame = this.#frame ?? EMPTY;
    if (frame.length > this.#frameBytes) return true;
    const capacity = this.#capacityFor(this.#frameBytes + 1);
    if (!this.#budget.take(this.#sink, capacity - frame.length)) return false;
    this.#grow(frame, capacity);
    return true;
  }

  /** Asks again after "wait". */
  retry(): "ok" | "wait" {
    return this.#frame === undefined || this.#hasRoom() ? "ok" : "wait";
  }

  #handOver(): boolean {
    const frame = this.#frame as Uint8Array;
    this.#frame = undefined;
    const goesOn = this.#sink.onFrame(frame, 0, this.#frameLength);
    this.#free(frame);
    return goesOn;
  }

  #free(frame: Uint8Array): void {
    recycle(frame);
    this.#budget.release(this.#sink, frame.length);
  }
}

const EMPTY = new Uint8Array(0);

function recycle(buffer: Uint8Array): void {
  if (buffer.length === POOLED_BYTES && POOL.length < POOLED_COUNT_MAX) POOL.push(buffer);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
