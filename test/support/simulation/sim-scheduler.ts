import { AssertionError, assert } from "../../../engine/core/assert.js";
import type { Scheduler, Timer } from "../../../engine/core/scheduler.js";

/** Virtual duration of an event-loop turn that has nothing but end-of-turn work. Not zero, so that work which
 * asks for another turn again and again cannot stop the time. */
const TURN_MS = 0.01;

/** One queue of events for everything in a simulation, in virtual time: nothing happens between events, and
 * the same calls give the same order. Ties are broken by the order of scheduling.
 *
 * After an event its promises settle, then the end-of-turn tasks run, then their promises settle, then the
 * next event comes. Promises must not wait for anything outside of the simulation. */
export class SimScheduler implements Scheduler {
  readonly #heap: SimEvent[] = [];
  #nowMs = 0;
  #scheduledCount = 0;
  #ranCount = 0;
  #digest = 0x811c9dc5;
  #endOfTurnTasks: (() => void)[] = [];
  #isInEvent = false;
  #waiters: Waiter[] = [];
  #isRunning = false;

  /** Virtual milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get eventCount(): number {
    return this.#ranCount;
  }

  /** Hash over time and number of every event so far: two runs that agree on it ran alike. */
  get digest(): number {
    return this.#digest >>> 0;
  }

  after(delayMs: number, task: () => void): Timer {
    assert(delayMs >= 0, "delay is negative");
    const event = new SimEvent(this.#nowMs + delayMs, this.#scheduledCount++, task);
    pushEvent(this.#heap, event);
    return event;
  }

  every(intervalMs: number, task: () => void): Timer {
    assert(intervalMs > 0, "interval must be positive");
    let isCancelled = false;
    const run = (): void => {
      task();
      if (!isCancelled) next = this.after(intervalMs, run);
    };
    let next = this.after(intervalMs, run);
    return {
      cancel: () => {
        isCancelled = true;
        next.cancel();
      },
    };
  }

  endOfTurn(task: () => void): void {
    this.#endOfTurnTasks.push(task);
    // Within an event its end is near; from anywhere else a turn of its own must come.
    if (!this.#isInEvent && this.#endOfTurnTasks.length === 1) this.after(TURN_MS, () => {});
  }

  /** Runs all events up to `untilMs`, which is the time afterwards. */
  run(untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wait({ isDone: () => false, dueMs: untilMs, resolve, reject, onDue: resolve });
    });
  }

  /** Runs events until `condition` holds after one; throws when it does not within `limitMs` from now, saying
   * what did not come true. Several may wait at once. */
  async runUntil(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
    await settlePromises();
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const onDue = (): void =>
        reject(new AssertionError(`not within ${limitMs} ms of virtual time: ${what}`));
      this.#wait({ isDone: condition, dueMs: this.#nowMs + limitMs, resolve, reject, onDue });
    });
  }

  /** Runs until `promise` settles, and gives its result. */
  async settle<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let isSettled = false;
    const onSettled = (): void => {
      isSettled = true;
    };
    promise.then(onSettled, onSettled);
    await this.runUntil("a promise settles", () => isSettled, limitMs);
    return promise;
  }

  /** `run` for simulations without promises; much faster. */
  runSync(untilMs: number): void {
    for (let event = this.#next(untilMs); event !== undefined; event = this.#next(untilMs)) {
      this.#enter(event);
      this.#runEndOfTurn();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #wait(waiter: Waiter): void {
    this.#waiters.push(waiter);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#runForWaiters().catch((error: unknown) => {
      this.#isRunning = false;
      this.#isInEvent = false;
      for (const { reject } of this.#waiters.splice(0)) reject(error);
    });
  }

  /** Runs events as long as somebody waits for one. */
  async #runForWaiters(): Promise<void> {
    while (this.#waiters.length > 0) {
      const first = this.#waiters.reduce((a, b) => (b.dueMs < a.dueMs ? b : a));
      const event = this.#next(first.dueMs);
      if (event === undefined) {
        this.#nowMs = Math.max(this.#nowMs, first.dueMs);
        first.onDue();
        await this.#release([first]);
        continue;
      }
      await this.#runEvent(event);
      const done = this.#waiters.filter(({ isDone }) => isDone());
      for (const { resolve } of done) resolve();
      if (done.length > 0) await this.#release(done);
    }
    this.#isRunning = false;
  }

  /** Lets those who waited act before the next event. They may wait again. */
  async #release(done: readonly Waiter[]): Promise<void> {
    await settlePromises();
    this.#waiters = this.#waiters.filter((waiter) => !done.includes(waiter));
  }

  async #runEvent(event: SimEvent): Promise<void> {
    this.#enter(event);
    await settlePromises();
    if (this.#runEndOfTurn()) await settlePromises();
  }

  #next(untilMs: number): SimEvent | undefined {
    for (let event = this.#heap[0]; event !== undefined; event = this.#heap[0]) {
      if (event.dueMs > untilMs) return undefined;
      popEvent(this.#heap);
      if (!event.isCancelled) return event;
    }
    return undefined;
  }

  #enter(event: SimEvent): void {
    assert(!this.#isInEvent, "an event must not run the simulation");
    assert(event.dueMs >= this.#nowMs, "time goes back");
    this.#nowMs = event.dueMs;
    this.#ranCount++;
    this.#mix(event.order);
    this.#mix(event.dueMs * 1000);
    this.#isInEvent = true;
    event.run();
  }

  /** False when there was none. */
  #runEndOfTurn(): boolean {
    this.#isInEvent = false;
    const tasks = this.#endOfTurnTasks;
    if (tasks.length === 0) return false;
    this.#endOfTurnTasks = [];
    for (const task of tasks) task();
    return true;
  }

  #mix(value: number): void {
    this.#digest = Math.imul(this.#digest ^ value, 0x01000193);
  }
}

/** Someone for whom the simulation runs: until `isDone` after an event, or until there is no event up to
 * `dueMs`. */
interface Waiter {
  readonly isDone: () => boolean;
  readonly dueMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly onDue: () => void;
}

class SimEvent implements Timer {
  readonly dueMs: number;
  readonly order: number;
  #task: (() => void) | undefined;

  constructor(dueMs: number, order: number, task: () => void) {
    this.dueMs = dueMs;
    this.order = order;
    this.#task = task;
  }

  get isCancelled(): boolean {
    return this.#task === undefined;
  }

  cancel(): void {
    this.#task = undefined;
  }

  run(): void {
    const task = this.#task;
    this.#task = undefined;
    task?.();
  }

  isBefore(other: SimEvent): boolean {
    return this.dueMs < other.dueMs || (this.dueMs === other.dueMs && this.order < other.order);
  }
}

/** Lets every promise that can settle do so: the real event loop turns only when no microtask is left. */
function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pushEvent(heap: SimEvent[], event: SimEvent): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex] as SimEvent;
    if (!event.isBefore(parent)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = event;
}

/** Removes the first event. */
function popEvent(heap: SimEvent[]): void {
  const last = heap.pop() as SimEvent;
  if (heap.length === 0) return;
  let index = 0;
  for (;;) {
    let childIndex = 2 * index + 1;
    const left = heap[childIndex];
    if (left === undefined) break;
    if (heap[childIndex + 1]?.isBefore(left)) childIndex++;
    const child = heap[childIndex] as SimEvent;
    if (!child.isBefore(last)) break;
    heap[index] = child;
    index = childIndex;
  }
  heap[index] = last;
}
