/** What a thing that many clients use does when they use it one after the other: the checker asks whether a
 * history can be explained by such an order. */
export interface Model<
  State extends string | number = string | number,
  Operation = unknown,
  Answer = unknown,
> {
  readonly name: string;
  /** These read what a history holds. They throw a HistoryError that says what is wrong with it. */
  initialState(value: unknown): State;
  operation(value: unknown): Operation;
  answer(value: unknown, operation: Operation): Answer;
  /** The state after `operation`, when it is done in `state` and answers `answer`; undefined when it cannot
   * answer that there. Without an answer nobody knows what it answered: any answer will do. States that are
   * equal are the same value. */
  step(state: State, operation: Operation, answer: Answer | undefined): State | undefined;
  /** Where it leaves the state as it is, it can be left out of any later place: it changes nothing there. A
   * write is none, though it may write what stands there already. */
  isRead(operation: Operation, answer: Answer | undefined): boolean;
  callText(operation: Operation, answer: Answer | undefined): string;
  stateText(state: State): string;
}

/** A history that does not mean anything. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
}

/** The fields of a JSON object. */
export function fieldsOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new HistoryError(`${what} must be an object, not ${JSON.stringify(value)}`);
}

export function wholeNumberOf(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new HistoryError(`${what} must be a whole number, not ${JSON.stringify(value)}`);
}
