import type { Term } from "../../core/ids.js";
import type { Reservation } from "../operation-result.js";
import { IdRange } from "../sequence/id-range.js";

/** Of a reservation. */
const COUNT_MAX = 2 ** 31;
/** How long a range should last: two seconds' worth, so that the next one is there long before. */
const RANGE_MS = 2000;
const PACE_MS_MIN = 1;

export interface LocalIdsOptions {
  /** `ozone.scm.sequence.id.batch.size`. */
  readonly batchCount: number;
  /** Proposes to reserve `count` numbers, as leader of `term`. `reserved` or `failed` follows. */
  readonly reserve: (count: number, term: Term) => void;
  readonly nowMs: () => number;
}

/** Local ids of blocks (spec 05 §3). The first request of a term waits for its range: a leader that nobody
 * asks for blocks writes nothing. The next range is reserved when half of the present one is taken, and as
 * large as the demand: a commit for a thousand ids would be one for each millisecond. */
export class LocalIds {
  readonly #options: LocalIdsOptions;
  readonly #range: IdRange;
  #term: Term;
  #isServing = false;
  #isReserving = false;
  /** Somebody wanted ids in this term. */
  #isAsked = false;
  /** Since the last reservation was asked for. */
  #takenCount = 0;
  #askedMs = 0;
  /** More than a range has ever had was asked for at once. */
  #missing = 0;

  constructor(options: LocalIdsOptions, term: Term) {
    this.#options = options;
    this.#range = new IdRange(term);
    this.#term = term;
  }

  /** Numbers that can be taken now. */
  get available(): number {
    return this.#range.available;
  }

  /** This SCM leads in `term`, and has applied everything before it. */
  startTerm(term: Term): void {
    this.#range.startTerm(term);
    this.#term = term;
    this.#isServing = true;
    this.#isAsked = false;
    this.#isReserving = false;
    this.#askedMs = this.#options.nowMs();
    this.#takenCount = 0;
    this.#missing = 0;
  }

  /** What is left of the term's ids is lost. */
  endTerm(term: Term): void {
    this.#range.startTerm(term);
    this.#isServing = false;
  }

  /** A reservation that was asked for in `term` was applied. */
  reserved(reservation: Reservation, term: Term): void {
    if (term !== this.#term || !this.#isServing) return;
    this.#isReserving = false;
    this.#range.add(reservation, term);
    this.reserveWhenDue();
  }

  /** It was not; `reserveWhenDue` asks again. */
  failed(term: Term): void {
    if (term === this.#term) this.#isReserving = false;
  }

  /** Whether `count` can be taken now; when not, a range that holds as many is asked for. */
  has(count: number): boolean {
    if (this.#range.available >= count) return true;
    this.#isAsked = true;
    this.#missing = Math.max(this.#missing, count);
    this.reserveWhenDue();
    return false;
  }

  /** Takes up to `countMax` consecutive ids, of which `high` and `low` then tell. */
  take(countMax: number): number {
    const count = this.#range.take(countMax);
    this.#takenCount += count;
    if (this.#range.isRunningOut) this.reserveWhenDue();
    return count;
  }

  high(offset: number): number {
    return this.#range.high(offset);
  }

  low(offset: number): number {
    return this.#range.low(offset);
  }

  reserveWhenDue(): void {
    const isDue = this.#range.isRunningOut || this.#missing > this.#range.available;
    if (this.#isReserving || !this.#isServing || !this.#isAsked || !isDue) return;
    const nowMs = this.#options.nowMs();
    const paceMs = Math.max(PACE_MS_MIN, nowMs - this.#askedMs);
    const wanted = Math.ceil((this.#takenCount * RANGE_MS) / paceMs) + this.#missing;
    this.#isReserving = true;
    this.#askedMs = nowMs;
    this.#takenCount = 0;
    this.#missing = 0;
    this.#options.reserve(Math.min(COUNT_MAX, Math.max(this.#options.batchCount, wanted)), this.#term);
  }
}
