import { assert } from "../../engine/core/assert.js";

/** Ids from `first` to `last`, both included. */
export interface IdSpan {
  readonly first: bigint;
  readonly last: bigint;
}

/** Everything that was ever given out of one sequence, by whichever leader: nothing may be given twice
 * (S6). */
export class IssuedIds {
  readonly #name: string;
  readonly #ids = new Set<bigint>();
  readonly #spans: IdSpan[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** Ids that were given one by one. */
  get count(): number {
    return this.#ids.size;
  }

  /** One id. */
  give(id: bigint): void {
    assert(!this.#ids.has(id), `${this.#name} ${id} was given twice`);
    assert(!this.isInSpan(id), `${this.#name} ${id} was given before, in a range`);
    this.#ids.add(id);
  }

  /** A whole range for one user. */
  giveSpan(span: IdSpan): void {
    const text = `${this.#name} ${span.first}…${span.last}`;
    for (const { first, last } of this.#spans) {
      assert(span.first > last || span.last < first, `${text} was given before`);
    }
    for (const id of this.#ids) {
      assert(id < span.first || id > span.last, `${text} holds ${id}, which was given before`);
    }
    this.#spans.push(span);
  }

  /** Whether it belongs to a range that was given as a whole. */
  isInSpan(id: bigint): boolean {
    return this.#spans.some(({ first, last }) => first <= id && id <= last);
  }
}
