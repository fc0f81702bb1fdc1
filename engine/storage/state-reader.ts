import { compareBytes, keyAfter } from "../core/compare-bytes.js";
import type { StoreCursor } from "../core/disk.js";
import { ChunkWriter, chunkCrc, continueTotal } from "./snapshot-chunk.js";
import { checkedValue } from "./state-rows.js";

/** Rows read at once. */
const STEP_ROWS = 64;
const CHUNK_INITIAL_BYTES = 256 * 1024;

/** Where a reader goes on, and up to what size. */
export interface ChunkRequest {
  /** The last row that was read; empty at the beginning. */
  readonly after: Uint8Array;
  /** Checksum of all rows up to there. */
  readonly total: number;
  readonly bytesMax: number;
}

/** A piece of the state. */
export interface StateChunk {
  /** Rows (snapshot-chunk.ts); valid until the next `read`. Empty only at the end. */
  readonly rows: Uint8Array;
  readonly rowCount: number;
  readonly crc: number;
  /** Key of the last row; that of the request when there is none. */
  readonly lastKey: Uint8Array;
  /** Checksum of all rows up to the end of this chunk. */
  readonly total: number;
  /** There are no more rows. */
  readonly isLast: boolean;
}

/** A state that is held open, however much is written meanwhile: for sending it elsewhere, or for loading it.
 * Several members may be at different places of it. */
export class StateReader {
  readonly #cursor: StoreCursor;
  readonly #chunk = new ChunkWriter(CHUNK_INITIAL_BYTES);
  /** Read from the cursor, and beyond the last chunk. */
  #ahead: (readonly [key: Uint8Array, stored: Uint8Array])[] = [];
  /** Key of the last row that a chunk held. */
  #position: Uint8Array = NO_KEY;

  constructor(cursor: StoreCursor) {
    this.#cursor = cursor;
  }

  /** The value of one row, undefined when there is none. Throws CorruptionError STATE_CORRUPT. */
  value(key: Uint8Array): Uint8Array | undefined {
    let value: Uint8Array | undefined;
    this.#goTo(key);
    this.#cursor.next(1, (found, stored) => {
      if (compareBytes(found, key) === 0) value = checkedValue(found, stored);
    });
    this.#goTo(FIRST_KEY);
    this.#position = NO_KEY;
    return value;
  }

  /** The next rows, each of them checked. Throws CorruptionError STATE_CORRUPT. */
  read({ after, total, bytesMax }: ChunkRequest): StateChunk {
    if (compareBytes(after, this.#position) !== 0)
      this.#goTo(after.length === 0 ? FIRST_KEY : keyAfter(after));
    const chunk = this.#chunk;
    chunk.reset();
    let lastKey = after;
    let newTotal = total;
    for (;;) {
      if (this.#ahead.length === 0 && !this.#fetch()) break;
      let taken = 0;
      for (const [key, stored] of this.#ahead) {
        if (!chunk.add(key, stored, bytesMax)) break;
        checkedValue(key, stored);
        newTotal = continueTotal(newTotal, stored);
        lastKey = key;
        taken++;
      }
      this.#ahead.splice(0, taken);
      if (this.#ahead.length > 0) break;
    }
    this.#position = lastKey;
    const rows = chunk.view();
    const isLast = this.#ahead.length === 0;
    return { rows, rowCount: chunk.rowCount, crc: chunkCrc(rows), lastKey, total: newTotal, isLast };
  }

  close(): void {
    this.#cursor.close();
  }

  #goTo(key: Uint8Array): void {
    this.#cursor.seek(key);
    this.#ahead = [];
  }

  /** False at the end. */
  #fetch(): boolean {
    return this.#cursor.next(STEP_ROWS, (key, stored) => this.#ahead.push([key, stored])) > 0;
  }
}

const NO_KEY = new Uint8Array(0);
/** Of a reader's range. */
const FIRST_KEY = Uint8Array.of(1);
