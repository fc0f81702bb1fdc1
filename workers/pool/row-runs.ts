import { ROW_ID } from "../../protocol/codec/report-rows.js";
import { STRIPE_ROWS, stripeOf } from "../shared/container-layout.js";

const RUNS_MIN = 64;

/** Which rows of a report go to which shard: runs of neighbouring rows whose stripes belong to one shard. Reused, so that
 * cutting a report allocates nothing. */
export class RowRuns {
  readonly #shardCount: number;
  readonly #rowCounts: Uint32Array;
  #shards = new Uint8Array(RUNS_MIN);
  /** First row of each run; one more than runs: the end of the last. */
  #starts = new Uint32Array(RUNS_MIN + 1);
  #runCount = 0;

  constructor(shardCount: number) {
    this.#shardCount = shardCount;
    this.#rowCounts = new Uint32Array(shardCount);
  }

  /** Rows of `shard` in the report that was cut last. */
  rowCount(shard: number): number {
    return this.#rowCounts[shard] as number;
  }

  /** Cuts rows that ascend by id: only the rows at the borders of stripes are looked at. */
  cutAscending(view: DataView, rowBytes: number): void {
    const rowCount = view.byteLength / rowBytes;
    this.#begin();
    if (this.#shardCount === 1) {
      this.#add(0, 0, rowCount);
      return;
    }
    for (let row = 0; row < rowCount; ) {
      const stripe = stripeOf(view.getFloat64(row * rowBytes + ROW_ID, true));
      const end = lowerBound(view, rowBytes, row, rowCount, (stripe + 1) * STRIPE_ROWS);
      this.#add(stripe % this.#shardCount, row, end);
      row = end;
    }
  }

  /** Cuts rows in any order. Rows of one id stay in order, since they go to the same shard. */
  cutUnordered(view: DataView, rowBytes: number): void {
    const rowCount = view.byteLength / rowBytes;
    this.#begin();
    if (this.#shardCount === 1) {
      this.#add(0, 0, rowCount);
      return;
    }
    for (let row = 0; row < rowCount; row++) {
      const stripe = stripeOf(view.getFloat64(row * rowBytes + ROW_ID, true));
      this.#add(stripe % this.#shardCount, row, row + 1);
    }
  }

  /** Copies the rows of `shard` to `target` from `offset` on, in order. */
  copy(shard: number, rows: Uint8Array, rowBytes: number, target: Uint8Array, offset: number): void {
    let at = offset;
    for (let run = 0; run < this.#runCount; run++) {
      if (this.#shards[run] !== shard) continue;
      const start = (this.#starts[run] as number) * rowBytes;
      const end = (this.#starts[run + 1] as number) * rowBytes;
      target.set(start === 0 && end === rows.length ? rows : rows.subarray(start, end), at);
      at += end - start;
    }
  }

  #begin(): void {
    this.#runCount = 0;
    this.#rowCounts.fill(0);
  }

  #add(shard: number, start: number, end: number): void {
    if (end === start) return;
    (this.#rowCounts[shard] as number) += end - start;
    if (this.#runCount > 0 && this.#shards[this.#runCount - 1] === shard) {
      this.#starts[this.#runCount] = end;
      return;
    }
    if (this.#runCount === this.#shards.length) this.#grow();
    this.#shards[this.#runCount] = shard;
    this.#starts[this.#runCount] = start;
    this.#starts[++this.#runCount] = end;
  }

  #grow(): void {
    const shards = new Uint8Array(this.#shards.length * 2);
    const starts = new Uint32Array(shards.length + 1);
    shards.set(this.#shards);
    starts.set(this.#starts);
    this.#shards = shards;
    this.#starts = starts;
  }
}

/** First row in [from, end) with an id of at least `id`, else `end`. */
function lowerBound(view: DataView, rowBytes: number, from: number, end: number, id: number): number {
  let low = from;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (view.getFloat64(middle * rowBytes + ROW_ID, true) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
