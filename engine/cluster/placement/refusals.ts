import { StrataError } from "../../core/errors.js";

/** Why a choice failed. Hadoop clients know these codes by number (spec 05 §1.7):
 * FAILED_TO_FIND_HEALTHY_NODES 4, FAILED_TO_FIND_NODES_WITH_SPACE 5, FAILED_TO_FIND_SUITABLE_NODE 6,
 * INVALID_CAPACITY 7. */

export function noHealthyNodes(required: number): StrataError {
  return new StrataError("FAILED_TO_FIND_HEALTHY_NODES", { required });
}

export function noSpace(required: number, found: number): StrataError {
  return new StrataError("FAILED_TO_FIND_NODES_WITH_SPACE", { required, found });
}

export function noSuitableNode(required: number, reason: string): StrataError {
  return new StrataError("FAILED_TO_FIND_SUITABLE_NODE", { required, reason });
}

export function invalidCapacity(count: number): StrataError {
  return new StrataError("INVALID_CAPACITY", { count });
}
