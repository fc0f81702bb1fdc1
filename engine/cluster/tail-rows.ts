import { compareBytes } from "../core/compare-bytes.js";
import type { TailRow } from "./state-machine.js";

/** Of the objects that hold a row. */
const ROW_OVERHEAD_BYTES = 128;

/** Changed rows by ascending key, the last change of each. Keys that ascend are added at the end; another one
 * moves those after it. */
export class TailRows {
  #rows: TailRow[] = [];
  /** Memory that they take, about. */
  bytes = 0;

  get length(): number {
    return this.#rows.length;
  }

  at(position: number): TailRow | undefined {
    return this.#rows[position];
  }

  set(row: TailRow): void {
    const last = this.#rows.at(-1);
    this.bytes += bytesOf(row);
    if (last === undefined || compareBytes(row.key, last.key) > 0) {
      this.#rows.push(row);
      return;
    }
    const position = this.positionOf(row.key);
    const old = this.#rows[position] as TailRow;
    const isSame = compareBytes(old.key, row.key) === 0;
    if (isSame) this.bytes -= bytesOf(old);
    this.#rows.splice(position, isSame ? 1 : 0, row);
  }

  /** Of the first row at or after `key`. */
  positionOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes((this.#rows[middle] as TailRow).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function bytesOf({ key, value }: TailRow): number {
  return ROW_OVERHEAD_BYTES + key.length + (value?.length ?? 0);
}
