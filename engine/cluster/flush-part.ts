import type { FlushSink } from "./state-machine.js";

/** What an item counts for beyond its bytes, so that many small ones take no longer than a few large ones. */
const ITEM_OVERHEAD_BYTES = 512;

/** One table's share of a flush (see FlushSource). */
export interface FlushPart {
  dirtyBytes(): number;
  /** Returns the number of items. Nothing is frozen from the flush before. O(1): main is held for it. */
  freeze(): number;
  /** True when no frozen item is left. */
  drain(target: DrainTarget): boolean;
}

/** A sink with the budget of one `drain` call. */
export class DrainTarget {
  readonly #sink: FlushSink;
  #bytesLeft: number;

  constructor(sink: FlushSink, bytesMax: number) {
    this.#sink = sink;
    this.#bytesLeft = bytesMax;
  }

  /** False when the budget is used up or the sink is full: offer the same item again in the next call. */
  put(table: number, key: Uint8Array, value: Uint8Array): boolean {
    if (this.#bytesLeft <= 0) return false;
    if (!this.#sink.put(table, key, value)) return false;
    this.#bytesLeft -= ITEM_OVERHEAD_BYTES + key.length + value.length;
    return true;
  }

  delete(table: number, key: Uint8Array): boolean {
    if (this.#bytesLeft <= 0) return false;
    if (!this.#sink.delete(table, key)) return false;
    this.#bytesLeft -= ITEM_OVERHEAD_BYTES + key.length;
    return true;
  }

  deleteBelow(table: number, key: Uint8Array): boolean {
    if (this.#bytesLeft <= 0) return false;
    if (!this.#sink.deleteBelow(table, key)) return false;
    this.#bytesLeft -= ITEM_OVERHEAD_BYTES + key.length;
    return true;
  }
}
