import type { PreparedCall, PreparedPartition } from "./prepared.js";
import { CallSet, Visited } from "./visited.js";

export interface SearchLimits {
  /** On the clock of `performance`. */
  readonly dueMs: number;
  readonly bytesMax: number;
}

/** A call of an order, and the state after it. */
export interface Placed {
  readonly call: PreparedCall;
  readonly state: string | number;
}

export type SearchOutcome =
  | { readonly kind: "found"; readonly order: readonly Placed[] }
  /** There is none; `order` is the longest that could not be continued. */
  | { readonly kind: "none"; readonly order: readonly Placed[] }
  | { readonly kind: "given up"; readonly reason: string };

/** An order of `calls` that explains all answers.
 *
 * Wing and Gong's search with Lowe's memory, as in Porcupine: the invocations and answers stand in a list in
 * the order of their times. Any call that was invoked before the first answer in the list may come next. It
 * is taken out with its answer, and so on from the front, until no answer is left; where the front is an
 * answer whose call did not fit, the last choice is taken back. A set of placed calls that was reached before
 * with the same state leads nowhere new. Three more things leave out orders that need not be tried:
 *
 * - A read that fits now is placed at once and for good: wherever else it stood, it could stand here.
 * - One without an answer is not placed where it changes nothing: it need never be.
 * - Of equal ones without an answer the oldest comes first.
 */
export function search(
  { model, initialState }: PreparedPartition,
  calls: readonly PreparedCall[],
  limits: SearchLimits,
): SearchOutcome {
  return new Search({ model, initialState }, calls, limits).run();
}

/** A choice that can be taken back. */
interface Frame {
  readonly call: number;
  readonly stateBefore: number;
  /** The others need not be tried. */
  readonly isForGood: boolean;
}

const NONE = -1;
const STEPS_BETWEEN_LOOKS_AT_THE_CLOCK = 256;

class Search {
  readonly #model: PreparedPartition["model"];
  /** By invocation. */
  readonly #calls: readonly PreparedCall[];
  readonly #limits: SearchLimits;
  readonly #list: EventList;
  readonly #placed: CallSet;
  readonly #visited: Visited;
  /** By call: 1 for one that was answered and only looked. */
  readonly #isRead: Uint8Array;
  /** For a call without an answer: the one before it that is its equal, else NONE. */
  readonly #twins: Int32Array;
  /** States get numbers as they are met. */
  readonly #states: (string | number)[] = [];
  readonly #stateNumbers = new Map<string | number, number>();
  readonly #frames: Frame[] = [];
  #longest: readonly Placed[] = [];
  #state: number;
  #openAnswerCount: number;
  #stepCount = 0;

  constructor(
    { model, initialState }: Pick<PreparedPartition, "model" | "initialState">,
    calls: readonly PreparedCall[],
    limits: SearchLimits,
  ) {
    this.#model = model;
    this.#calls = [...calls].sort((a, b) => a.invokedAt - b.invokedAt);
    this.#limits = limits;
    this.#list = new EventList(this.#calls);
    this.#placed = new CallSet(calls.length);
    this.#visited = new Visited(limits);
    this.#isRead = Uint8Array.from(this.#calls, (call) =>
      hasAnswer(call) && model.isRead(call.operation, call.answer) ? 1 : 0,
    );
    this.#twins = twinsOf(this.#calls);
    this.#state = this.#numberOf(initialState);
    this.#openAnswerCount = calls.filter(hasAnswer).length;
  }

  run(): SearchOutcome {
    let event = this.#placeReads();
    while (this.#openAnswerCount > 0) {
      const reason = this.#reasonToGiveUp();
      if (reason !== undefined) return { kind: "given up", reason };
      const call = event === NONE ? NONE : this.#list.invokedBy(event);
      if (call === NONE) {
        event = this.#takeBack();
        if (event === NONE) return { kind: "none", order: this.#longest };
      } else if (this.#place(call, this.#stateAfter(call), false)) {
        event = this.#placeReads();
      } else {
        event = this.#list.after(event);
      }
    }
    return { kind: "found", order: this.#order() };
  }

  /** Places, from a set that was not reached before, the reads that fit. Answers with the event from which
   * on to try, NONE when all that is to be tried here was tried before. */
  #placeReads(): number {
    for (;;) {
      const call = this.#readThatFits();
      if (call === NONE) return this.#list.first;
      if (!this.#place(call, this.#state, true)) return NONE;
    }
  }

  #readThatFits(): number {
    const list = this.#list;
    for (let event = list.first; event !== list.end; event = list.after(event)) {
      const call = list.invokedBy(event);
      if (call === NONE) return NONE;
      if (this.#isRead[call] === 1 && this.#stateAfter(call) === this.#state) return call;
    }
    return NONE;
  }

  /** False, and nothing happens, when that leads nowhere. */
  #place(call: number, stateAfter: number, isForGood: boolean): boolean {
    if (stateAfter === NONE) return false;
    const isAnswered = hasAnswer(this.#callAt(call));
    if (!isAnswered && !this.#isWorthPlacing(call, stateAfter)) return false;
    this.#placed.add(call);
    if (!this.#visited.add(this.#placed, stateAfter)) {
      this.#placed.delete(call);
      return false;
    }
    this.#frames.push({ call, stateBefore: this.#state, isForGood });
    this.#list.take(call);
    this.#state = stateAfter;
    if (isAnswered) this.#openAnswerCount--;
    return true;
  }

  /** For a call without an answer. */
  #isWorthPlacing(call: number, stateAfter: number): boolean {
    const twin = this.#twins[call] as number;
    return stateAfter !== this.#state && (twin === NONE || this.#placed.has(twin));
  }

  /** Takes the last choice back, and all that followed from it for good; answers with the event behind it,
   * NONE when there is no choice left. */
  #takeBack(): number {
    if (this.#frames.length > this.#longest.length) this.#longest = this.#order();
    for (let frame = this.#frames.pop(); frame !== undefined; frame = this.#frames.pop()) {
      const { call, stateBefore, isForGood } = frame;
      this.#placed.delete(call);
      this.#list.putBack(call);
      this.#state = stateBefore;
      if (hasAnswer(this.#callAt(call))) this.#openAnswerCount++;
      if (!isForGood) return this.#list.after(this.#list.eventOf(call));
    }
    return NONE;
  }

  #stateAfter(call: number): number {
    const { operation, answer } = this.#callAt(call);
    const state = this.#model.step(this.#stateNumbered(this.#state), operation, answer);
    return state === undefined ? NONE : this.#numberOf(state);
  }

  #reasonToGiveUp(): string | undefined {
    if (++this.#stepCount % STEPS_BETWEEN_LOOKS_AT_THE_CLOCK !== 0) return undefined;
    if (performance.now() > this.#limits.dueMs) return `no time left after ${this.#visited.count} states`;
    return this.#visited.isFull ? `no memory left after ${this.#visited.count} states` : undefined;
  }

  #order(): Placed[] {
    return this.#frames.map(({ call }, index) => ({
      call: this.#callAt(call),
      state: this.#stateNumbered(this.#frames[index + 1]?.stateBefore ?? this.#state),
    }));
  }

  #callAt(call: number): PreparedCall {
    return this.#calls[call] as PreparedCall;
  }

  #stateNumbered(number: number): string | number {
    return this.#states[number] as string | number;
  }

  #numberOf(state: string | number): number {
    let number = this.#stateNumbers.get(state);
    if (number === undefined) {
      number = this.#states.push(state) - 1;
      this.#stateNumbers.set(state, number);
    }
    return number;
  }
}

/** Invocations and answers in the order of their times; at the same time invocations come first, so that
 * calls that touch count as concurrent. Doubly linked: calls are taken out and put back in reverse. */
class EventList {
  /** Behind the last event. */
  readonly end: number;
  /** By event: the call that it invokes, or NONE for an answer. */
  readonly #invoked: Int32Array;
  /** By call: its events, the answer's NONE when it has none. */
  readonly #invocations: Int32Array;
  readonly #answers: Int32Array;
  /** Closed to a ring by `end`. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(calls: readonly PreparedCall[]) {
    const events = calls.flatMap((call, index) => [
      { time: call.invokedAt, call: index, isAnswer: false },
      ...(hasAnswer(call) ? [{ time: call.returnedAt, call: index, isAnswer: true }] : []),
    ]);
    events.sort((a, b) => a.time - b.time || Number(a.isAnswer) - Number(b.isAnswer));
    this.end = events.length;
    this.#invoked = new Int32Array(events.length).fill(NONE);
    this.#invocations = new Int32Array(calls.length);
    this.#answers = new Int32Array(calls.length).fill(NONE);
    this.#next = new Int32Array(events.length + 1);
    this.#previous = new Int32Array(events.length + 1);
    for (const [event, { call, isAnswer }] of events.entries()) {
      if (isAnswer) this.#answers[call] = event;
      else {
        this.#invocations[call] = event;
        this.#invoked[event] = call;
      }
    }
    for (let event = 0; event <= this.end; event++) {
      this.#next[event] = event === this.end ? 0 : event + 1;
      this.#previous[event] = event === 0 ? this.end : event - 1;
    }
  }

  get first(): number {
    return this.#next[this.end] as number;
  }

  after(event: number): number {
    return this.#next[event] as number;
  }

  /** The call that begins here; NONE for an answer. */
  invokedBy(event: number): number {
    return this.#invoked[event] as number;
  }

  eventOf(call: number): number {
    return this.#invocations[call] as number;
  }

  take(call: number): void {
    this.#take(this.#invocations[call] as number);
    const answer = this.#answers[call] as number;
    if (answer !== NONE) this.#take(answer);
  }

  /** Of those that are taken out the last one. */
  putBack(call: number): void {
    const answer = this.#answers[call] as number;
    if (answer !== NONE) this.#putBack(answer);
    this.#putBack(this.#invocations[call] as number);
  }

  #take(event: number): void {
    const next = this.#next[event] as number;
    const previous = this.#previous[event] as number;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  #putBack(event: number): void {
    this.#next[this.#previous[event] as number] = event;
    this.#previous[this.#next[event] as number] = event;
  }
}

function hasAnswer({ returnedAt }: PreparedCall): boolean {
  return returnedAt < Number.POSITIVE_INFINITY;
}

function twinsOf(calls: readonly PreparedCall[]): Int32Array {
  const last = new Map<string, number>();
  return Int32Array.from(calls, (call, index) => {
    if (hasAnswer(call)) return NONE;
    const twin = last.get(call.operationKey) ?? NONE;
    last.set(call.operationKey, index);
    return twin;
  });
}
