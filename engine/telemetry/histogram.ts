import { assert } from "../core/assert.js";

export interface HistogramSample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Counts values in buckets whose upper bounds double; observing allocates nothing. Bounds are `smallest ×
 * 2^i`. */
export class Histogram {
  readonly #bounds: Float64Array;
  /** One more than bounds: the last one counts what exceeds all of them. */
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  /** @param smallest upper bound of the first bucket, > 0, in the unit of the observed values
   * @param bucketCount 1 … 64 */
  constructor(smallest: number, bucketCount: number) {
    assert(smallest > 0, "smallest bound must be positive");
    assert(bucketCount >= 1 && bucketCount <= 64, "1 to 64 buckets");
    this.#bounds = Float64Array.from({ length: bucketCount }, (_, i) => smallest * 2 ** i);
    this.#counts = new Float64Array(bucketCount + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket++;
    (this.#counts[bucket] as number)++;
    this.#sum += value;
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Upper bound of the bucket that holds the given share of all values, Infinity above the last bound, 0
   * when nothing was observed. `share` 0 … 1. */
  quantile(share: number): number {
    assert(share >= 0 && share <= 1, "share is 0 to 1");
    if (this.#count === 0) return 0;
    let seen = 0;
    for (let i = 0; i < this.#counts.length; i++) {
      seen += this.#counts[i] as number;
      if (seen >= share * this.#count && seen > 0) return this.#bounds[i] ?? Number.POSITIVE_INFINITY;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The samples of a Prometheus histogram called `name`. */
  samples(name: string): HistogramSample[] {
    let seen = 0;
    const samples: HistogramSample[] = Array.from(this.#counts, (count, i) => {
      seen += count;
      return { metricName: `${name}_bucket`, labels: { le: String(this.#bounds[i] ?? "+Inf") }, value: seen };
    });
    samples.push({ metricName: `${name}_sum`, labels: {}, value: this.#sum });
    samples.push({ metricName: `${name}_count`, labels: {}, value: this.#count });
    return samples;
  }
}
