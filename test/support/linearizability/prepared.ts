import type { Partition } from "./history.js";
import { HistoryError, type Model } from "./model.js";
import { modelNamed } from "./models.js";

/** A call as the search takes it. */
export interface PreparedCall {
  readonly client: number | string;
  readonly invokedAt: number;
  /** Infinity when it never got an answer. */
  readonly returnedAt: number;
  readonly operation: unknown;
  /** Undefined when it never got one. */
  readonly answer: unknown;
  /** Equal for equal operations. */
  readonly operationKey: string;
}

export interface PreparedPartition {
  readonly name: string;
  readonly model: Model;
  readonly initialState: string | number;
  readonly calls: readonly PreparedCall[];
}

/** Lets the model read everything. Throws a HistoryError when something does not mean anything. */
export function prepare({ name, model: modelName, initialState, calls }: Partition): PreparedPartition {
  const model = modelNamed(modelName);
  try {
    return {
      name,
      model,
      initialState: model.initialState(initialState),
      calls: calls.map(({ client, invokedAt, returnedAt, operation: value, answer }) => {
        if (!Number.isFinite(invokedAt)) throw new HistoryError("a call has no time");
        if (returnedAt !== undefined && !(returnedAt >= invokedAt)) {
          throw new HistoryError(`a call of ${invokedAt} has its answer at ${returnedAt}`);
        }
        const operation = model.operation(value);
        return {
          client,
          invokedAt,
          returnedAt: returnedAt ?? Number.POSITIVE_INFINITY,
          operation,
          answer: returnedAt === undefined ? undefined : model.answer(answer, operation),
          operationKey: JSON.stringify(operation),
        };
      }),
    };
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
    throw new HistoryError(`${name}: ${error.message}`, { cause: error });
  }
}
