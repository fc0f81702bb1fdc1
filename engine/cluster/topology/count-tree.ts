/** Counts by index with their running sums (a Fenwick tree), so that the index under which the n-th thing
 * falls is found in logarithmic time. Allocates only when it grows. */
export class CountTree {
  #counts = new Int32Array(16);
  /** Entry i, from 1 on: sum of the counts of the (lowest set bit of i) indexes that end at i − 1. */
  #sums = new Int32Array(16 + 1);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  countOf(index: number): number {
    return this.#counts[index] ?? 0;
  }

  /** O(log indexes). */
  add(index: number, change: number): void {
    if (index >= this.#counts.length) this.#grow(index);
    this.#counts[index] = this.countOf(index) + change;
    this.#total += change;
    const sums = this.#sums;
    for (let i = index + 1; i < sums.length; i += i & -i) sums[i] = (sums[i] as number) + change;
  }

  /** The index under which thing `place` falls, 0 ≤ place < total. O(log indexes). */
  find(place: number): number {
    const sums = this.#sums;
    let before = 0;
    let rest = place;
    for (let step = this.#counts.length; step > 0; step >>>= 1) {
      const sum = sums[before + step];
      if (sum === undefined || sum > rest) continue;
      before += step;
      rest -= sum;
    }
    return before;
  }

  #grow(index: number): void {
    const counts = this.#counts;
    let capacity = counts.length;
    while (capacity <= index) capacity *= 2;
    this.#counts = new Int32Array(capacity);
    this.#sums = new Int32Array(capacity + 1);
    this.#total = 0;
    for (let i = 0; i < counts.length; i++) this.add(i, counts[i] as number);
  }
}
