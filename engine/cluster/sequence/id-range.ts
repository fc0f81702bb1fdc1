import { assert } from "../../core/assert.js";
import type { Term } from "../../core/ids.js";
import type { Reservation } from "../operation-result.js";

const TWO_32 = 2 ** 32;

/** Numbers of one sequence that this SCM may hand out as leader: only from reservations that were applied in
 * the present term (raft.md §13: HDDS-8973, two leaders that gave out the same ids). What is left when
 * the term ends is lost. 64-bit ids cost no bigint each: a range is its first number, in two halves, and an
 * offset. */
export class IdRange {
  #term: Term;
  #baseHigh = 0;
  #baseLow = 0;
  #taken = 0;
  #count = 0;
  readonly #next: Reservation[] = [];
  #nextCount = 0;
  #firstTaken = 0;

  constructor(term: Term) {
    this.#term = term;
  }

  /** Numbers that can be taken now. */
  get available(): number {
    return this.#count - this.#taken + this.#nextCount;
  }

  /** At least half of the range in use is taken, and none waits behind it: it is time to reserve the next
   * one. */
  get isRunningOut(): boolean {
    return this.#nextCount === 0 && this.#taken * 2 >= this.#count;
  }

  /** A new term has begun, or this SCM stopped leading: all is dropped. */
  startTerm(term: Term): void {
    assert(term >= this.#term, "the term fell");
    this.#term = term;
    this.#taken = 0;
    this.#count = 0;
    this.#next.length = 0;
    this.#nextCount = 0;
  }

  /** A reservation was applied by an entry of `term`; one of an older term is lost. */
  add(reservation: Reservation, term: Term): void {
    if (term !== this.#term) return;
    if (this.available === 0) {
      this.#use(reservation);
      return;
    }
    this.#next.push(reservation);
    this.#nextCount += reservation.count;
  }

  /** Takes up to `countMax` consecutive numbers and says how many; 0 when there is none. `high` and `low`
   * then tell which. */
  take(countMax: number): number {
    if (this.#taken === this.#count) {
      const next = this.#next.shift();
      if (next === undefined) return 0;
      this.#nextCount -= next.count;
      this.#use(next);
    }
    const count = Math.min(countMax, this.#count - this.#taken);
    this.#firstTaken = this.#taken;
    this.#taken += count;
    return count;
  }

  /** Upper half of the number `offset` behind the first one that the last `take` gave. */
  high(offset: number): number {
    return this.#baseHigh + Math.floor((this.#baseLow + this.#firstTaken + offset) / TWO_32);
  }

  /** Its lower half. */
  low(offset: number): number {
    return (this.#baseLow + this.#firstTaken + offset) % TWO_32;
  }

  #use({ first, count }: Reservation): void {
    this.#baseHigh = Number(first >> 32n);
    this.#baseLow = Number(first & 0xffff_ffffn);
    this.#count = count;
    this.#taken = 0;
  }
}
