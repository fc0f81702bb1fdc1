/** One use of a thing. */
export interface Call {
  readonly client: number | string;
  /** When it was asked for. Only the order of the times of one history counts, so any unit will do. */
  readonly invokedAt: number;
  /** When the client had the answer. Undefined when it never got one: the operation may have been done at any
   * time since it was asked for, may still be done, or never. */
  readonly returnedAt: number | undefined;
  /** As the thing's model reads it; so is the answer. */
  readonly operation: unknown;
  readonly answer?: unknown;
}

/** All uses of one thing. A history is checked thing by thing: it can be explained when each can. */
export interface Partition {
  readonly name: string;
  /** Name of the model. */
  readonly model: string;
  readonly initialState: unknown;
  readonly calls: readonly Call[];
}

/** A call that has no outcome yet. Exactly one of the three is called, or none: then it has no answer. */
export interface OpenCall {
  returned(answer?: unknown): void;
  /** The thing has said that it was not done and never will be: then it is no part of the history. */
  refused(): void;
}

interface RecordedCall {
  readonly client: number | string;
  readonly invokedAt: number;
  readonly operation: unknown;
  returnedAt: number | undefined;
  answer?: unknown;
}

interface RecordedPartition {
  readonly name: string;
  readonly model: string;
  readonly initialState: unknown;
  readonly calls: Set<RecordedCall>;
}

/** Writes down what the clients of one process do. What happened before something else in it has an earlier
 * time than that, even when the clock has not moved. */
export class HistoryRecorder {
  readonly #clock: () => number;
  readonly #partitions = new Map<string, RecordedPartition>();
  #lastTime = Number.NEGATIVE_INFINITY;

  /** @param clock milliseconds that never go back */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Every thing is declared before it is used. */
  declare(name: string, model: string, initialState: unknown): void {
    this.#partitions.set(name, { name, model, initialState, calls: new Set() });
  }

  invoke(client: number | string, name: string, operation: unknown): OpenCall {
    const partition = this.#partitions.get(name);
    if (partition === undefined) throw new Error(`${name} was not declared`);
    const call: RecordedCall = { client, invokedAt: this.#now(), operation, returnedAt: undefined };
    partition.calls.add(call);
    return {
      returned: (answer) => {
        call.returnedAt = this.#now();
        if (answer !== undefined) call.answer = answer;
      },
      refused: () => partition.calls.delete(call),
    };
  }

  get partitions(): Partition[] {
    return [...this.#partitions.values()].map((partition) => ({
      ...partition,
      calls: [...partition.calls].map((call) => ({ ...call })),
    }));
  }

  #now(): number {
    const now = this.#clock();
    // The smallest step that a number of this size can make would do; a nanosecond is easier to read.
    this.#lastTime = now > this.#lastTime ? now : this.#lastTime + 1e-6;
    return this.#lastTime;
  }
}
