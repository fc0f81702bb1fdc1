/** Thrown when our own code is wrong. Never caught, never retried: the process ends with exit code 70 and
 * start is the recovery (architecture: failure rules). */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Always on, in production too. Split compound conditions, so that the message names the one that failed. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Closes a `switch` over a union: a new variant breaks the build of every consumer. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
