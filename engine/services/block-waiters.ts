import type { Scheduler, Timer } from "../core/scheduler.js";

/** What those who wait may cost in one step, in pipelines looked at: half a millisecond. One who wants many
 * of them avoided may have to look at all. */
export const WORK_PER_STEP = 8192;
/** Between two steps, so that other work comes in between. */
const STEP_MS = 2;

export interface BlockWaitersParts<W> {
  readonly scheduler: Scheduler;
  /** False: it waits on. */
  readonly attempt: (waiter: W) => boolean;
  /** What all attempts together have cost so far. */
  readonly work: () => number;
}

/** Those who wait for room, in the order in which they came. When there may be room all of them look, in
 * turn: in as many steps as that takes, so that nobody holds up what does not wait. */
export class BlockWaiters<W> {
  readonly #parts: BlockWaitersParts<W>;
  /** Those that have looked in this round, or came since. */
  #waiting: W[] = [];
  /** Those that are still to look: from `#dueAt` on. */
  #due: W[] = [];
  #dueAt = 0;
  #isRoundWanted = false;
  #isStepDue = false;
  #timer: Timer | undefined;

  constructor(parts: BlockWaitersParts<W>) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#waiting.length + this.#due.length - this.#dueAt;
  }

  add(waiter: W): void {
    this.#waiting.push(waiter);
  }

  /** All look, from the end of this turn on; who has looked in a round that is not over does so once more. */
  wake(): void {
    if (this.count === 0) return;
    this.#isRoundWanted = true;
    if (this.#isStepDue) return;
    this.#isStepDue = true;
    this.#parts.scheduler.endOfTurn(() => this.#step());
  }

  /** Takes out who waits no more, without waiting for its turn. */
  takeOut(isOver: (waiter: W) => boolean): W[] {
    const over: W[] = [];
    const stays = (waiter: W): boolean => {
      if (isOver(waiter)) over.push(waiter);
      else return true;
      return false;
    };
    this.#due = this.#due.slice(this.#dueAt).filter(stays);
    this.#dueAt = 0;
    this.#waiting = this.#waiting.filter(stays);
    return over;
  }

  takeAll(): W[] {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isStepDue = false;
    return this.takeOut(() => true);
  }

  #step(): void {
    if (!this.#isStepDue) return;
    const { attempt, work, scheduler } = this.#parts;
    const end = work() + WORK_PER_STEP;
    while (this.#hasDue() && work() < end) {
      const waiter = this.#due[this.#dueAt++] as W;
      if (!attempt(waiter)) this.#waiting.push(waiter);
    }
    this.#isStepDue = this.#hasDue();
    if (this.#isStepDue) this.#timer = scheduler.after(STEP_MS, () => this.#step());
  }

  /** Begins the next round when the last one is over and another one is wanted. */
  #hasDue(): boolean {
    if (this.#dueAt < this.#due.length) return true;
    this.#due = [];
    this.#dueAt = 0;
    if (!this.#isRoundWanted) return false;
    this.#isRoundWanted = false;
    [this.#due, this.#waiting] = [this.#waiting, this.#due];
    return this.#due.length > 0;
  }
}
