import { compareBytes } from "../core/compare-bytes.js";
import type { TailRow } from "./state-machine.js";

/** Of the objects that hold a row. */
const ROW_OVERHEAD_BYTES = 128;
/** A fuller piece is split in two. */
const PIECE_ROWS_MAX = 512;

/** Changed rows by ascending key, the last change of each, in pieces: a change in the midst of hundreds of
 * thousands moves a few hundred at most.
 *
 *   [a … f] [g … m] [n … z]      no piece is empty
 */
export class TailRows {
  readonly #pieces: TailRow[][] = [];
  length = 0;
  /** Memory that they take, about. */
  bytes = 0;

  set(row: TailRow): void {
    this.bytes += bytesOf(row);
    const number = this.#pieceOf(row.key);
    const piece = this.#pieces[number];
    if (piece === undefined) {
      this.#pieces.push([row]);
      this.length++;
      return;
    }
    const position = positionIn(piece, row.key);
    const old = piece[position];
    if (old !== undefined && compareBytes(old.key, row.key) === 0) {
      this.bytes -= bytesOf(old);
      piece[position] = row;
      return;
    }
    piece.splice(position, 0, row);
    this.length++;
    if (piece.length > PIECE_ROWS_MAX) this.#pieces.splice(number + 1, 0, piece.splice(PIECE_ROWS_MAX / 2));
  }

  /** At the first row at or after `key`. The rows must not change while it is used. */
  cursor(key: Uint8Array): TailCursor {
    const number = this.#pieceOf(key);
    const piece = this.#pieces[number];
    return new TailCursor(this.#pieces, number, piece === undefined ? 0 : positionIn(piece, key));
  }

  /** Number of the piece where `key` is or would be: the last that begins at or before it. */
  #pieceOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const piece = this.#pieces[middle] as TailRow[];
      if (compareBytes((piece[0] as TailRow).key, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

export class TailCursor {
  readonly #pieces: readonly (readonly TailRow[])[];
  #piece: number;
  #position: number;

  constructor(pieces: readonly (readonly TailRow[])[], piece: number, position: number) {
    this.#pieces = pieces;
    this.#piece = piece;
    this.#position = position;
    this.#settle();
  }

  /** Undefined after the last one. */
  get row(): TailRow | undefined {
    return this.#pieces[this.#piece]?.[this.#position];
  }

  next(): void {
    this.#position++;
    this.#settle();
  }

  /** The end of a piece is the beginning of the next one. */
  #settle(): void {
    if (this.#position < (this.#pieces[this.#piece]?.length ?? 0)) return;
    this.#piece++;
    this.#position = 0;
  }
}

/** Of the first row at or after `key`. */
function positionIn(piece: readonly TailRow[], key: Uint8Array): number {
  let low = 0;
  let high = piece.length;
  // Keys mostly ascend.
  if (high > 0 && compareBytes((piece[high - 1] as TailRow).key, key) < 0) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes((piece[middle] as TailRow).key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bytesOf({ key, value }: TailRow): number {
  return ROW_OVERHEAD_BYTES + key.length + (value?.length ?? 0);
}
