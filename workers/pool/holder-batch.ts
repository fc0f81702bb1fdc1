import { indexOfHolder, nodeOfHolder } from "../shared/holder-records.js";

/** Containers that one question names, and who holds each, in the order of the containers. Used again and
 * again: nothing is allocated once it has been as large before. */
export class HolderBatch {
  /** Filled by who asks. The same id may stand here more than once. */
  readonly containerIds: number[] = [];
  /** Where the holders of each begin in `#words`. */
  readonly #starts: number[] = [];
  readonly #counts: number[] = [];
  #words = new Uint32Array(1024);
  #wordCount = 0;

  clear(): void {
    this.containerIds.length = 0;
    this.#starts.length = 0;
    this.#counts.length = 0;
    this.#wordCount = 0;
  }

  /** Takes over the holders of the container at `position`: `count` words of `words` from `at` on. */
  fill(position: number, words: Uint32Array, at: number, count: number): void {
    const start = this.#wordCount;
    const end = start + count;
    if (end > this.#words.length) this.#grow(end);
    for (let i = 0; i < count; i++) this.#words[start + i] = words[at + i] as number;
    this.#starts[position] = start;
    this.#counts[position] = count;
    this.#wordCount = end;
  }

  count(position: number): number {
    return this.#counts[position] as number;
  }

  /** Slot of holder number `index`. */
  node(position: number, index: number): number {
    return nodeOfHolder(this.#words[(this.#starts[position] as number) + index] as number);
  }

  replicaIndex(position: number, index: number): number {
    return indexOfHolder(this.#words[(this.#starts[position] as number) + index] as number);
  }

  /** Keeps the holders with a rank, those of lower ranks first; equal ones stay in order. Few, so that they
   * are inserted one by one. */
  rank(position: number, rankOf: (node: number) => number | undefined): void {
    const start = this.#starts[position] as number;
    const count = this.#counts[position] as number;
    const words = this.#words;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const word = words[start + i] as number;
      const rank = rankOf(nodeOfHolder(word));
      if (rank === undefined) continue;
      let at = start + kept++;
      for (; at > start && (rankOf(nodeOfHolder(words[at - 1] as number)) as number) > rank; at--) {
        words[at] = words[at - 1] as number;
      }
      words[at] = word;
    }
    this.#counts[position] = kept;
  }

  #grow(wordCount: number): void {
    const words = new Uint32Array(2 ** Math.ceil(Math.log2(wordCount)));
    words.set(this.#words);
    this.#words = words;
  }
}
