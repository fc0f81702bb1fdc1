import { Fifo } from "../../../engine/core/fifo.js";

/** Of those who wait, how many are asked for each frame that ends: with thousands in line and little room
 * most would only wait again. */
const ASKED_COUNT_MAX = 16;

/** Who holds bytes of a budget and may have to wait for more. */
export interface BudgetHolder {
  /** There are bytes again, or nobody else is left to wait for: ask again. False: it has no use for them. */
  budgetFreed(): boolean;
}

/** Bytes that all connections together may hold of frames that have not come whole (spec 12 §2.3). Who gets
 * none stops reading and waits in line. The first in the line may take what its frame needs beyond the limit:
 * without that, connections that each hold a part would wait for each other for ever. So the limit is
 * exceeded by one frame at most, and by what each of the others had in hand. */
export class ByteBudget {
  readonly #limit: number;
  readonly #waiting = new Fifo<BudgetHolder>();
  #privileged: BudgetHolder | undefined;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** False when there is not so much; `force` then, for what is in hand already, and `wait`. */
  take(holder: BudgetHolder, bytes: number): boolean {
    if (this.#used + bytes > this.#limit && this.#privileged !== holder) return false;
    this.#used += bytes;
    return true;
  }

  /** Takes what cannot be refused any more. */
  force(bytes: number): void {
    this.#used += bytes;
  }

  /** `holder.budgetFreed` is called later, or at once. */
  wait(holder: BudgetHolder): void {
    this.#waiting.push(holder);
    if (this.#privileged === undefined) this.#promote();
  }

  /** Gives back what a frame held that is whole, or never will be. */
  release(holder: BudgetHolder, bytes: number): void {
    this.#used -= bytes;
    if (this.#privileged === holder) this.#privileged = undefined;
    // Who gets too little waits again, at the end.
    const count = Math.min(this.#waiting.length, ASKED_COUNT_MAX);
    for (let left = count; left > 0 && this.#used < this.#limit; left--) {
      this.#waiting.shift()?.budgetFreed();
    }
    if (this.#privileged === undefined) this.#promote();
  }

  #promote(): void {
    for (;;) {
      this.#privileged = this.#waiting.shift();
      if (this.#privileged?.budgetFreed() !== false) return;
    }
  }
}
