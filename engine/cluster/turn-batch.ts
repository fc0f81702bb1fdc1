import { assert } from "../core/assert.js";
import { ByteReader } from "../core/byte-reader.js";
import { ByteWriter } from "../core/byte-writer.js";
import { isCount } from "../core/ids.js";
import type { Operation } from "./operation.js";
import { readOperation, writeOperation } from "./operation-codec.js";

/** Payload of an entry, little-endian: time of the proposer f64 @0 (epoch ms), count u32 @8, then for each
 * operation its length u32 and its bytes. An empty payload holds no batch: a leader's first entry. */
export const BATCH_HEADER_BYTES = 12;
const COUNT_OFFSET = 8;

/** Gathers the operations of one event-loop turn into one payload. */
export class TurnBatch {
  readonly #writer = new ByteWriter(16 * 1024);
  #count = 0;
  /** Where the last operation starts. */
  #lastStart = BATCH_HEADER_BYTES;

  constructor() {
    this.#clear();
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of the payload so far. */
  get bytes(): number {
    return this.#writer.length;
  }

  /** Encodes `operation` at the end; returns its position in the batch, 0, 1, 2 … */
  add(operation: Operation): number {
    const start = this.#writer.length;
    this.#lastStart = start;
    this.#writer.u32(0);
    writeOperation(this.#writer, operation);
    this.#writer.patchU32(start, this.#writer.length - start - 4);
    return this.#count++;
  }

  /** Takes the operation of the last `add` out again. */
  dropLast(): void {
    assert(this.#count > 0, "the batch is empty");
    assert(this.#writer.length > this.#lastStart, "the last operation was taken out already");
    this.#writer.truncate(this.#lastStart);
    this.#count--;
  }

  /** The payload, a copy; the batch is empty afterwards. `nowMs` is the wall clock's epoch
   * time, whole. */
  take(nowMs: number): Uint8Array {
    assert(this.#count > 0, "an empty batch is not proposed");
    assert(isCount(nowMs), "time is not in whole milliseconds");
    const payload = this.#writer.take();
    const view = new DataView(payload.buffer);
    view.setFloat64(0, nowMs, true);
    view.setUint32(COUNT_OFFSET, this.#count, true);
    this.#clear();
    return payload;
  }

  #clear(): void {
    this.#count = 0;
    this.#writer.reset();
    this.#writer.f64(0);
    this.#writer.u32(0);
  }
}

export interface DecodedBatch {
  readonly nowMs: number;
  readonly operations: readonly Operation[];
}

/** Takes a payload apart, for tools that show what a log holds; `apply` reads in place instead. Throws
 * RangeError. */
export function readTurnBatch(payload: Uint8Array): DecodedBatch {
  if (payload.length === 0) return { nowMs: 0, operations: [] };
  const reader = new ByteReader(payload);
  const nowMs = reader.f64();
  const operations: Operation[] = [];
  for (let left = reader.u32(); left > 0; left--)
    operations.push(readOperation(new ByteReader(reader.bytes())));
  if (reader.remaining > 0) throw new RangeError(`${reader.remaining} bytes too many`);
  return { nowMs, operations };
}
