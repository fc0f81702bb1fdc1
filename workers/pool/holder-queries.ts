import { assert } from "../../engine/core/assert.js";
import type { StrataError } from "../../engine/core/errors.js";
import type { HolderBatch } from "./holder-batch.js";

/** The batch is filled, or a shard could not answer. */
export type HoldersDone = (error: StrataError | undefined) => void;

interface Query {
  readonly batch: HolderBatch;
  /** By shard: the containers that it was asked about, as positions in the batch, and how many of them it
   * has answered. */
  readonly positions: readonly (readonly number[])[];
  readonly answered: number[];
  leftCount: number;
  readonly onHolders: HoldersDone;
}

/** Batches that shards are asked about. */
export class HolderQueries {
  readonly #queries = new Map<number, Query>();

  get count(): number {
    return this.#queries.size;
  }

  add(
    ticket: number,
    query: {
      readonly batch: HolderBatch;
      readonly positions: readonly (readonly number[])[];
      readonly onHolders: HoldersDone;
    },
  ): void {
    const { batch, positions, onHolders } = query;
    const answered = positions.map(() => 0);
    const leftCount = batch.containerIds.length;
    this.#queries.set(ticket, { batch, positions, answered, leftCount, onHolders });
  }

  /** A shard's answer about the next containers of a batch, all or some: as in HOLDERS. */
  answered(ticket: number, shard: number, words: Uint32Array, wordCount: number): void {
    const query = this.#queries.get(ticket);
    // One that failed because another shard was lost or had no room.
    if (query === undefined) return;
    const positions = query.positions[shard] as readonly number[];
    for (let at = 0; at < wordCount; ) {
      const position = positions[(query.answered[shard] as number)++];
      assert(position !== undefined, "a shard has answered more than it was asked");
      const count = words[at] as number;
      query.batch.fill(position, words, at + 1, count);
      at += 1 + count;
      query.leftCount--;
    }
    if (query.leftCount > 0) return;
    this.#queries.delete(ticket);
    query.onHolders(undefined);
  }

  /** A shard was lost. */
  fail(shard: number, error: StrataError): void {
    for (const [ticket, query] of [...this.#queries]) {
      if ((query.positions[shard] as readonly number[]).length === 0) continue;
      this.#queries.delete(ticket);
      query.onHolders(error);
    }
  }
}
