import { assert } from "../../core/assert.js";
import type { Term } from "../../core/ids.js";
import type { Reservation } from "../operation-result.js";

/** Numbers of one sequence that this SCM may hand out as leader: only from reservations that were applied in
 * the present term (raft.md §13: HDDS-8973, two leaders that gave out the same ids). What is left when
 * the term ends is lost. 64-bit ids cost no bigint each: a range is its first number and an offset. */
export class IdRange {
  #term: Term;
  #base = 0n;
  #taken = 0;
  #count = 0;
  #next: Reservation | undefined = undefined;

  constructor(term: Term) {
    this.#term = term;
  }

  /** Numbers that can be taken now. */
  get available(): number {
    return this.#count - this.#taken + (this.#next?.count ?? 0);
  }

  /** A new term has begun, or this SCM stopped leading: all is dropped. */
  startTerm(term: Term): void {
    assert(term >= this.#term, "the term fell");
    this.#term = term;
    this.#taken = 0;
    this.#count = 0;
    this.#next = undefined;
  }

  /** A reservation was applied by an entry of `term`; one of an older term is lost. At most one waits behind
   * the range in use. */
  add(reservation: Reservation, term: Term): void {
    if (term !== this.#term) return;
    if (this.#taken === this.#count) {
      this.#use(reservation);
      return;
    }
    assert(this.#next === undefined, "a reservation waits already");
    this.#next = reservation;
  }

  /** Takes one number: its offset from `base`, −1 when there is none. Read `base` afterwards. */
  take(): number {
    if (this.#taken === this.#count) {
      if (this.#next === undefined) return -1;
      this.#use(this.#next);
      this.#next = undefined;
    }
    return this.#taken++;
  }

  /** First number of the range that the last `take` came from. */
  get base(): bigint {
    return this.#base;
  }

  #use(reservation: Reservation): void {
    this.#base = reservation.first;
    this.#count = reservation.count;
    this.#taken = 0;
  }
}
