import { AssertionError } from "../../engine/core/assert.js";
import { ERRORS, type ErrorCode, type ErrorDetails, StrataError } from "../../engine/core/errors.js";

/** An error on its way between threads: copying an Error object would lose its class, code and details. */
export interface WorkerFailure {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code: ErrorCode | undefined;
  readonly details: ErrorDetails;
}

export function describeFailure(error: unknown): WorkerFailure {
  const known = error instanceof Error ? error : new Error(String(error));
  const isCoded = known instanceof StrataError;
  return {
    name: known.name,
    message: known.message,
    stack: known.stack ?? known.message,
    code: isCoded ? known.code : undefined,
    details: isCoded ? known.details : {},
  };
}

/** The error again, with its class and the stack of the thread where it was thrown. */
export function reviveFailure(failure: WorkerFailure): Error {
  const error = createError(failure);
  error.stack = failure.stack;
  return error;
}

function createError({ name, message, code, details }: WorkerFailure): Error {
  if (code !== undefined && code in ERRORS) return new StrataError(code, details);
  if (name === "AssertionError") return new AssertionError(message);
  return Object.assign(new Error(message), { name });
}
