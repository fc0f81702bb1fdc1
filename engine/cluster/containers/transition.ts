import { CONTAINER_STATE } from "../../core/enums.js";
import { enumName } from "../enum-name.js";
import type { TransitionContainer } from "../operation.js";
import { DONE, refused } from "../operation-result.js";
import type { OperationResult } from "../state-machine.js";
import type { Containers } from "./containers.js";
import { nextState, SEQUENCE_RISES_IN } from "./life-cycle.js";

/** One step of a container's life (spec 02 §4.2). The sequence id rises to the leader's in the states that
 * allow it; the other figures are taken over with a new state only, so that all SCMs write the same. */
export function applyTransition(
  containers: Containers,
  { containerId, event, sequenceId, usedBytes, keyCount }: TransitionContainer,
  nowMs: number,
): OperationResult {
  const { table, replications } = containers;
  const number = table.state(containerId);
  if (number === 0) return refused("CONTAINER_NOT_FOUND", { containerId });
  const state = enumName(CONTAINER_STATE, number);
  const isEc = replications.valueOf(table.replication(containerId)).type === "EC";
  const next = nextState(state, event);
  // An EC container is never quasi-closed: each replica index is a part of its own (spec 02 §18 rule 5).
  if (next === undefined || (next === "QUASI_CLOSED" && isEc)) {
    return refused("CONTAINER_STATE", { containerId, state, event });
  }
  const known = table.sequenceId(containerId);
  const raised = SEQUENCE_RISES_IN.has(state) ? Math.max(known, sequenceId) : known;
  if (next !== state) {
    containers.enterState(containerId, {
      state: CONTAINER_STATE[next],
      timeMs: nowMs,
      usedBytes,
      keyCount,
      sequenceId: raised,
    });
  } else if (raised > known) {
    containers.raiseSequenceId(containerId, raised);
  }
  return DONE;
}
