import { assert } from "../../engine/core/assert.js";

/** Value below which the share `rank` (0 … 1) of the values lies. O(n log n). */
export function percentile(values: readonly number[], rank: number): number {
  assert(values.length > 0, "percentile of nothing");
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(rank * sorted.length))] as number;
}

const BUCKETS_PER_OCTAVE = 32;
const OCTAVES = 44;

/** Counts of positive values in buckets about 2 % wide, from 1 up to 2^44: recording allocates nothing. */
export class Histogram {
  readonly #counts = new Float64Array(OCTAVES * BUCKETS_PER_OCTAVE);
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get max(): number {
    return this.#max;
  }

  record(value: number): void {
    const bucket = Math.floor(Math.log2(Math.max(1, value)) * BUCKETS_PER_OCTAVE);
    const index = Math.min(this.#counts.length - 1, bucket);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#count++;
    if (value > this.#max) this.#max = value;
  }

  merge(counts: readonly (readonly [number, number])[], max: number): void {
    for (const [index, count] of counts) {
      assert(index < this.#counts.length, "bucket out of range");
      this.#counts[index] = (this.#counts[index] as number) + count;
      this.#count += count;
    }
    this.#max = Math.max(this.#max, max);
  }

  /** The raw histogram: bucket and count of each bucket that is not empty. */
  entries(): [number, number][] {
    const entries: [number, number][] = [];
    this.#counts.forEach((count, index) => {
      if (count > 0) entries.push([index, count]);
    });
    return entries;
  }

  /** Upper edge of the bucket that holds the share `rank`; 0 when empty. */
  percentile(rank: number): number {
    let left = Math.ceil(this.#count * rank);
    for (let i = 0; i < this.#counts.length; i++) {
      left -= this.#counts[i] as number;
      if (left <= 0 && this.#count > 0) return Math.min(this.#max, 2 ** ((i + 1) / BUCKETS_PER_OCTAVE));
    }
    return 0;
  }
}
