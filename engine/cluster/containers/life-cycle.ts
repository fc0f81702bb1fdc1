import type { ContainerEvent, ContainerState } from "../../core/enums.js";

/** A cell of the table of spec 02 §4.1: the next state, `self` = accepted and nothing changes. A missing cell
 * is an invalid transition. */
type Cells = Partial<Record<ContainerEvent, ContainerState | "self">>;

const TRANSITIONS: Readonly<Record<ContainerState, Cells>> = {
  OPEN: { FINALIZE: "CLOSING" },
  CLOSING: { FINALIZE: "self", QUASI_CLOSE: "QUASI_CLOSED", CLOSE: "CLOSED" },
  QUASI_CLOSED: { FINALIZE: "self", QUASI_CLOSE: "self", FORCE_CLOSE: "CLOSED", DELETE: "DELETING" },
  CLOSED: { FINALIZE: "self", QUASI_CLOSE: "self", CLOSE: "self", FORCE_CLOSE: "self", DELETE: "DELETING" },
  DELETING: {
    FINALIZE: "self",
    QUASI_CLOSE: "self",
    CLOSE: "self",
    FORCE_CLOSE: "self",
    DELETE: "self",
    CLEANUP: "DELETED",
  },
  DELETED: {
    FINALIZE: "self",
    QUASI_CLOSE: "self",
    CLOSE: "self",
    FORCE_CLOSE: "self",
    DELETE: "self",
    CLEANUP: "self",
  },
  RECOVERING: {},
};

/** The state after `event`: the same one when it is accepted without effect, undefined when it is not
 * allowed. */
export function nextState(state: ContainerState, event: ContainerEvent): ContainerState | undefined {
  const next = TRANSITIONS[state][event];
  return next === "self" ? state : next;
}

/** States in which a report may still raise the sequence id (spec 02 §18 rule 1): later ones are final, so
 * that a stale replica is told from a newer one. */
export const SEQUENCE_RISES_IN: ReadonlySet<ContainerState> = new Set(["OPEN", "CLOSING", "QUASI_CLOSED"]);
