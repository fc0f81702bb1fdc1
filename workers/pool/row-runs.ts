import { ROW_ID } from "../../protocol/codec/report-rows.js";
import { STRIPE_ROWS, stripeOf } from "../shared/container-layout.js";

const RUNS_MIN = 64;

/** Which rows of a report go to which shard: runs of neighbouring rows whose stripes belong to one shard.
 * Used again for every report, so that cutting one allocates nothing. */
export class RowRuns {
  readonly #shardCount: number;
  readonly #rowCounts: Uint32Array;
  #rowBytes = 0;
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
  cutAscending(rows: Uint8Array, rowBytes: number): void {
    const ids = this.#begin(rows, rowBytes);
    const rowCount = rows.length / rowBytes;
    for (let row = 0; row < rowCount; ) {
      const stripe = this.#shardCount === 1 ? 0 : stripeOf(ids.at(row));
      const end = this.#shardCount === 1 ? rowCount : ids.firstFrom((stripe + 1) * STRIPE_ROWS, row);
      this.#add(stripe % this.#shardCount, row, end);
      row = end;
    }
  }

  /** Cuts rows in any order. Rows of one id stay in order, since they go to the same shard. */
  cutUnordered(rows: Uint8Array, rowBytes: number): void {
    const ids = this.#begin(rows, rowBytes);
    const rowCount = rows.length / rowBytes;
    for (let row = 0; row < rowCount; row++)
      this.#add(stripeOf(ids.at(row)) % this.#shardCount, row, row + 1);
  }

  /** Copies the rows of `shard` to `target.bytes` from `target.offset` on, in order. */
  copy(
    shard: number,
    rows: Uint8Array,
    target: { readonly bytes: Uint8Array; readonly offset: number },
  ): void {
    let at = target.offset;
    for (let run = 0; run < this.#runCount; run++) {
      if (this.#shards[run] !== shard) continue;
      const start = (this.#starts[run] as number) * this.#rowBytes;
      const end = (this.#starts[run + 1] as number) * this.#rowBytes;
      target.bytes.set(start === 0 && end === rows.length ? rows : rows.subarray(start, end), at);
      at += end - start;
    }
  }

  #begin(rows: Uint8Array, rowBytes: number): RowIds {
    this.#rowBytes = rowBytes;
    this.#runCount = 0;
    this.#rowCounts.fill(0);
    return new RowIds(rows, rowBytes);
  }

  #add(shard: number, start: number, end: number): void {
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

/** The id column of rows. */
class RowIds {
  readonly #view: DataView;
  readonly #rowBytes: number;
  readonly #count: number;

  constructor(rows: Uint8Array, rowBytes: number) {
    this.#view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
    this.#rowBytes = rowBytes;
    this.#count = rows.length / rowBytes;
  }

  at(row: number): number {
    return this.#view.getFloat64(row * this.#rowBytes + ROW_ID, true);
  }

  /** First row behind `row` with an id of at least `id`: in steps that double, then halve, since stripes
   * hold a few of a node's rows or all of them. */
  firstFrom(id: number, row: number): number {
    let low = row + 1;
    let step = 1;
    while (low + step <= this.#count && this.at(low + step - 1) < id) {
      low += step;
      step *= 2;
    }
    let high = Math.min(this.#count, low + step - 1);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
