import { OPERATIONAL_STATE } from "../../core/enums.js";
import type { NodeEntry } from "../nodes/node-entry.js";

/** Above every number of an operational state. */
const HEALTH_STEP = 8;

/** Place of a holder among the members of a read pipeline (spec 03 §6): healthy ones first, read-only or not,
 * then those that are late, the dead ones last; of equal health by operational state, whose numbers are in
 * the order that the reference gives them. */
export function readRank({
  health,
  operationalState,
}: Pick<NodeEntry, "health" | "operationalState">): number {
  const step = health === "DEAD" ? 2 : health === "STALE" ? 1 : 0;
  return step * HEALTH_STEP + OPERATIONAL_STATE[operationalState];
}
