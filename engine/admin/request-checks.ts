import type { SessionStamp } from "../cluster/operation.js";
import { NO_SESSION } from "../cluster/operation.js";
import { StrataError } from "../core/errors.js";
import { type ContainerId, containerId } from "../core/ids.js";

/** Throws StrataError INVALID_ARGUMENT unless 1 ≤ `value` ≤ `max`. */
export function checkCount(field: string, value: number, max: number): void {
  if (value >= 1 && value <= max) return;
  throw new StrataError("INVALID_ARGUMENT", { field, reason: `must be 1 to ${max}, is ${value}` });
}

/** Throws StrataError INVALID_ARGUMENT for 0, which is no container. */
export function checkContainerId(id: number): ContainerId {
  if (id > 0) return containerId(id);
  throw new StrataError("INVALID_ARGUMENT", { field: "containerId", reason: "must be positive" });
}

/** The session of a mutating request. Throws StrataError SESSION_SEQUENCE when it cannot be one. */
export function stampOf(request: SessionStamp): SessionStamp {
  const { sessionId, sequence, ackedSequence } = request;
  if (sessionId === 0) return NO_SESSION;
  if (sequence === 0 || ackedSequence >= sequence) throw new StrataError("SESSION_SEQUENCE", { sequence });
  return { sessionId, sequence, ackedSequence };
}
