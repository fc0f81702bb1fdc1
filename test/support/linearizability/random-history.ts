import type { Random } from "../../../engine/core/random.js";
import type { Call, Partition } from "./history.js";

/** So that all orders can be tried. */
const CALLS_MAX = 6;
const MOMENTS = 12;
const REGISTER_VALUES = 3;

export type ModelName = "register" | "sequence" | "membership";

/** A handful of calls with answers that may be right or wrong, about as often. */
export function randomPartition(model: ModelName, random: Random): Partition {
  const count = 1 + random.below(CALLS_MAX);
  const calls = Array.from({ length: count }, (_, client): Call => {
    const a = random.below(MOMENTS);
    const b = random.below(MOMENTS);
    const returnedAt = random.below(5) === 0 ? undefined : Math.max(a, b);
    return { client, invokedAt: Math.min(a, b), returnedAt, ...randomCall(model, random) };
  });
  return { name: model, model, initialState: 0, calls };
}

function randomCall(model: ModelName, random: Random): Pick<Call, "operation" | "answer"> {
  const isRead = random.below(2) === 0;
  switch (model) {
    case "register": {
      const value = random.below(REGISTER_VALUES);
      return isRead ? { operation: { read: true }, answer: value } : { operation: { write: value } };
    }
    case "sequence":
      return { operation: { reserve: 1 + random.below(2) }, answer: random.below(10) };
    case "membership": {
      const version = random.below(4);
      const members = ["a", "b"][random.below(2)];
      if (isRead) return { operation: { read: true }, answer: { version, members } };
      const refused = random.below(3) === 0;
      const answer = refused ? { version, refused } : { version: version + 1 };
      return { operation: { change: random.below(4) }, answer };
    }
  }
}

/** What a service may do wrong. */
export type Bug =
  /** A read is answered by one that has not heard of the last change. */
  | "stale read"
  /** A change is answered and not made. */
  | "lost update"
  /** A change is made, and made again later. */
  | "double execution"
  /** A read is answered with something that nobody wrote. */
  | "thin air";

export interface WholeHistoryOptions {
  readonly random: Random;
  readonly callCount: number;
  /** At work at a time. */
  readonly clientCount: number;
  /** How many of all calls never get an answer. */
  readonly unknownRate: number;
  readonly bug?: Bug;
}

const BUG_RATE = 0.1;
/** Between the calls of a client; a call takes up to 2. */
const PAUSE_MAX = 4;

/** What clients of a register see, who ask one call after the other; half of them are writes, each of another
 * value. */
export function wholeHistory(options: WholeHistoryOptions): Partition {
  const { random, callCount, clientCount, unknownRate, bug } = options;
  const calls: Call[] = [];
  const freeAt = new Float64Array(clientCount);
  const moments = Array.from({ length: callCount }, () => {
    const client = random.below(clientCount);
    const invokedAt = (freeAt[client] as number) + random.fraction() * PAUSE_MAX;
    const doneAt = invokedAt + random.fraction();
    const returnedAt = doneAt + random.fraction();
    freeAt[client] = returnedAt;
    return { client, invokedAt, doneAt, returnedAt };
  });
  const service = new RegisterService(random, bug);
  for (const { client, invokedAt, returnedAt } of moments.sort((a, b) => a.doneAt - b.doneAt)) {
    const isUnknown = random.fraction() < unknownRate;
    const call = { client, invokedAt, returnedAt: isUnknown ? undefined : returnedAt };
    if (random.below(2) === 0) calls.push({ ...call, operation: { read: true }, answer: service.read() });
    else {
      calls.push({ ...call, operation: { write: calls.length } });
      if (!isUnknown || random.below(2) === 0) service.write(calls.length - 1);
    }
  }
  return { name: "a register", model: "register", initialState: 0, calls };
}

class RegisterService {
  readonly #random: Random;
  readonly #bug: Bug | undefined;
  #value = 0;
  #valueBefore = 0;
  #repeated: number | undefined;

  constructor(random: Random, bug: Bug | undefined) {
    this.#random = random;
    this.#bug = bug;
  }

  read(): number {
    if (this.#strikes("thin air")) return -1;
    if (this.#strikes("stale read")) return this.#valueBefore;
    if (this.#repeated !== undefined) {
      this.#value = this.#repeated;
      this.#repeated = undefined;
    }
    return this.#value;
  }

  write(value: number): void {
    if (this.#strikes("lost update")) return;
    if (this.#strikes("double execution")) this.#repeated = this.#value;
    this.#valueBefore = this.#value;
    this.#value = value;
  }

  #strikes(bug: Bug): boolean {
    return this.#bug === bug && this.#random.fraction() < BUG_RATE;
  }
}
