import type { LayoutVersion } from "../../../protocol/schema/records.js";
import type { NodeHealth } from "../../core/enums.js";
import type { NodeEvent } from "./node-types.js";

export interface HealthFacts {
  /** The last heartbeat is not older than the stale interval. */
  readonly isFresh: boolean;
  /** The last heartbeat is older than the dead interval. */
  readonly isGone: boolean;
  /** Both layout versions are the SCM's. */
  readonly layoutsMatch: boolean;
  /** The SCM is finalized, so a datanode with another layout may only be read (spec 01 §1.5). */
  readonly mismatchCounts: boolean;
}

export interface HealthStep {
  readonly to: NodeHealth;
  readonly event: NodeEvent;
}

const READ_ONLY: HealthStep = { to: "HEALTHY_READONLY", event: "HEALTHY_READONLY_NODE" };
const HEALTHY: HealthStep = { to: "HEALTHY", event: "READ_ONLY_HEALTHY_TO_HEALTHY_NODE" };
const STALE: HealthStep = { to: "STALE", event: "STALE_NODE" };
const DEAD: HealthStep = { to: "DEAD", event: "DEAD_NODE" };
const NO_STEPS: readonly HealthStep[] = [];

/** One tick of the health state machine (spec 01 §7.2): the steps in order, each with its event; the last one
 * counts. Both tests of a row use the state at the start of the tick, so a node never goes from HEALTHY to
 * DEAD, nor from STALE or DEAD to HEALTHY, in one tick. */
export function healthSteps(health: NodeHealth, facts: HealthFacts): readonly HealthStep[] {
  switch (health) {
    case "HEALTHY": {
      const isMismatch = facts.mismatchCounts && !facts.layoutsMatch;
      if (facts.isFresh) return isMismatch ? [READ_ONLY] : NO_STEPS;
      return isMismatch ? [READ_ONLY, STALE] : [STALE];
    }
    case "HEALTHY_READONLY":
      if (facts.isFresh) return facts.layoutsMatch ? [HEALTHY] : NO_STEPS;
      return facts.layoutsMatch ? [HEALTHY, STALE] : [STALE];
    case "STALE":
      if (facts.isGone) return [DEAD];
      return facts.isFresh ? [READ_ONLY] : NO_STEPS;
    case "DEAD":
      return facts.isFresh ? [READ_ONLY] : NO_STEPS;
  }
}

/** What tells the services again that a node in this health is there, when its operational state changed. */
export const EVENT_OF_HEALTH: Readonly<Record<NodeHealth, NodeEvent>> = {
  HEALTHY: "READ_ONLY_HEALTHY_TO_HEALTHY_NODE",
  HEALTHY_READONLY: "HEALTHY_READONLY_NODE",
  STALE: "STALE_NODE",
  DEAD: "DEAD_NODE",
};

export function isSameLayout(a: LayoutVersion, b: LayoutVersion): boolean {
  return a.metadata === b.metadata && a.software === b.software;
}
